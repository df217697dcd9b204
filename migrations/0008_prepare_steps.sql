-- The parts of a step: its first answer again, a refusal, what stands against it, its rows.

-- The first answer of a step that was decided before, or null. Call it with the group's lock held.
create function ledger_replay(p_group_id text, p_step_key text) returns jsonb
language sql stable
return (
  select o.answer::jsonb || jsonb_build_object('replayed', true, 'request', o.request)
  from operations o where o.group_id = p_group_id and o.step_key = p_step_key
);

-- Says no. With p_freeze the refusal is stored under the step's key, and a new group stays behind
-- as CANCELLED with the code as its reason; without, nothing is written.
create function ledger_refuse(
  g transfer_groups, p_new boolean, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_freeze boolean, p_code text, p_detail text
) returns jsonb
language plpgsql as $$
declare
  v_at timestamptz := clock_timestamp();
  v_answer jsonb;
begin
  if p_new then
    g.status := 'CANCELLED';
    g.reason := p_code;
    g.created_at := v_at;
    g.finished_at := v_at;
    g.xid := pg_current_xact_id();
    if p_freeze then
      insert into transfer_groups select g.*;
      insert into outbox (group_id, event, step_key, created_at)
        values (g.id, 'group.cancelled', p_step_key, v_at);
    end if;
  end if;
  v_answer := jsonb_build_object(
    'outcome', 'refused', 'frozen', p_freeze, 'groupStatus', g.status,
    'refusal', jsonb_build_object('code', p_code, 'detail', p_detail),
    'group', case when not p_new or p_freeze then render_group(g, legs_json(g.id)) end);
  if p_freeze then
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      values (g.id, p_step_key, p_verb, p_actor, p_request, 'refused', v_answer, v_at);
  end if;
  return v_answer;
end
$$;

-- Which asset's settled items do not sum to zero, in a sentence, or null. Items of other statuses
-- do not count; p_all: every item does.
create function ledger_unbalanced(
  p_assets text[], p_types leg_type[], p_amounts numeric[], p_statuses entry_status[],
  p_all boolean
) returns text
language plpgsql as $$
declare
  r record;
begin
  -- The common case. Of one leg settled and the other given back, only one counts.
  if cardinality(p_types) = 2 and p_assets[1] = p_assets[2] and p_types[1] <> p_types[2]
    and p_amounts[1] = p_amounts[2] and (p_all or p_statuses[1] = p_statuses[2]) then
    return null;
  end if;
  select u.asset, sum(case u.type when 'DEBIT' then -u.amount else u.amount end) as sum into r
    from unnest(p_assets, p_types, p_amounts, p_statuses) u(asset, type, amount, status)
    where p_all or u.status = 'SETTLED'
    group by u.asset
    having sum(case u.type when 'DEBIT' then -u.amount else u.amount end) <> 0
    order by u.asset limit 1;
  return case when found then
    format('The %s legs sum to %s, not to 0.', r.asset, amount_text(r.sum)) end;
end
$$;

-- Why new debit legs would exceed a limit, in a sentence, or null. Locks the limits' rows by id.
-- Counts today's principal legs (UTC) without what was given back: a withdrawal's leg 1, of other
-- kinds every debit leg.
--
-- A total is believed where it was counted five minutes after the limit was made or changed: a step
-- that was under way by then, and knew nothing of the limit, has long ended, which takes seconds
-- (statement_timeout). Until then each step counts, so a limit is exact at once.
--
-- All that was held today of those wallets is at least as much, and told by their entries alone.
-- Where even that is within the limit, the groups and legs, some three rows a hold, are not read.
create function ledger_limit_fault(
  p_kind group_kind, p_legs smallint[], p_wallets text[], p_types leg_type[], p_amounts numeric[]
) returns text
language plpgsql as $$
declare
  r limits;
  v_asked numeric;
  v_used numeric;
  v_now timestamptz;
  v_day timestamptz;
begin
  for r in
    select l.* from limits l
    where p_kind = any(l.kinds) and exists (
      select from unnest(p_wallets, p_types) u(wallet, type)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and w.asset = l.asset and (w.id = l.wallet_id or w.owner = l.owner))
    order by l.id for update
  loop
    select sum(u.amount) into v_asked
      from unnest(p_legs, p_wallets, p_types, p_amounts) u(leg, wallet, type, amount)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and (p_kind <> 'withdrawal' or u.leg = 1)
        and w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner);
    continue when v_asked is null;
    v_now := clock_timestamp();
    v_day := date_trunc('day', v_now, 'UTC');
    update limit_totals t set held = t.held + v_asked
      where t.limit_id = r.id and t.day = v_day and t.held + v_asked <= r.amount
        and t.counted_at > r.changed_at + interval '5 minutes';
    continue when found;
    select coalesce(sum(-e.amount), 0) into v_used
      from wallets w
      join ledger_entries e on e.wallet_id = w.id and e.created_at >= v_day
        and e.status = 'HOLD' and e.type = 'DEBIT'
      where w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner);
    if v_used + v_asked > r.amount then
      select coalesce(sum(l.settled + l.remaining), 0) into v_used
        from wallets w
        join ledger_entries e on e.wallet_id = w.id and e.created_at >= v_day
          and e.status = 'HOLD' and e.type = 'DEBIT'
        join transfer_legs l on l.group_id = e.group_id and l.leg = e.leg
        join transfer_groups t on t.id = e.group_id
        where w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner)
          and t.kind = any(r.kinds) and (t.kind <> 'withdrawal' or e.leg = 1);
    end if;
    if v_used + v_asked > r.amount then
      return format('Limit %s allows %s %s a day; %s is used, %s is asked.', r.id,
        amount_text(r.amount), r.asset, amount_text(v_used), amount_text(v_asked));
    end if;
    insert into limit_totals (limit_id, day, counted_at, held)
      values (r.id, v_day, v_now, v_used + v_asked)
      on conflict (limit_id) do update
        set day = excluded.day, counted_at = excluded.counted_at, held = excluded.held;
  end loop;
  return null;
end
$$;

-- Writes the group's row as it shall be, and its withdrawal's where one is given; answers the row.
create function ledger_write_group(
  g transfer_groups, p_new boolean, p_at timestamptz, p_expires_in integer, p_withdrawal withdrawals
) returns transfer_groups
language plpgsql as $$
begin
  g.xid := pg_current_xact_id();
  if g.status <> 'IN_PROGRESS' then
    g.finished_at := p_at;
  end if;
  if p_new then
    g.created_at := p_at;
    g.expires_at := p_at + make_interval(secs => p_expires_in);
    insert into transfer_groups select g.*;
  else
    -- Always, since entries are taken from the transaction alone that has written their group.
    g.expires_at := coalesce(p_at + make_interval(secs => p_expires_in), g.expires_at);
    update transfer_groups
      set status = g.status, reason = g.reason, finished_at = g.finished_at,
          expires_at = g.expires_at, xid = g.xid
      where id = g.id;
  end if;
  if p_withdrawal.group_id is not null then
    p_withdrawal.updated_at := p_at;
    if p_new then
      insert into withdrawals select p_withdrawal.*;
    else
      update withdrawals
        set state = p_withdrawal.state, txid = p_withdrawal.txid, updated_at = p_at
        where group_id = g.id;
    end if;
  end if;
  return g;
end
$$;
