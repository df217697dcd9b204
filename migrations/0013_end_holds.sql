-- Ends of holds: settle whole or in part, give back, expire, extend. The first two are
-- cores that deposits, withdrawals and the chain use as well.

-- Settles all that is held (p_legs null) or p_amounts of p_legs; p_final gives the rest back. The
-- group is SETTLED when nothing remains. The caller has locked the group and checked its kind.
create function ledger_capture(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_legs smallint[], p_amounts numeric[], p_final boolean, p_freeze boolean,
  p_withdrawal withdrawals default null
) returns text
language plpgsql as $$
declare
  r record;
begin
  if p_legs is null then
    select array_agg(l.leg order by l.leg) as legs,
      array_agg(l.wallet_id order by l.leg) as wallets,
        array_agg(l.asset order by l.leg) as assets, array_agg(l.type order by l.leg) as types,
        array_agg(l.remaining order by l.leg) as amounts,
        array_agg('SETTLED'::entry_status) as statuses, true as closes into r
      from transfer_legs l where l.group_id = g.id and l.remaining > 0;
  else
    select u.leg, l.remaining, l.asset, coalesce(u.amount, 0) as amount, a.scale into r
      from (select c.leg, sum(c.amount) as amount from unnest(p_legs, p_amounts) c(leg, amount)
            group by c.leg) u
      left join transfer_legs l on l.group_id = g.id and l.leg = u.leg
      left join assets a on a.code = l.asset
      where l.leg is null or u.amount > l.remaining or min_scale(u.amount) > a.scale
      order by min_scale(u.amount) > a.scale desc nulls last, u.leg limit 1;
    if found and min_scale(r.amount) > r.scale then
      return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, false,
        'INVALID_AMOUNT', format('%s has %s decimals; %s has more.', r.asset, r.scale, r.amount));
    elsif found then
      return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, p_freeze,
        'AMOUNT_EXCEEDS_HELD', case when r.asset is null
          then format('Group %s has no leg %s.', g.id, r.leg)
          else format('Leg %s still holds %s %s; %s is asked.', r.leg, amount_text(r.remaining),
            r.asset, amount_text(r.amount)) end);
    end if;
    -- All SETTLED rows come before the rows that give back.
    with asked as (
      select c.leg, sum(c.amount) as amount from unnest(p_legs, p_amounts) c(leg, amount) group by 1
    ), items as (
      select l.*, u.amount as part, 'SETTLED'::entry_status as status
        from asked u join transfer_legs l on l.group_id = g.id and l.leg = u.leg
      union all
      select l.*, l.remaining - coalesce(u.amount, 0), 'RELEASED'
        from transfer_legs l left join asked u on u.leg = l.leg
        where l.group_id = g.id and p_final and l.remaining > coalesce(u.amount, 0)
    )
    select array_agg(i.leg order by i.status, i.leg) as legs,
        array_agg(i.wallet_id order by i.status, i.leg) as wallets,
        array_agg(i.asset order by i.status, i.leg) as assets,
        array_agg(i.type order by i.status, i.leg) as types,
        array_agg(i.part order by i.status, i.leg) as amounts,
        array_agg(i.status order by i.status, i.leg) as statuses,
        sum(i.part) = (select sum(l.remaining) from transfer_legs l where l.group_id = g.id)
          as closes into r
      from items i;
  end if;
  if r.statuses[1] is distinct from 'SETTLED' then
    return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, p_freeze,
      'UNBALANCED_GROUP', format('Group %s: there is nothing to settle.', g.id));
  end if;
  if r.closes then
    g.status := 'SETTLED';
    if p_withdrawal.group_id is not null then
      p_withdrawal.state := 'settled';
    end if;
  end if;
  return ledger_write(g, false, p_step_key, p_verb, p_actor, p_request,
    case when r.closes then 'group.settled' else 'group.captured' end, 'MOVES',
    r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, p_freeze,
    null, p_withdrawal);
end
$$;

-- Gives back all that remains and closes the group: p_status RELEASED or CANCELLED.
-- The caller has locked the group, and checked its kind and that it is open.
create function ledger_give_back(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_status group_status, p_reason text, p_freeze boolean, p_withdrawal withdrawals default null
) returns text
language plpgsql as $$
declare
  r record;
begin
  select coalesce(array_agg(l.leg order by l.leg), '{}') as legs,
      array_agg(l.wallet_id order by l.leg) as wallets, array_agg(l.asset order by l.leg) as assets,
      array_agg(l.type order by l.leg) as types, array_agg(l.remaining order by l.leg) as amounts,
      array_agg(p_status::text::entry_status) as statuses into r
    from transfer_legs l where l.group_id = g.id and l.remaining > 0;
  g.status := p_status;
  g.reason := p_reason;
  if p_withdrawal.group_id is not null then
    p_withdrawal.state := 'released';
  end if;
  return ledger_write(g, false, p_step_key, p_verb, p_actor, p_request,
    'group.' || lower(p_status::text), 'MOVES',
    r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, p_freeze,
    null, p_withdrawal);
end
$$;

-- Settle of a transfer. p_legs null: everything held.
create function ledger_settle(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_legs smallint[], p_amounts numeric[], p_final boolean, p_freeze boolean
) returns text
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
  v_pair text;
begin
  if p_legs is null then
    v_pair := ledger_end_pair(p_group_id, p_step_key, 'settle', p_actor, p_request, 'SETTLED',
      null);
    if v_pair is not null then
      return v_pair;
    end if;
  end if;
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_act_fault(g, p_step_key, 'settle', p_actor, p_request, p_freeze));
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_capture(g, p_step_key, 'settle', p_actor, p_request, p_legs, p_amounts, p_final,
    p_freeze);
end
$$;

-- Release or cancel of a transfer: p_status says which.
create function ledger_end_transfer(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_status group_status, p_reason text, p_freeze boolean
) returns text
language plpgsql as $$
declare
  c_verb constant text := case p_status when 'RELEASED' then 'release' else 'cancel' end;
  g transfer_groups;
  v_answer jsonb;
  v_pair text;
begin
  v_pair := ledger_end_pair(p_group_id, p_step_key, c_verb, p_actor, p_request, p_status, p_reason);
  if v_pair is not null then
    return v_pair;
  end if;
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_act_fault(g, p_step_key, c_verb, p_actor, p_request, p_freeze));
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_give_back(g, p_step_key, c_verb, p_actor, p_request, p_status, p_reason, p_freeze);
end
$$;

-- The deadline's own act. Not due, or due for another deadline: nothing is stored. A chainless
-- withdrawal's deadline only marks it stuck: use ledger_mark_stuck.
create function ledger_expire(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_expires_at timestamptz
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  if g.status <> 'IN_PROGRESS' then
    return ledger_refuse(g, false, p_step_key, 'expire', p_actor, p_request, false,
      'GROUP_NOT_OPEN', format('Group %s is %s.', g.id, g.status));
  end if;
  if g.expires_at is null or (g.kind = 'withdrawal' and g.chain is null) then
    return ledger_refuse(g, false, p_step_key, 'expire', p_actor, p_request, false,
      'WRONG_KIND', format('No deadline ends group %s.', g.id));
  end if;
  if g.expires_at <> p_expires_at or g.expires_at > clock_timestamp() then
    return jsonb_build_object('outcome', 'not_due', 'expiresAt', rfc3339(g.expires_at),
      'groupStatus', g.status);
  end if;
  if g.kind = 'withdrawal' then
    if ledger_signing_began(g.id) then
      return ledger_refuse(g, false, p_step_key, 'expire', p_actor, p_request, false,
        'MAY_BE_ON_CHAIN', format('Bytes of %s may be on %s; no clock ends it.', g.id, g.chain));
    end if;
    select * into w from withdrawals where group_id = g.id;
  end if;
  return ledger_give_back(g, p_step_key, 'expire', p_actor, p_request, 'CANCELLED', 'EXPIRED', true,
    w);
end
$$;

-- Moves the deadline of an open transfer to p_expires_in seconds from now.
create function ledger_extend(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_expires_in integer
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_act_fault(g, p_step_key, 'extend', p_actor, p_request, true));
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_write(g, false, p_step_key, 'extend', p_actor, p_request, 'group.extended', 'MOVES',
    '{}', '{}', '{}', '{}', '{}', '{}', true, true, p_expires_in);
end
$$;

-- Cancel of a group that may not be there yet: where it is not, a CANCELLED one is written, so that
-- a late first step finds it finished.
create function ledger_tombstone(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_kind group_kind, p_client text, p_reason text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
begin
  perform ledger_lock_new(p_group_id);
  select * into g from transfer_groups where id = p_group_id for update;
  if found then
    v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
      ledger_act_fault(g, p_step_key, 'tombstone', p_actor, p_request, true));
    if v_answer is not null then
      return v_answer;
    end if;
    return ledger_give_back(g, p_step_key, 'tombstone', p_actor, p_request, 'CANCELLED', p_reason,
      true);
  end if;
  g.id := p_group_id;
  g.kind := p_kind;
  g.status := 'CANCELLED';
  g.reason := p_reason;
  g.client := p_client;
  g.metadata := '{}';
  g.opened_by := p_step_key;
  return ledger_write(g, true, p_step_key, 'tombstone', p_actor, p_request, 'group.cancelled',
    'HOLD', '{}', '{}', '{}', '{}', '{}', null, true, true);
end
$$;
