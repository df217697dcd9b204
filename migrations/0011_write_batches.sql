-- Many steps in one transaction, pairs written set by set: a step costs a third of what it costs
-- alone. Element i of each array belongs to step i, and answers come in the same order.
--
-- Rows are found by key, one by one, and updated by their place, which their locks keep, whatever
-- the statistics say: a plan that was made while a table was small would read all of it for ever.

-- Opens pairs, held or settled at once; answers null, and nothing is written, where one of them is
-- not that simple or something stands against it. The caller holds the locks of the groups, all
-- different, and of the strict wallets; no step is past its time to be accepted.
create function ledger_open_pairs(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[],
  p_clients text[], p_immediate boolean[], p_expires_in integer[], p_references text[],
  p_metadata jsonb[], p_debits text[], p_credits text[], p_debit_legs smallint[],
  p_amounts numeric[]
) returns jsonb[]
language plpgsql
set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answers jsonb[];
begin
  if exists (
    select from limits where 'transfer' = any(kinds)
    union all
    select from unnest(p_group_ids) s(id)
      cross join lateral (select from transfer_groups g where g.id = s.id limit 1) g) then
    return null;
  end if;
  -- Items: the legs of all steps, each with its wallet's balance after it.
  with item as materialized (
    select u.*, b.place, b.asset, b.updated_at, b.version + sum(u.versions) over w as version,
        b.settled + sum(u.settles) over w as settled, b.held + sum(u.holds) over w as held,
        b.pending_in + sum(u.awaits) over w as pending_in,
        b.status = 'OPEN' and b.mode = 'strict' and min_scale(u.amount) <= b.scale and (
          u.type = 'CREDIT' or b.overdraft
          or b.settled + sum(u.settles) over w >= b.held + sum(u.holds) over w) as possible,
        row_number() over w = count(*) over (partition by u.wallet_id) as last
      from (
        select s.n as step, k.type, s.immediate, s.amount,
          case k.type when 'DEBIT' then s.debit else s.credit end as wallet_id,
          case k.type when 'DEBIT' then s.debit_leg else 3 - s.debit_leg end as leg,
          case when s.immediate then k.sign * s.amount else 0 end as settles,
          case when s.immediate or k.type = 'CREDIT' then 0 else s.amount end as holds,
          case when s.immediate or k.type = 'DEBIT' then 0 else s.amount end as awaits,
          case when s.immediate then 2 else 1 end as versions,
          case when s.immediate then s.amount else 0 end as captured,
          case when s.immediate then 0 else s.amount end as remaining
        from unnest(p_debits, p_credits, p_debit_legs, p_amounts, p_immediate) with ordinality
            s(debit, credit, debit_leg, amount, immediate, n)
          cross join (values ('DEBIT'::leg_type, -1), ('CREDIT', 1)) k(type, sign)
      ) u
      cross join lateral (
        select *, ctid as place from wallet_balances b where b.wallet_id = u.wallet_id limit 1
      ) b
      window w as (partition by u.wallet_id order by u.step)
  ), verdict as materialized (
    select greatest(clock_timestamp(), max(updated_at)) as at from item
      having count(*) = 2 * cardinality(p_group_ids) and bool_and(possible)
        and (min(asset) = max(asset) or cardinality(p_group_ids) = (
          select count(distinct (i.step, i.asset)) from item i))
  ), step as materialized (
    select s.n, v.at, s.step_key, case when s.immediate then 'transfer' else 'hold' end as verb,
        case when s.immediate then 'group.settled' else 'group.opened' end as event,
        row(s.id, 'transfer', case when s.immediate then 'SETTLED' else 'IN_PROGRESS' end, null,
          s.client, null, v.at + make_interval(secs => s.expires_in), v.at,
          case when s.immediate then v.at end, s.reference, s.metadata, null, s.step_key,
          pg_current_xact_id())::transfer_groups as g
      from unnest(p_group_ids, p_step_keys, p_clients, p_immediate, p_expires_in, p_references,
          p_metadata) with ordinality
          s(id, step_key, client, immediate, expires_in, reference, metadata, n), verdict v
  ), answer as materialized (
    select s.n, jsonb_build_object('outcome', 'done', 'groupStatus', (s.g).status,
        'group', transfer_json(s.g, jsonb_build_array(
          leg_json(1::smallint, a.wallet_id, a.asset, a.type, a.amount, a.captured, a.remaining),
          leg_json(2::smallint, b.wallet_id, b.asset, b.type, b.amount, b.captured, b.remaining)
        ))) as answer
      from step s
        join item a on a.step = s.n and a.leg = 1 join item b on b.step = s.n and b.leg = 2
  ), written_groups as (
    insert into transfer_groups select (s.g).* from step s order by s.n
  ), written_legs as (
    insert into transfer_legs (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
      select (s.g).id, i.leg, i.wallet_id, i.asset, i.type, i.amount, i.captured, i.remaining
      from step s join item i on i.step = s.n order by s.n, i.leg
  ), written_balances as (
    update wallet_balances b
      set settled = i.settled, held = i.held, pending_in = i.pending_in, version = i.version,
          updated_at = v.at
      from item i, verdict v where i.last and b.ctid = i.place
  ), written_entries as (
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      select (s.g).id, i.leg, i.wallet_id, i.asset, i.type, e.status,
        case i.type when 'DEBIT' then -i.amount else i.amount end, s.step_key,
        i.version - e.before, i.settled - e.before * i.settles,
        case i.type when 'DEBIT' then i.held + e.before * i.amount else i.held end,
        case i.type when 'DEBIT' then i.pending_in else i.pending_in + e.before * i.amount end, s.at
      from step s join item i on i.step = s.n
        -- The hold of a leg that is settled at once stands one version before the end.
        cross join lateral (select 'HOLD'::entry_status as status, i.versions - 1 as before
          union all select 'SETTLED', 0 where i.immediate) e
      order by s.n, e.status, i.leg
  ), written_operations as (
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      select (s.g).id, s.step_key, s.verb, p_actors[s.n], p_requests[s.n], 'done', a.answer, s.at
      from step s join answer a on a.n = s.n order by s.n
  ), written_outbox as (
    insert into outbox (group_id, event, step_key, created_at)
      select (s.g).id, s.event, s.step_key, s.at from step s order by s.n
  )
  select array_agg(a.answer order by a.n) into v_answers from answer a;
  return v_answers;
end
$$;

-- Settles all that groups hold, each a pair that nobody touched so far; else null, as above. The
-- caller holds the locks of the groups, all different, and of the strict wallets.
create function ledger_settle_pairs(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[]
) returns jsonb[]
language plpgsql
set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answers jsonb[];
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
    select s.n as step, l.leg, l.type, l.wallet_id, l.asset, l.amount, l.place as leg_place,
        b.place, b.updated_at,
        l.remaining = l.amount and b.mode = 'strict' as possible,
        b.version + count(*) over w as version,
        b.settled + sum(case l.type when 'DEBIT' then -l.amount else l.amount end) over w
          as settled,
        b.held - sum(case l.type when 'DEBIT' then l.amount else 0 end) over w as held,
        b.pending_in - sum(case l.type when 'DEBIT' then 0 else l.amount end) over w
          as pending_in,
        row_number() over w = count(*) over (partition by l.wallet_id) as last
      from unnest(p_group_ids) with ordinality s(id, n)
        cross join lateral (
          select *, ctid as place from transfer_legs where group_id = s.id limit 3) l
        cross join lateral (
          select *, ctid as place from wallet_balances b where b.wallet_id = l.wallet_id limit 1) b
      window w as (partition by l.wallet_id order by s.n)
  ), pair as (
    select max(i.updated_at) as updated_at, count(*) = 2 and bool_and(i.possible)
        and min(i.amount) = max(i.amount) and min(i.asset) = max(i.asset)
        and min(i.wallet_id) <> max(i.wallet_id) and min(i.type) <> max(i.type) as possible
      from item i group by i.step
  ), verdict as materialized (
    select greatest(clock_timestamp(), max(updated_at)) as at from pair
      having count(*) = cardinality(p_group_ids) and bool_and(possible)
  ), step as materialized (
    select s.n, v.at, s.step_key, g.place,
        row(g.id, g.kind, 'SETTLED', null, g.client, g.chain, g.expires_at, g.created_at, v.at,
          g.reference, g.metadata, g.reverses, g.opened_by, pg_current_xact_id())::transfer_groups
          as g
      from unnest(p_group_ids, p_step_keys) with ordinality s(id, step_key, n), verdict v
        cross join lateral (select *, ctid as place from transfer_groups where id = s.id limit 1) g
  ), answer as materialized (
    select s.n, jsonb_build_object('outcome', 'done', 'groupStatus', 'SETTLED',
        'group', transfer_json(s.g, jsonb_build_array(
          leg_json(a.leg, a.wallet_id, a.asset, a.type, a.amount, a.amount, 0),
          leg_json(b.leg, b.wallet_id, b.asset, b.type, b.amount, b.amount, 0)))) as answer
      from step s
        join item a on a.step = s.n and a.leg = 1 join item b on b.step = s.n and b.leg = 2
  ), written_groups as (
    update transfer_groups g
      set status = 'SETTLED', reason = null, finished_at = s.at, xid = (s.g).xid
      from step s where g.ctid = s.place
  ), written_legs as (
    update transfer_legs l set settled = l.amount, remaining = 0
      from item i, verdict v where l.ctid = i.leg_place
  ), written_balances as (
    update wallet_balances b
      set settled = i.settled, held = i.held, pending_in = i.pending_in, version = i.version,
          updated_at = v.at
      from item i, verdict v where i.last and b.ctid = i.place
  ), written_entries as (
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      select p_group_ids[s.n], i.leg, i.wallet_id, i.asset, i.type, 'SETTLED',
        case i.type when 'DEBIT' then -i.amount else i.amount end, s.step_key,
        i.version, i.settled, i.held, i.pending_in, s.at
      from step s join item i on i.step = s.n order by s.n, i.leg
  ), written_operations as (
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      select p_group_ids[s.n], s.step_key, 'settle', p_actors[s.n], p_requests[s.n], 'done',
        a.answer, s.at
      from step s join answer a on a.n = s.n order by s.n
  ), written_outbox as (
    insert into outbox (group_id, event, step_key, created_at)
      select p_group_ids[s.n], 'group.settled', s.step_key, s.at from step s order by s.n
  )
  select array_agg(a.answer order by a.n) into v_answers from answer a;
  return v_answers;
end
$$;

-- What `ledger_open_transfer` says to each of many pairs. A refusal is an answer like any.
create function ledger_open_transfers(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_admins boolean[], p_requests jsonb[],
  p_clients text[], p_immediate boolean[], p_expires_in integer[], p_references text[],
  p_metadata jsonb[], p_accept_by timestamptz[],
  p_debits text[], p_credits text[], p_debit_legs smallint[], p_amounts numeric[]
) returns setof jsonb
language plpgsql as $$
declare
  v_answers jsonb[];
begin
  if (clock_timestamp() > any(p_accept_by)) is not true
    and cardinality(p_group_ids) = (select count(distinct id) from unnest(p_group_ids) id)
  then
    v_answers := ledger_open_pairs(p_group_ids, p_step_keys, p_actors, p_requests, p_clients,
      p_immediate, p_expires_in, p_references, p_metadata, p_debits, p_credits, p_debit_legs,
      p_amounts);
  end if;
  for i in 1..cardinality(p_group_ids) loop
    return next coalesce(v_answers[i], ledger_open_transfer(p_group_ids[i], p_step_keys[i],
      p_actors[i], p_admins[i], p_requests[i], p_clients[i], p_immediate[i], p_expires_in[i],
      p_references[i], p_metadata[i], p_accept_by[i],
      case p_debit_legs[i] when 1 then array[p_debits[i], p_credits[i]]
        else array[p_credits[i], p_debits[i]] end,
      case p_debit_legs[i] when 1 then '{DEBIT,CREDIT}' else '{CREDIT,DEBIT}' end::leg_type[],
      array[p_amounts[i], p_amounts[i]], '{null,null}'));
  end loop;
end
$$;

-- What `ledger_settle` says to each of many that settle all that is held.
create function ledger_settle_all(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[],
  p_final boolean[], p_freeze boolean[]
) returns setof jsonb
language plpgsql as $$
declare
  v_answers jsonb[];
begin
  if cardinality(p_group_ids) = (select count(distinct id) from unnest(p_group_ids) id) then
    v_answers := ledger_settle_pairs(p_group_ids, p_step_keys, p_actors, p_requests);
  end if;
  for i in 1..cardinality(p_group_ids) loop
    return next coalesce(v_answers[i], ledger_settle(p_group_ids[i], p_step_keys[i], p_actors[i],
      p_requests[i], null, null, p_final[i], p_freeze[i]));
  end loop;
end
$$;

-- Steps of callers who asked at the same time: `o_…` open pairs, `s_…` settle groups; the answers
-- of the first, then of the second. An exception of one undoes all, and each is tried alone. Locks
-- groups, limits and balances each in their order, so that no two such calls wait in a circle.
create function ledger_take_steps(
  o_group_ids text[], o_step_keys text[], o_actors text[], o_admins boolean[], o_requests jsonb[],
  o_clients text[], o_immediate boolean[], o_expires_in integer[], o_references text[],
  o_metadata jsonb[], o_accept_by timestamptz[],
  o_debits text[], o_credits text[], o_debit_legs smallint[], o_amounts numeric[],
  s_group_ids text[], s_step_keys text[], s_actors text[], s_requests jsonb[],
  s_final boolean[], s_freeze boolean[]
) returns setof jsonb
language plpgsql as $$
begin
  perform ledger_lock_new(u.id) from (select id from unnest(o_group_ids) id order by id) u;
  perform from (select id from unnest(s_group_ids) id order by id) u
    cross join lateral (select from transfer_groups g where g.id = u.id limit 1 for update) g;
  perform from limits
    where 'transfer' = any(kinds) and cardinality(o_group_ids) > 0 order by id for update;
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
  if cardinality(o_group_ids) > 0 then
    return query select * from ledger_open_transfers(o_group_ids, o_step_keys, o_actors, o_admins,
      o_requests, o_clients, o_immediate, o_expires_in, o_references, o_metadata, o_accept_by,
      o_debits, o_credits, o_debit_legs, o_amounts);
  end if;
  if cardinality(s_group_ids) > 0 then
    return query select * from ledger_settle_all(s_group_ids, s_step_keys, s_actors, s_requests,
      s_final, s_freeze);
  end if;
end
$$;
