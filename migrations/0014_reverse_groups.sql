-- A new group of kind `reversal` that books the opposite of what settled, at once. Its legs bear
-- the numbers of the legs that they take back, and `transfer_legs.reversed` keeps the sum: per leg
-- all reversals together never exceed what was settled.

-- The core, for `ledger_reverse` and for the chain: the caller has locked the original and the id
-- of the new group g (kind, status SETTLED, client, reverses … set), and found no operation.
-- p_legs null: all that is left of every leg.
create function ledger_reverse_legs(
  o transfer_groups, g transfer_groups, p_step_key text, p_actor text, p_request jsonb,
  p_legs smallint[], p_amounts numeric[]
) returns jsonb
language plpgsql as $$
declare
  r record;
  v_answer jsonb;
begin
  -- Before parts that are not above zero fall out below, as legs that nothing is asked of.
  if 0 >= any(p_amounts) then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, false,
      'INVALID_AMOUNT', 'An amount must be greater than zero.');
  end if;
  select u.leg, l.asset, l.settled - l.reversed as possible, u.amount, a.scale into r
    from (select c.leg, sum(c.amount) as amount from unnest(p_legs, p_amounts) c(leg, amount)
          group by c.leg) u
    left join transfer_legs l on l.group_id = o.id and l.leg = u.leg
    left join assets a on a.code = l.asset
    where l.leg is null or u.amount > l.settled - l.reversed or min_scale(u.amount) > a.scale
    order by min_scale(u.amount) > a.scale desc nulls last, u.leg limit 1;
  if found and min_scale(r.amount) > r.scale then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, false,
      'INVALID_AMOUNT', format('%s has %s decimals; %s has more.', r.asset, r.scale, r.amount));
  elsif found then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, true,
      'REVERSAL_EXCEEDS_SETTLED', case when r.asset is null
        then format('Group %s has no leg %s.', o.id, r.leg)
        else format('Of leg %s %s %s can still be reversed; %s is asked.', r.leg,
          amount_text(r.possible), r.asset, amount_text(r.amount)) end);
  end if;
  select array_agg(i.leg order by i.leg) as legs, array_agg(i.wallet_id order by i.leg) as wallets,
      array_agg(i.asset order by i.leg) as assets,
      array_agg(case i.type when 'DEBIT' then 'CREDIT' else 'DEBIT' end::leg_type order by i.leg)
        as types,
      array_agg(i.part order by i.leg) as amounts into r
    from (
      select l.leg, l.wallet_id, l.asset, l.type, case when p_legs is null
          then l.settled - l.reversed
          else (select sum(c.amount) from unnest(p_legs, p_amounts) c(leg, amount)
                where c.leg = l.leg) end as part
      from transfer_legs l where l.group_id = o.id
    ) i where i.part > 0;
  if r.legs is null then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, true,
      'REVERSAL_EXCEEDS_SETTLED', format('All of group %s is reversed.', o.id));
  end if;
  v_answer := ledger_write(g, true, p_step_key, 'reverse', p_actor, p_request, 'group.settled',
    'IMMEDIATE', r.legs, r.wallets, r.assets, r.types, r.amounts, null, true, true);
  if v_answer ->> 'outcome' = 'done' then
    update transfer_legs l set reversed = l.reversed + u.amount
      from unnest(r.legs, r.amounts) u(leg, amount)
      where l.group_id = o.id and l.leg = u.leg;
  end if;
  return v_answer;
end
$$;

-- Why a transfer cannot be reversed by a request, in a sentence, or null. The migration of
-- assignments replaces this body.
create function ledger_irreversible(o transfer_groups) returns text
language plpgsql stable as $$
begin
  return null;
end
$$;

-- Reverses a transfer, or a chainless deposit or withdrawal. Money of a system wallet that a
-- transfer moved goes back for an admin alone, as it came. p_amount: where exactly one debit and
-- one credit leg settled; p_legs and p_amounts: so much of each; none: all that is left.
create function ledger_reverse(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_original_id text, p_client text, p_amount numeric, p_legs smallint[], p_amounts numeric[],
  p_reason text, p_accept_by timestamptz
) returns jsonb
language plpgsql as $$
declare
  o transfer_groups;
  g transfer_groups;
  v_answer jsonb;
  v_code text;
  v_legs smallint[];
  v_debits bigint;
  v_why text;
  v_system text;
begin
  select * into o from transfer_groups where id = p_original_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  perform ledger_lock_new(p_group_id);
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  g.id := p_group_id;
  g.kind := 'reversal';
  g.status := 'SETTLED';
  g.reason := p_reason;
  g.client := p_client;
  g.metadata := '{}';
  g.reverses := o.id;
  g.opened_by := p_step_key;
  v_answer := ledger_open_fault(g, p_step_key, 'reverse', p_actor, p_request, p_accept_by);
  if v_answer is not null then
    return v_answer;
  end if;
  v_code := ledger_kind_fault(o);
  if v_code is not null and (v_code <> 'WRONG_KIND' or o.kind not in ('deposit', 'withdrawal')) then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, true, v_code,
      format('Group %s is a %s and cannot be reversed by a request.', o.id, o.kind));
  end if;
  v_why := ledger_irreversible(o);
  if v_why is not null then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, true, 'WRONG_KIND',
      v_why);
  end if;
  if o.kind = 'transfer' and not p_admin then
    select l.wallet_id into v_system
      from transfer_legs l cross join lateral (
        select kind from wallets where id = l.wallet_id limit 1) w
      where l.group_id = o.id and is_system_kind(w.kind)
      order by l.leg limit 1;
    if found then
      return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, false, 'FORBIDDEN',
        format('Only an admin may take back what system wallet %s got or gave.', v_system));
    end if;
  end if;
  select array_agg(l.leg), count(*) filter (where l.type = 'DEBIT') into v_legs, v_debits
    from transfer_legs l where l.group_id = o.id and l.settled > 0;
  if v_legs is null then
    return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, true,
      'GROUP_NOT_SETTLED', format('Nothing of group %s settled; it is %s.', o.id, o.status));
  end if;
  if p_amount is not null then
    if cardinality(v_legs) <> 2 or v_debits <> 1 then
      return ledger_refuse(g, true, p_step_key, 'reverse', p_actor, p_request, false,
        'INVALID_REQUEST', 'An amount alone fits one debit and one credit leg; name the legs.');
    end if;
    return ledger_reverse_legs(o, g, p_step_key, p_actor, p_request, v_legs,
      array[p_amount, p_amount]);
  end if;
  return ledger_reverse_legs(o, g, p_step_key, p_actor, p_request, p_legs, p_amounts);
end
$$;
