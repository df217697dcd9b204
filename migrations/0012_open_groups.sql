-- Serializes the first writers of a group that is not there yet: the second one waits here, then
-- finds the first one's operation.
create function ledger_lock_new(p_group_id text) returns void
language sql volatile
return pg_advisory_xact_lock(hashtextextended(p_group_id, 0));

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
) returns json
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

-- What `ledger_open_transfer_pair` says to each of many. A refusal is an answer like any.
create function ledger_open_transfers(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_admins boolean[], p_requests jsonb[],
  p_clients text[], p_immediate boolean[], p_expires_in integer[], p_references text[],
  p_metadata jsonb[], p_accept_by timestamptz[],
  p_debits text[], p_credits text[], p_debit_legs smallint[], p_amounts numeric[]
) returns json[]
language plpgsql as $$
declare
  v_answers json[];
begin
  if (clock_timestamp() > any(p_accept_by)) is not true
    and cardinality(p_group_ids) = (select count(distinct id) from unnest(p_group_ids) id)
  then
    v_answers := ledger_open_pairs(p_group_ids, p_step_keys, p_actors, p_admins, p_requests,
      p_clients, p_immediate, p_expires_in, p_references, p_metadata, p_debits, p_credits,
      p_debit_legs, p_amounts);
    if v_answers is not null then
      return v_answers;
    end if;
  end if;
  for i in 1..cardinality(p_group_ids) loop
    v_answers[i] := ledger_open_transfer_pair(p_group_ids[i], p_step_keys[i],
      p_actors[i], p_admins[i], p_requests[i], p_clients[i], p_immediate[i], p_expires_in[i],
      p_references[i], p_metadata[i], p_accept_by[i],
      p_debits[i], p_credits[i], p_debit_legs[i], p_amounts[i]);
  end loop;
  return v_answers;
end
$$;

-- Bytes of this withdrawal may be on a chain. Call it with the group's row locked.
create function ledger_signing_began(p_group_id text) returns boolean
language sql stable
return exists (
  select from withdrawals w where w.group_id = p_group_id
    and w.state not in ('held', 'awaiting_approval', 'awaiting_funds', 'released')
);

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
  return ledger_write(g, false, p_step_key, 'addLegs', p_actor, p_request, 'group.legs_added',
    'HOLD', array(select generate_series(v_last + 1, v_last + cardinality(p_wallets)))::smallint[],
    p_wallets, p_assets, p_types, p_amounts, null, p_admin, true);
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
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
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
