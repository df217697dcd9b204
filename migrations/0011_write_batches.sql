-- Many steps in one transaction, pairs written set by set: a step costs a third of what it costs
-- alone. Element i of each array belongs to step i, and answers come in the same order.
--
-- Rows are found by key, one by one, and updated by their place, which their locks keep, whatever
-- the statistics say: a plan that was made while a table was small would read all of it for ever.

-- Opens pairs, held or settled at once; answers null, and nothing is written, where one of them is
-- not that simple or something stands against it. The caller holds the locks of the groups, all
-- different, and of the strict wallets; no step is past its time to be accepted.
create function ledger_open_pairs(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_admins boolean[], p_requests jsonb[],
  p_clients text[], p_immediate boolean[], p_expires_in integer[], p_references text[],
  p_metadata jsonb[], p_debits text[], p_credits text[], p_debit_legs smallint[],
  p_amounts numeric[]
) returns json[]
language plpgsql
set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answers json[];
begin
  if exists (
    select from limits where 'transfer' = any(kinds)
    union all
    select from unnest(p_group_ids) s(id)
      cross join lateral (select from transfer_groups g where g.id = s.id limit 1) g)
  then
    return null;
  end if;
  -- Items: the legs of all steps, each with its wallet's balance after it, if it is a strict one.
  with item as materialized (
    select u.n, u.leg, u.type, u.amount, u.immediate, b.wallet_id, b.place, b.asset, b.updated_at,
        case when b.strict then b.version + sum(u.versions) over w end as version,
        case when b.strict then b.settled + sum(u.settles) over w end as settled,
        case when b.strict then b.held + sum(u.holds) over w end as held,
        case when b.strict then b.pending_in + sum(u.awaits) over w end as pending_in,
        b.status = 'OPEN' and min_scale(u.amount) <= b.scale and case
          when not b.strict then p_admins[u.n]
          else u.type = 'CREDIT' or b.overdraft
            or b.settled + sum(u.settles) over w >= b.held + sum(u.holds) over w
        end as possible,
        b.strict and row_number() over w = count(*) over (partition by b.wallet_id) as last
      from (
        select s.n, 'DEBIT'::leg_type as type, p_debits[s.n] as wallet_id, p_debit_legs[s.n] as leg,
            p_amounts[s.n] as amount, p_immediate[s.n] as immediate,
            case when p_immediate[s.n] then 2 else 1 end as versions,
            case when p_immediate[s.n] then -p_amounts[s.n] else 0 end as settles,
            case when p_immediate[s.n] then 0 else p_amounts[s.n] end as holds, 0 as awaits
          from generate_series(1, cardinality(p_group_ids)) s(n)
        union all
        select s.n, 'CREDIT', p_credits[s.n], 3 - p_debit_legs[s.n],
            p_amounts[s.n], p_immediate[s.n],
            case when p_immediate[s.n] then 2 else 1 end,
            case when p_immediate[s.n] then p_amounts[s.n] else 0 end,
            0, case when p_immediate[s.n] then 0 else p_amounts[s.n] end
          from generate_series(1, cardinality(p_group_ids)) s(n)
      ) u
      cross join lateral (
        select *, ctid as place, mode = 'strict' as strict from wallet_balances b
          where b.wallet_id = u.wallet_id limit 1
      ) b
      window w as (partition by b.wallet_id order by u.n)
  ), verdict as materialized (
    select greatest(clock_timestamp(), max(updated_at)) as at from item
      having count(*) = 2 * cardinality(p_group_ids) and bool_and(possible)
        and (min(asset) = max(asset) or cardinality(p_group_ids) = (
          select count(distinct (i.n, i.asset)) from item i))
  ), step as materialized (
    select i.n, v.at, i.immediate,
        case when i.immediate then 'SETTLED' else 'IN_PROGRESS' end::group_status as status,
        v.at + make_interval(secs => p_expires_in[i.n]) as expires_at,
        case when i.immediate then v.at end as finished_at,
        case when i.immediate then i.amount else 0 end as captured,
        case when i.immediate then 0 else i.amount end as remaining, i.asset, i.amount
      from verdict v cross join item i where i.type = 'DEBIT'
  ), answer as materialized (
    select s.n, ledger_pair_answer(p_group_ids[s.n], s.status, null, p_debit_legs[s.n],
        p_debits[s.n], p_credits[s.n], s.asset, s.amount, s.captured, s.remaining, s.expires_at,
        s.at, s.finished_at, p_references[s.n], p_metadata[s.n]) as answer
      from step s
  ), written_groups as (
    insert into transfer_groups (id, kind, status, client, expires_at, created_at, finished_at,
        reference, metadata, opened_by)
      select p_group_ids[s.n], 'transfer', s.status, p_clients[s.n], s.expires_at, s.at,
        s.finished_at, p_references[s.n], p_metadata[s.n], p_step_keys[s.n]
      from step s
  ), written_balances as (
    update wallet_balances b
      set settled = i.settled, held = i.held, pending_in = i.pending_in, version = i.version,
          updated_at = v.at
      from item i, verdict v where i.last and b.ctid = i.place
  ), written_entries as (
    -- The hold of a leg that is settled at once stands one version before the end.
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      select p_group_ids[i.n], i.leg, i.wallet_id, i.asset, i.type, e.status,
        case i.type when 'DEBIT' then -i.amount else i.amount end, p_step_keys[i.n],
        case when e.first then i.version - 1 else i.version end,
        case when not e.first then i.settled
          when i.type = 'DEBIT' then i.settled + i.amount else i.settled - i.amount end,
        case when e.first and i.type = 'DEBIT' then i.held + i.amount else i.held end,
        case when e.first and i.type = 'CREDIT' then i.pending_in + i.amount
          else i.pending_in end,
        v.at
      from verdict v
        cross join (values ('HOLD'::entry_status, false, false), ('HOLD', true, true),
          ('SETTLED', true, false)) e(status, immediate, first)
        cross join item i
      where i.immediate = e.immediate
      order by i.n, e.status, i.leg
  ), written_operations as (
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      select p_group_ids[s.n], p_step_keys[s.n],
        case when s.immediate then 'transfer' else 'hold' end, p_actors[s.n], p_requests[s.n],
        'done', a.answer, s.at
      from answer a join step s on s.n = a.n order by s.n
  ), written_outbox as (
    insert into outbox (group_id, event, step_key, created_at)
      select p_group_ids[s.n], case when s.immediate then 'group.settled' else 'group.opened' end,
        p_step_keys[s.n], s.at
      from step s order by s.n
  )
  select array_agg(a.answer order by a.n) into v_answers from answer a;
  return v_answers;
end
$$;

-- Settles all that groups hold, each a pair that nobody touched so far; else null, as above. The
-- caller holds the locks of the groups, all different, and of the strict wallets.
create function ledger_settle_pairs(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[]
) returns json[]
language plpgsql
set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answers json[];
begin
  if exists (
    select from unnest(p_group_ids, p_step_keys) s(id, step_key)
      left join lateral (select * from transfer_groups g where g.id = s.id limit 1) g on true
      left join lateral (
        select * from operations o where o.group_id = s.id and o.step_key = s.step_key limit 1
      ) o on true
    where (g.kind = 'transfer' and g.status = 'IN_PROGRESS' and o.group_id is null
      and (g.expires_at is null or g.expires_at > clock_timestamp())) is not true)
  then
    return null;
  end if;
  with item as materialized (
    select s.n as step, s.id as group_id, s.step_key, l.leg, l.type, l.wallet_id, l.asset, l.amount,
        b.place, b.updated_at, l.remaining = l.amount as untouched,
        case when b.strict then b.version + count(*) over w end as version,
        case when b.strict then b.settled + sum(l.sign * l.amount) over w end as settled,
        case when b.strict
          then b.held - sum(case l.type when 'DEBIT' then l.amount else 0 end) over w end as held,
        case when b.strict
          then b.pending_in - sum(case l.type when 'DEBIT' then 0 else l.amount end) over w
        end as pending_in,
        b.strict and row_number() over w = count(*) over (partition by l.wallet_id) as last
      from unnest(p_group_ids, p_step_keys) with ordinality s(id, step_key, n)
        cross join lateral (
          select *, case type when 'DEBIT' then -1 else 1 end as sign
            from transfer_legs where group_id = s.id limit 3) l
        cross join lateral (
          select *, ctid as place, mode = 'strict' as strict from wallet_balances b
            where b.wallet_id = l.wallet_id limit 1) b
      window w as (partition by l.wallet_id order by s.n)
  ), pair as materialized (
    select i.step, max(i.updated_at) as updated_at, count(*) = 2 and bool_and(i.untouched)
        and min(i.amount) = max(i.amount) and min(i.asset) = max(i.asset)
        and min(i.wallet_id) <> max(i.wallet_id) and min(i.type) <> max(i.type) as possible,
        min(i.asset) as asset, min(i.amount) as amount,
        min(i.leg) filter (where i.type = 'DEBIT') as debit_leg,
        min(i.wallet_id) filter (where i.type = 'DEBIT') as debit,
        min(i.wallet_id) filter (where i.type = 'CREDIT') as credit
      from item i group by i.step
  ), verdict as materialized (
    select greatest(clock_timestamp(), max(updated_at)) as at from pair
      having count(*) = cardinality(p_group_ids) and bool_and(possible)
  ), step as materialized (
    select p.step as n, g.id, v.at, p_step_keys[p.step] as step_key, g.place,
        ledger_pair_answer(g.id, 'SETTLED', null, p.debit_leg, p.debit, p.credit, p.asset, p.amount,
          p.amount, 0, g.expires_at, g.created_at, v.at, g.reference, g.metadata) as answer
      from verdict v cross join pair p
        cross join lateral (
          select *, ctid as place from transfer_groups where id = p_group_ids[p.step] limit 1) g
  ), written_groups as (
    update transfer_groups g
      set status = 'SETTLED', reason = null, finished_at = s.at, xid = pg_current_xact_id()
      from step s where g.ctid = s.place
  ), written_balances as (
    update wallet_balances b
      set settled = i.settled, held = i.held, pending_in = i.pending_in, version = i.version,
          updated_at = v.at
      from item i, verdict v where i.last and b.ctid = i.place
  ), written_entries as (
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      select i.group_id, i.leg, i.wallet_id, i.asset, i.type, 'SETTLED',
        case i.type when 'DEBIT' then -i.amount else i.amount end, i.step_key,
        i.version, i.settled, i.held, i.pending_in, v.at
      from verdict v cross join item i order by i.step, i.leg
  ), written_operations as (
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      select s.id, s.step_key, 'settle', p_actors[s.n], p_requests[s.n], 'done', s.answer, s.at
      from step s order by s.n
  ), written_outbox as (
    insert into outbox (group_id, event, step_key, created_at)
      select s.id, 'group.settled', s.step_key, s.at from step s order by s.n
  )
  select array_agg(s.answer order by s.n) into v_answers from step s;
  return v_answers;
end
$$;

-- Steps of callers who asked at the same time: `o_…` open pairs, `s_…` settle groups; an array of
-- the answers of the first, then of the second. An exception of one undoes all, and each is tried
-- alone. Locks groups, limits and balances each in their order, so that no two such calls wait in a
-- circle.
create function ledger_take_steps(
  o_group_ids text[], o_step_keys text[], o_actors text[], o_admins boolean[], o_requests jsonb[],
  o_clients text[], o_immediate boolean[], o_expires_in integer[], o_references text[],
  o_metadata jsonb[], o_accept_by timestamptz[],
  o_debits text[], o_credits text[], o_debit_legs smallint[], o_amounts numeric[],
  s_group_ids text[], s_step_keys text[], s_actors text[], s_requests jsonb[],
  s_final boolean[], s_freeze boolean[]
) returns json
language plpgsql as $$
declare
  c_opens constant boolean := cardinality(o_group_ids) > 0;
  c_settles constant boolean := cardinality(s_group_ids) > 0;
  v_answers json[];
begin
  if c_opens then
    perform ledger_lock_new(u.id) from (select id from unnest(o_group_ids) id order by id) u;
  end if;
  if c_settles then
    perform from (select id from unnest(s_group_ids) id order by id) u
      cross join lateral (
        select from transfer_groups g where g.id = u.id limit 1 for update) g;
  end if;
  if c_opens then
    perform from limits where 'transfer' = any(kinds) order by id for update;
  end if;
  perform from (
      select id collate "C" as id from unnest(o_debits || o_credits) id
      union
      select l.wallet_id from unnest(s_group_ids) id
        cross join lateral (select * from transfer_legs where group_id = id offset 0) l
      order by id
    ) u
    cross join lateral (
      select from wallet_balances b where b.wallet_id = u.id and b.mode = 'strict' limit 1
      for update
    ) b;
  if c_opens then
    v_answers := ledger_open_transfers(o_group_ids, o_step_keys, o_actors, o_admins, o_requests,
      o_clients, o_immediate, o_expires_in, o_references, o_metadata, o_accept_by, o_debits,
      o_credits, o_debit_legs, o_amounts);
  end if;
  if c_settles then
    v_answers := v_answers || ledger_settle_all(s_group_ids, s_step_keys, s_actors, s_requests,
      s_final, s_freeze);
  end if;
  return to_json(v_answers);
end
$$;
