-- Withdrawals that a custodian pays, from the moment on when it may have them to their end. Locks:
-- the group, its payment, balances.

-- A payment as its saga needs it.
create function custody_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object('groupId', c.group_id, 'custodian', c.custodian, 'asset', w.asset,
    'scale', a.scale, 'amount', amount_text(w.amount), 'destination', w.destination,
    'chain', c.chain, 'contract', c.contract, 'began', c.began_at is not null,
    'status', c.status, 'reference', c.reference, 'txids', to_jsonb(c.txids))
  from custody_payments c
  join withdrawals w on w.group_id = c.group_id
  join assets a on a.code = w.asset
  where c.group_id = p_group_id
);

-- Moves the withdrawal on and writes a line of its timeline. The caller holds the group's lock.
create function custody_set_state(
  p_group_id text, p_state text, p_key text, p_event text, p_detail jsonb
) returns void
language sql volatile
begin atomic
  update withdrawals set state = p_state, updated_at = clock_timestamp()
    where group_id = p_group_id and state <> p_state;
  insert into group_facts (group_id, key, event, actor, detail)
    values (p_group_id, p_key, p_event, 'custody', p_detail)
    on conflict (group_id, key) do nothing;
end;

-- Begins the payment: from this commit on the custodian may have it. Answers {result: 'begun',
-- payment}, the same for ever; {result: 'waiting', why}, where it may still be released; or
-- {result: 'ended'}.
create function custody_begin(p_group_id text) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  select * into c from custody_payments where group_id = p_group_id for update;
  if g.status is distinct from 'IN_PROGRESS' then
    return '{"result": "ended"}';
  elsif c.began_at is not null then
    return jsonb_build_object('result', 'begun', 'payment', custody_json(p_group_id));
  elsif g.expires_at <= clock_timestamp() then
    perform ledger_give_back(g, '~expire:' || rfc3339(g.expires_at), 'expire', 'ledger',
      jsonb_build_object('expiresAt', rfc3339(g.expires_at)), 'CANCELLED', 'EXPIRED', true, w);
    return '{"result": "ended"}';
  elsif c.group_id is null then
    return jsonb_build_object('result', 'waiting', 'why', 'no custodian pays it');
  elsif w.state = 'awaiting_approval' then
    return jsonb_build_object('result', 'waiting', 'why', 'it is ' || w.state);
  end if;
  v_why := case when (select a.withdrawals_paused from assets a where a.code = w.asset)
    then format('withdrawals of %s are paused', w.asset)
    when w.amount <> (select remaining from transfer_legs where group_id = p_group_id and leg = 1)
      then 'part of it was given back, and a custodian pays it whole: release the rest'
    else withdrawal_destination_fault(w.wallet_id, w.destination) end;
  if v_why is not null then
    perform custody_set_state(p_group_id, 'awaiting_funds', '~custody:waits',
      'withdrawal.awaiting_funds', jsonb_build_object('why', v_why));
    return jsonb_build_object('result', 'waiting', 'why', v_why);
  end if;
  update custody_payments set began_at = clock_timestamp(), updated_at = clock_timestamp()
    where group_id = p_group_id;
  perform custody_set_state(p_group_id, 'signing', '~custody:begin', 'withdrawal.signing',
    jsonb_build_object('custodian', c.custodian));
  return jsonb_build_object('result', 'begun', 'payment', custody_json(p_group_id));
end
$$;

-- Notes the custodian's word. `unknown` never takes the place of a word; a second reference for one
-- payment is kept out and told: {contradicts: true}.
create function custody_record(
  p_group_id text, p_status text, p_reference text, p_txid text, p_detail text
) returns jsonb
language plpgsql as $$
declare
  c custody_payments;
  v_fails constant boolean := p_status in ('refused', 'failed', 'rejected');
  v_state text;
  v_open boolean;
begin
  select g.status = 'IN_PROGRESS' into v_open from transfer_groups g
    where g.id = p_group_id for update;
  select * into strict c from custody_payments where group_id = p_group_id for update;
  if p_status = 'unknown' and c.status is not null then
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', false);
  end if;
  update custody_payments
    set status = p_status, reference = coalesce(c.reference, p_reference), detail = p_detail,
        txids = case when p_txid is null or p_txid = any (c.txids) then c.txids
          else c.txids || p_txid end,
        failed_since = case when v_fails then coalesce(c.failed_since, clock_timestamp())
          when not v_open then c.failed_since end,
        updated_at = clock_timestamp()
    where group_id = p_group_id;
  v_state := case when p_status = 'unknown' then 'broadcast_unknown' when v_fails then 'stuck'
    when p_status = 'confirmed' then 'confirmed' else 'broadcast' end;
  if v_open then
    perform custody_set_state(p_group_id, v_state,
      concat_ws(':', '~custody', p_status, p_txid), 'withdrawal.custody_' || p_status,
      jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
        'txid', p_txid, 'detail', p_detail)));
  end if;
  return jsonb_build_object('payment', custody_json(p_group_id),
    'contradicts', c.reference <> p_reference);
end
$$;

-- Why a payment in a block is not the end yet, in a sentence, or null. p_paid: {txid, ordinals,
-- height, blockHash}, as the node has just told it.
create function custody_block_fault(c custody_payments, p_paid jsonb) returns text
language plpgsql stable as $$
declare
  n chains;
  v_height constant bigint := (p_paid ->> 'height')::bigint;
begin
  select * into n from chains where id = c.chain;
  if chain_is_halted(c.chain) then
    return format('%s stands still until a person has looked', c.chain);
  elsif v_height > coalesce(chain_final_height(n, c.final), -1) then
    return format('block %s is not final yet', v_height);
  elsif exists (select from chain_blocks b where b.chain = c.chain and b.height = v_height
    and b.canonical and b.hash <> p_paid ->> 'blockHash')
  then
    return format('block %s is another one than the node told', v_height);
  end if;
  return null;
end
$$;

-- Why a payment is not shown to be paid, in a sentence; null: it is, and the event that paid it is
-- written down as its own. One event is the payment of one withdrawal. p_paid null: by the
-- custodian's word, where no chain is looked at. The caller holds the payment's lock.
create function custody_take_event(c custody_payments, p_paid jsonb) returns text
language plpgsql as $$
declare
  v_why text;
  v_ordinal text;
begin
  if c.chain is null then
    return case when c.status <> 'confirmed' then 'the custodian has not confirmed it' end;
  elsif p_paid is null then
    return 'the chain has not shown it';
  end if;
  v_why := custody_block_fault(c, p_paid);
  if v_why is not null then
    return v_why;
  end if;
  -- One taker at a time for a transaction: it may pay several withdrawals.
  perform pg_advisory_xact_lock(hashtextextended('custody ' || (p_paid ->> 'txid'), 0));
  select o into v_ordinal from jsonb_array_elements_text(p_paid -> 'ordinals') o
    where not exists (select from custody_payments u where u.paid_chain = c.chain
      and u.paid_txid = p_paid ->> 'txid' and u.paid_ordinal = o) limit 1;
  if v_ordinal is null then
    return format('what %s paid was for other withdrawals', p_paid ->> 'txid');
  end if;
  update custody_payments set paid_chain = c.chain, paid_txid = p_paid ->> 'txid',
    paid_ordinal = v_ordinal, updated_at = clock_timestamp() where group_id = c.group_id;
  return null;
end
$$;

-- Settles a payment: by an event in a final block that no other withdrawal was settled by, or,
-- where no chain is looked at, by the custodian's word (p_paid null). Else {outcome: 'waiting'}.
create function custody_settle(p_group_id text, p_paid jsonb) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_answer jsonb;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  v_answer := ledger_replay(p_group_id, '~final');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status <> 'IN_PROGRESS' or c.began_at is null then
    v_why := 'it is not under way';
  else
    v_why := custody_take_event(c, p_paid);
  end if;
  if v_why is not null then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status, 'why', v_why);
  end if;
  w.txid := coalesce(p_paid ->> 'txid', c.txids[cardinality(c.txids)]);
  w.state := 'settled';
  return ledger_capture(g, '~final', 'settle', c.custodian, jsonb_strip_nulls(jsonb_build_object(
    'custodian', c.custodian, 'reference', c.reference, 'txid', w.txid,
    'blockHash', p_paid -> 'blockHash')), null, null, true, true, w);
end
$$;

-- Gives back what the custodian says it will not pay, where it has said so for p_grace_seconds. The
-- caller has just asked it again, and looked for every transaction that it ever named.
create function custody_release(p_group_id text, p_grace_seconds integer) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  v_answer := ledger_replay(p_group_id, '~final');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status <> 'IN_PROGRESS' or c.failed_since is null
    or c.failed_since > clock_timestamp() - make_interval(secs => p_grace_seconds)
  then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status,
      'why', 'its failure is not old enough to be believed');
  end if;
  w.state := 'released';
  return ledger_give_back(g, '~final', 'release', c.custodian, jsonb_strip_nulls(
    jsonb_build_object('custodian', c.custodian, 'reference', c.reference, 'status', c.status,
      'detail', c.detail)), 'RELEASED',
    case c.status when 'failed' then 'CUSTODIAN_FAILED' else 'CUSTODIAN_REJECTED' end, true, w);
end
$$;

-- Why a person may not end a withdrawal that a custodian pays, as a stored refusal, or null. The
-- group's row is locked by it.
create function custody_act_fault(
  p_group_id text, p_step_key text, p_verb text, p_actor text, p_request jsonb, p_gives_back boolean
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  c custody_payments;
begin
  select * into c from custody_payments where group_id = p_group_id;
  if not found then
    return null;
  end if;
  select * into g from transfer_groups where id = p_group_id for update;
  select * into c from custody_payments where group_id = p_group_id;
  if ledger_replay(p_group_id, p_step_key) is not null
    or (p_gives_back and c.began_at is null and g.status = 'IN_PROGRESS')
  then
    return null;
  end if;
  return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, true,
    case when c.began_at is null then 'CHAIN_DECIDES' else 'MAY_BE_ON_CHAIN' end,
    format('%s pays %s; only its payment, or its failure, ends it.', c.custodian, g.id));
end
$$;

-- The acts of people, behind that check. What they do for everybody else stays as it is.
alter function ledger_finalize_withdrawal(text, text, text, jsonb, numeric, boolean, text)
  rename to ledger_finalize_outside;
create function ledger_finalize_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_amount numeric,
    p_final boolean,
  p_txid text
) returns jsonb
language plpgsql as $$
begin
  return coalesce(
    custody_act_fault(p_group_id, p_step_key, 'finalize', p_actor, p_request, false),
    ledger_finalize_outside(p_group_id, p_step_key, p_actor, p_request, p_amount, p_final, p_txid));
end
$$;

alter function ledger_release_withdrawal(text, text, text, jsonb, text, numeric, boolean)
  rename to ledger_release_unbegun;
create function ledger_release_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_reason text, p_amount numeric, p_final boolean
) returns jsonb
language plpgsql as $$
begin
  return coalesce(
    custody_act_fault(p_group_id, p_step_key, 'release', p_actor, p_request, true),
    ledger_release_unbegun(p_group_id, p_step_key, p_actor, p_request, p_reason, p_amount,
      p_final));
end
$$;

-- Replaces the body of the ledger's migration: a custodian is asked for the whole amount.
create or replace function withdrawal_paid_whole_by(g transfer_groups) returns text
language sql stable
return coalesce(g.chain,
  (select c.custodian from custody_payments c where c.group_id = g.id limit 1));
