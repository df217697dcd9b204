-- Serializes the first writers of a group that is not there yet: the second one waits here, then
-- finds the first one's operation.
--
-- It gives the transaction its number first. Of a step whose wallets are all deferred no row is
-- locked, and the number came after the time of its entries: who read a balance as of a time in
-- between waited for all that had a number (`balanceAt`), and found more another time.
create function ledger_lock_new(p_group_id text) returns void
language sql volatile
return case when pg_current_xact_id() is not null
  then pg_advisory_xact_lock(hashtextextended(p_group_id, 0)) end;

-- What stops the opening of a group before its legs are looked at, or null: a group of that id
-- that another step wrote (a tombstone), or a time by which it was to be accepted.
create function ledger_open_fault(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_accept_by timestamptz
) returns jsonb
language plpgsql as $$
declare
  v_old transfer_groups;
begin
  select * into v_old from transfer_groups where id = g.id for update;
  if found then
    return ledger_refuse(v_old, false, p_step_key, p_verb, p_actor, p_request, true,
      'GROUP_NOT_OPEN', format('Group %s is %s.', v_old.id, v_old.status));
  end if;
  if clock_timestamp() > p_accept_by then
    return ledger_refuse(g, true, p_step_key, p_verb, p_actor, p_request, true,
      'NOT_ACCEPTED_IN_TIME',
      format('It was to be accepted by %s; nothing moved.', rfc3339(p_accept_by)));
  end if;
  return null;
end
$$;

-- First step of a transfer: immediate, or held until somebody acts. Leg numbers follow the arrays,
-- from 1. p_assets has null elements where the caller named no asset.
create function ledger_open_transfer(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_client text, p_immediate boolean, p_expires_in integer, p_reference text, p_metadata jsonb,
  p_accept_by timestamptz,
  p_wallets text[], p_types leg_type[], p_amounts numeric[], p_assets text[]
) returns text
language plpgsql as $$
declare
  c_verb constant text := case when p_immediate then 'transfer' else 'hold' end;
  c_event constant text := case when p_immediate then 'group.settled' else 'group.opened' end;
  c_move constant text := case when p_immediate then 'IMMEDIATE' else 'HOLD' end;
  g transfer_groups;
  v_answer jsonb;
begin
  perform ledger_lock_new(p_group_id);
  g.id := p_group_id;
  g.kind := 'transfer';
  g.status := case when p_immediate then 'SETTLED' else 'IN_PROGRESS' end;
  g.client := p_client;
  g.reference := p_reference;
  g.metadata := p_metadata;
  g.opened_by := p_step_key;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_open_fault(g, p_step_key, c_verb, p_actor, p_request, p_accept_by));
  if v_answer is not null then
    return v_answer;
  end if;
  if p_immediate and cardinality(p_wallets) = 0 then
    return ledger_refuse(g, true, p_step_key, c_verb, p_actor, p_request, true,
      'UNBALANCED_GROUP', 'There is nothing to settle: the group has no legs.');
  end if;
  return ledger_write(g, true, p_step_key, c_verb, p_actor, p_request, c_event, c_move,
    array(select generate_series(1, cardinality(p_wallets)))::smallint[],
    p_wallets, p_assets, p_types, p_amounts, null, p_admin, true, p_expires_in);
end
$$;

-- Steps of callers who asked at the same time: the first open pairs, the others settle all that
-- groups hold. The JSON array of their answers as text, in their order. An exception of one undoes
-- all, and each is tried alone. Locks groups, limits and balances each in their order, so that no
-- two such calls wait in a circle.
--
-- p_…  an element a step
-- o_…  an element a step that opens; what the groups say of those that settle is added behind
-- s_…  an element a step that settles
create function ledger_take_steps(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[],
  o_admins boolean[], o_clients text[], o_immediate boolean[], o_expires_in integer[],
  o_references text[], o_metadata jsonb[], o_accept_by timestamptz[],
  o_debits text[], o_credits text[], o_debit_legs smallint[], o_amounts numeric[],
  s_final boolean[], s_freeze boolean[]
) returns text
language plpgsql as $$
declare
  c_steps constant integer := cardinality(p_group_ids);
  c_opens constant integer := cardinality(o_admins);
  v_possible boolean := true;
  v_found integer := 0;
  i integer;
  g_place tid;
  g_expires_at text;
  g_created_at text;
  g_reference text;
  g_metadata jsonb;
  g_debit text;
  g_credit text;
  g_debit_leg smallint;
  g_amount numeric;
  v_places tid[];
  v_expires_at text[];
  v_created_at text[];
  v_answers text[];
begin
  if c_opens > 0 then
    -- Nobody else opens these from here on. One that somebody opened while this waited for the lock
    -- is not found, and fails the call.
    select count(u.known) = 0 and not exists (select from limits where 'transfer' = any(kinds))
        and (clock_timestamp() > any(o_accept_by)) is not true
      into v_possible
      from (
        select ledger_lock_new(u.id),
            -- Not by `exists`, which would be planned as one reading of the whole table.
            (select g.id from transfer_groups g where g.id = u.id limit 1) as known
          from (select p_group_ids[n] as id from generate_series(1, c_opens) n order by 1) u
          offset 0) u;
  end if;
  if c_steps > c_opens then
    perform from (
        select p_group_ids[n] as id from generate_series(c_opens + 1, c_steps) n order by 1) u
      cross join lateral (
        select from transfer_groups g where g.id = u.id limit 1 for update) g;
    -- As `ledger_end_pair` looks for them.
    for i, g_place, g_expires_at, g_created_at, g_reference, g_metadata, g_debit, g_credit,
        g_debit_leg, g_amount in
      select n, g.*, l.* from generate_series(c_opens + 1, c_steps) n
        cross join lateral (
          select ctid, json_time(expires_at), json_time(created_at), reference, metadata
            from transfer_groups
            where id = p_group_ids[n] and kind = 'transfer' and status = 'IN_PROGRESS'
              and (expires_at > clock_timestamp()) is not false limit 1) g
        cross join lateral (
          select d.wallet_id, c.wallet_id, d.leg, d.amount from transfer_legs d, transfer_legs c
            where d.group_id = p_group_ids[n] and c.group_id = p_group_ids[n] and d.leg in (1, 2)
              and c.leg = 3 - d.leg and d.type = 'DEBIT' and c.type = 'CREDIT'
              and d.amount = c.amount and d.wallet_id <> c.wallet_id and d.asset = c.asset
              and d.remaining = d.amount and c.remaining = c.amount
              and not exists (
                select from transfer_legs where group_id = p_group_ids[n] and leg = 3) limit 1) l
    loop
      v_found := v_found + 1;
      v_places[i] := g_place;
      v_expires_at[i] := g_expires_at;
      v_created_at[i] := g_created_at;
      o_references[i] := g_reference;
      o_metadata[i] := g_metadata;
      o_debits[i] := g_debit;
      o_credits[i] := g_credit;
      o_debit_legs[i] := g_debit_leg;
      o_amounts[i] := g_amount;
    end loop;
    v_possible := v_possible and v_found = c_steps - c_opens;
  end if;

  if v_possible then
    v_answers := ledger_write_pairs(p_group_ids, p_step_keys, p_actors, p_requests, o_debits,
      o_credits, o_debit_legs, o_amounts, o_references, o_metadata, o_admins, o_clients,
      o_immediate, o_expires_in, v_places, v_expires_at, v_created_at);
  end if;
  if v_answers is null then
    perform from limits where 'transfer' = any(kinds) order by id for update;
    perform from (
        select id collate "C" as id from unnest(o_debits || o_credits) id where id is not null
        union
        select l.wallet_id from unnest(p_group_ids[c_opens + 1:]) id
          cross join lateral (select * from transfer_legs where group_id = id offset 0) l
        order by id
      ) u
      cross join lateral (
        select from wallet_balances b where b.wallet_id = u.id and b.mode = 'strict' limit 1
          for update
      ) b;
    for i in 1..c_opens loop
      v_answers[i] := ledger_open_transfer_pair(p_group_ids[i], p_step_keys[i], p_actors[i],
        o_admins[i], p_requests[i], o_clients[i], o_immediate[i], o_expires_in[i], o_references[i],
        o_metadata[i], o_accept_by[i], o_debits[i], o_credits[i], o_debit_legs[i], o_amounts[i]);
    end loop;
    for i in c_opens + 1..c_steps loop
      v_answers[i] := ledger_settle(p_group_ids[i], p_step_keys[i], p_actors[i], p_requests[i],
        null, null, s_final[i - c_opens], s_freeze[i - c_opens]);
    end loop;
  end if;
  return '[' || array_to_string(v_answers, ',') || ']';
end
$$;

-- Bytes of this withdrawal may be on a chain. Call it with the group's row locked.
create function ledger_signing_began(p_group_id text) returns boolean
language sql stable
return exists (
  select from withdrawals w where w.group_id = p_group_id
    and w.state not in ('held', 'awaiting_approval', 'awaiting_funds', 'released')
);

-- Who pays a withdrawal in one payment of the whole amount, so that no part of it can be given back
-- before, or null. The custodians' migration replaces this body.
create function withdrawal_paid_whole_by(g transfer_groups) returns text
language plpgsql stable as $$
begin
  return g.chain;
end
$$;

-- Why a verb of plain transfers (legs, settle, release, cancel, extend, reverse) may not touch this
-- group, or null. Call it with the group's row locked: `withdrawals.state` changes under that lock.
create function ledger_kind_fault(g transfer_groups) returns text
language sql stable
return case
  when g.kind = 'transfer' then null
  when g.chain is null then 'WRONG_KIND'
  when g.kind = 'withdrawal' and ledger_signing_began(g.id) then 'MAY_BE_ON_CHAIN'
  else 'CHAIN_DECIDES'
end;

-- What stops an act on an open group, or null: its kind, or that it is finished. A transfer at or
-- past its deadline is cancelled here first, under the key that the deadline's own timer uses.
create function ledger_act_fault(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb, p_freeze boolean
) returns jsonb
language plpgsql as $$
declare
  v_code text;
begin
  if g.status = 'IN_PROGRESS' and g.kind = 'transfer' and p_verb in ('settle', 'addLegs', 'extend')
    and g.expires_at <= clock_timestamp()
  then
    perform ledger_give_back(g, '~expire:' || rfc3339(g.expires_at), 'expire', 'ledger',
      jsonb_build_object('expiresAt', rfc3339(g.expires_at)), 'CANCELLED', 'EXPIRED', true);
    select * into g from transfer_groups where id = g.id;
  end if;
  v_code := ledger_kind_fault(g);
  if v_code is not null then
    return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, p_freeze, v_code,
      case v_code
        when 'WRONG_KIND'
          then format('Group %s is a %s; %s acts on transfers.', g.id, g.kind, p_verb)
        when 'CHAIN_DECIDES' then format('What becomes of %s is decided on %s.', g.id, g.chain)
        else format('Bytes of %s may be on %s; only the chain ends it.', g.id, g.chain)
      end);
  end if;
  if g.status <> 'IN_PROGRESS' then
    return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, p_freeze,
      'GROUP_NOT_OPEN', format('Group %s is %s%s.', g.id, g.status,
        case when g.reason is null then '' else ': ' || g.reason end));
  end if;
  return null;
end
$$;

-- Holds more legs in an open transfer, all or none. They are numbered on from the last one.
create function ledger_add_legs(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_wallets text[], p_types leg_type[], p_amounts numeric[], p_assets text[]
) returns jsonb
language plpgsql as $$
declare
  -- Steps answer with the whole group, and Temporal takes 2 MB: beyond that a saga never goes on.
  -- So many legs are 0.8 MB at most, beside a megabyte of metadata.
  c_most constant integer := 2000;
  g transfer_groups;
  v_answer jsonb;
  v_last integer;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_act_fault(g, p_step_key, 'addLegs', p_actor, p_request, true));
  if v_answer is not null then
    return v_answer;
  end if;
  select coalesce(max(leg), 0) into v_last from transfer_legs where group_id = p_group_id;
  if v_last + cardinality(p_wallets) > c_most then
    return ledger_refuse(g, false, p_step_key, 'addLegs', p_actor, p_request, false,
      'INVALID_REQUEST', format('A group has at most %s legs; this one has %s, and %s are asked.',
        c_most, v_last, cardinality(p_wallets)));
  end if;
  return ledger_write(g, false, p_step_key, 'addLegs', p_actor, p_request, 'group.legs_added',
    'HOLD', array(select generate_series(v_last + 1, v_last + cardinality(p_wallets)))::smallint[],
    p_wallets, p_assets, p_types, p_amounts, null, p_admin, true);
end
$$;
