-- Withdrawals up to the bytes that leave. Locks: the sender's nonces, the group, balances.

-- Moves a withdrawal on and writes a line of its timeline. Announced states go through
-- `chain_announce_state`. The caller holds the group's lock.
create function chain_set_state(
  p_group_id text, p_state text, p_key text, p_detail jsonb
) returns void
language sql volatile
begin atomic
  update withdrawals set state = p_state, updated_at = clock_timestamp()
    where group_id = p_group_id and state <> p_state;
  select chain_fact(p_group_id, p_key, 'withdrawal.' || p_state, p_detail);
end;

-- Moves a withdrawal on and announces it, once per step key. The caller holds the group's lock.
create function chain_announce_state(
  g transfer_groups, p_state text, p_step_key text, p_actor text, p_request jsonb
) returns void
language plpgsql as $$
declare
  w withdrawals;
begin
  if ledger_replay(g.id, p_step_key) is not null then
    perform chain_set_state(g.id, p_state, p_step_key || ' again', p_request);
    return;
  end if;
  select * into w from withdrawals where group_id = g.id;
  w.state := p_state;
  perform ledger_write(g, false, p_step_key, p_state, p_actor, p_request, 'withdrawal.' || p_state,
    'MOVES', '{}', '{}', '{}', '{}', '{}', '{}', true, true, null, w);
end
$$;

-- What the books say that an address of ours has of an asset: the hot wallet all that is outside,
-- without what lies on deposit addresses. The collections' migrations replace this body by one that
-- knows what was moved between them.
create function chain_booked_at(p_chain text, p_address text, p_asset text) returns numeric
language plpgsql stable as $$
begin
  return (
    select -s.settled - coalesce((select sum(i.amount) from chain_inclusions i
        where i.asset = p_asset and i.credited_at is not null), 0)
    from wallet_states s where s.wallet_id = 'external:' || p_asset);
end
$$;

-- What of an asset a sender may still pay out, seen from two sides, as of block p_height of the
-- chain, where its balance is p_balance.
--
-- booked    what the books say lies there, without what open payments will take
-- on_chain  its balance without what payments that are not yet in a block up to p_height will take
create function chain_spendable(
  p_chain text, p_sender text, p_asset text, p_height bigint, p_balance numeric,
  out booked numeric, out on_chain numeric
)
language plpgsql stable as $$
declare
  c_native constant boolean := p_asset = chain_native_asset(p_chain);
  v_open numeric;
  v_unseen numeric;
begin
  select coalesce(sum(o.takes), 0), coalesce(sum(o.takes) filter (where not o.seen), 0)
    into v_open, v_unseen
  from (
    select n.id is not null and n.block_height <= p_height as seen,
      case when w.asset = p_asset then w.amount else 0 end
        + case when c_native then coalesce(n.fee, p.max_fee) else 0 end as takes
    from withdrawals w
    -- Of all attempts of a group one takes effect: the dearest counts, until it is known which.
    join lateral (
      select max(t.max_fee) as max_fee from withdrawal_attempts t
      where t.group_id = w.group_id and t.sender = p_sender having count(*) > 0
    ) p on true
    left join lateral (
      select i.* from withdrawal_attempts t
      join attempt_inclusions i on i.attempt_id = t.id and i.canonical
      where t.group_id = w.group_id limit 1
    ) n on true
    where w.chain = p_chain and w.state not in
      ('held', 'awaiting_funds', 'settled', 'released', 'late_confirmed')
  ) o;
  booked := chain_booked_at(p_chain, p_sender, p_asset) - v_open;
  on_chain := p_balance - v_unseen;
end
$$;

-- Why a payment cannot begin now, in a sentence, or null when it may.
-- p_funds      {height, balance, native}: the sender's balances in the asset and in the native coin
-- p_in_flight  most payments of the sender that may be under way and in no block
create function chain_payment_fault(
  w withdrawals, p_sender text, p_funds jsonb, p_max_fee numeric, p_in_flight integer
) returns text
language plpgsql stable as $$
declare
  c_native constant text := chain_native_asset(w.chain);
  c_height constant bigint := (p_funds ->> 'height')::bigint;
  s record;
  v_asks numeric := w.amount;
begin
  if chain_is_halted(w.chain) then
    return format('%s stands still until a person has looked', w.chain);
  elsif chain_batch_of(w.group_id) is not null then
    return format('%s pays it, or has paid it', chain_batch_of(w.group_id));
  elsif (select a.withdrawals_paused from assets a where a.code = w.asset) then
    return format('withdrawals of %s are paused', w.asset);
  elsif withdrawal_destination_fault(w.wallet_id, w.destination) is not null then
    return withdrawal_destination_fault(w.wallet_id, w.destination);
  elsif c_native is null then
    return format('the coin that fees of %s are paid in is not registered as an asset', w.chain);
  elsif exists (select from sender_pauses o
    where o.chain = w.chain and o.sender = p_sender and o.until is null)
  then
    return (select format('nothing is signed for %s: %s', p_sender, min(o.reason))
      from sender_pauses o
      where o.chain = w.chain and o.sender = p_sender and o.until is null);
  elsif chain_open_nonce_of(w.chain, p_sender) is not null then
    return format('nonce %s of %s was spent in a block that is gone, so it is spent first',
      chain_open_nonce_of(w.chain, p_sender), p_sender);
  elsif chain_room_fault(w.chain, p_sender, p_in_flight) is not null then
    return chain_room_fault(w.chain, p_sender, p_in_flight);
  end if;
  if w.asset <> c_native then
    s := chain_spendable(w.chain, p_sender, c_native, c_height, (p_funds ->> 'native')::numeric);
    if least(s.booked, s.on_chain) < p_max_fee then
      return format('the sender has %s %s for fees (%s booked), %s is needed',
        amount_text(s.on_chain), c_native, amount_text(s.booked), amount_text(p_max_fee));
    end if;
  else
    v_asks := w.amount + p_max_fee;
  end if;
  s := chain_spendable(w.chain, p_sender, w.asset, c_height, (p_funds ->> 'balance')::numeric);
  if least(s.booked, s.on_chain) < v_asks then
    return format('the sender has %s %s (%s booked), %s is needed', amount_text(s.on_chain),
      w.asset, amount_text(s.booked), amount_text(v_asks));
  end if;
  return treasury_sweep_fault(w, least(s.booked, s.on_chain));
end
$$;

-- The attempt that a withdrawal is at, or null: the last one, but one that the signer refused only
-- where there is no other.
create function chain_last_attempt(p_group_id text) returns withdrawal_attempts
language plpgsql stable as $$
declare
  p withdrawal_attempts;
begin
  select * into p from withdrawal_attempts a where a.group_id = p_group_id
    order by a.outcome = 'refused', a.attempt_no desc limit 1;
  return p;
end
$$;

-- The same as its saga needs it.
create function chain_attempt_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object('id', p.id::text, 'groupId', p.group_id, 'no', p.attempt_no,
    'kind', p.kind, 'chain', p.chain, 'sender', p.sender, 'nonce', p.nonce,
    'destination', p.destination, 'terms', p.terms, 'bytes', p.bytes, 'txid', p.txid,
    'outcome', p.outcome)
  from chain_last_attempt(p_group_id) p where p.id is not null
);

-- Begins the signing of a withdrawal: takes a nonce and writes the attempt. From this commit on
-- bytes may leave and nobody releases it.
--
-- p_funds, p_in_flight  see chain_payment_fault
-- p_fault  why the payment could not be priced, in a sentence; then p_terms and p_max_fee are null
--
-- Answers {result: 'signing', attempt}, the same one again for ever; {result: 'waiting', why,
-- paused}, where it stays releasable, paused: until a person has looked at the sender; {result:
-- 'ended'} where the group is finished.
create function chain_begin_signing(
  p_group_id text, p_actor text, p_sender text, p_destination text,
  p_chain_nonce bigint, p_funds jsonb, p_terms jsonb, p_max_fee numeric, p_fault text,
  p_in_flight integer
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_nonce bigint;
  v_books text;
  v_why text;
begin
  select * into w from withdrawals where group_id = p_group_id;
  perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'nonce', w.chain, p_sender), 0));
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status is distinct from 'IN_PROGRESS' then
    return '{"result": "ended"}';
  elsif chain_attempt_json(p_group_id) is not null then
    return jsonb_build_object('result', 'signing', 'attempt', chain_attempt_json(p_group_id));
  elsif w.state not in ('held', 'awaiting_funds') then
    return jsonb_build_object('result', 'waiting', 'why', 'it is ' || w.state);
  elsif g.expires_at <= clock_timestamp() then
    perform ledger_give_back(g, '~expire:' || rfc3339(g.expires_at), 'expire', 'ledger',
      jsonb_build_object('expiresAt', rfc3339(g.expires_at)), 'CANCELLED', 'EXPIRED', true, w);
    return '{"result": "ended"}';
  end if;
  v_nonce := chain_next_nonce(w.chain, p_sender);
  if p_chain_nonce > v_nonce then
    perform chain_pause_sender(w.chain, p_sender, 'unknown_transactions', format(
      'It has sent transactions that Holdfast does not know, from nonce %s on.', v_nonce));
  end if;
  -- Before what the node says: a payment of coins that are not there has no price either.
  v_books := chain_payment_fault(w, p_sender, p_funds, coalesce(p_max_fee, 0), p_in_flight);
  v_why := coalesce(v_books, p_fault);
  if v_why is not null then
    -- When its price is right only the node knows, so its saga asks that again by itself.
    if v_books is not null then
      perform chain_queue_payment(w, p_sender, p_max_fee, p_in_flight);
    else
      delete from signing_queue where group_id = p_group_id;
    end if;
    perform chain_announce_state(g, 'awaiting_funds', '~awaitingFunds', p_actor,
      jsonb_build_object('why', v_why));
    return jsonb_build_object('result', 'waiting', 'why', v_why, 'paused', exists (
      select from sender_pauses o
      where o.chain = w.chain and o.sender = p_sender and o.until is null));
  end if;
  insert into nonce_slots (chain, sender, nonce, group_id)
    values (w.chain, p_sender, v_nonce, p_group_id);
  insert into withdrawal_attempts (group_id, attempt_no, kind, chain, sender, nonce, destination,
      terms, max_fee, outcome)
    values (p_group_id, 1, 'payment', w.chain, p_sender, v_nonce, p_destination, p_terms, p_max_fee,
      'signing');
  delete from signing_queue where group_id = p_group_id;
  perform chain_set_state(p_group_id, 'signing', '~sign:1', jsonb_build_object('nonce', v_nonce));
  return jsonb_build_object('result', 'signing', 'attempt', chain_attempt_json(p_group_id));
end
$$;

-- Stores signed bytes, before anything is sent. Other bytes for the same attempt are refused by the
-- table itself.
create function chain_record_attempt(p_attempt_id bigint, p_bytes text, p_txid text) returns jsonb
language plpgsql as $$
declare
  p withdrawal_attempts;
begin
  select a.* into p from withdrawal_attempts a
    join transfer_groups g on g.id = a.group_id where a.id = p_attempt_id for update of g;
  update withdrawal_attempts
    set bytes = p_bytes, txid = p_txid,
        outcome = case outcome when 'signing' then 'signed' else outcome end
    where id = p_attempt_id;
  if (select w.state from withdrawals w where w.group_id = p.group_id) = 'signing' then
    perform chain_set_state(p.group_id, 'signed', '~signed:' || p.attempt_no,
      jsonb_build_object('txid', p_txid));
  end if;
  return chain_attempt_json(p.group_id);
end
$$;

-- Stores that the signer looked and signed nothing. An attempt that has bytes keeps them.
create function chain_record_refusal(p_attempt_id bigint, p_why text) returns void
language plpgsql as $$
declare
  p withdrawal_attempts;
begin
  select a.* into p from withdrawal_attempts a
    join transfer_groups g on g.id = a.group_id where a.id = p_attempt_id for update of g;
  update withdrawal_attempts set outcome = 'refused', detail = p_why
    where id = p_attempt_id and outcome = 'signing';
  perform chain_fact(p.group_id, 'signerRefused:' || p.attempt_no, 'withdrawal.signer_refused',
    jsonb_build_object('why', p_why, 'nonce', p.nonce));
  -- Where another attempt lives on, it is that one's state again.
  update withdrawals set state = chain_state_in_flight(chain_last_attempt(p.group_id)),
      updated_at = clock_timestamp()
    where group_id = p.group_id and state in ('replacing', 'cancelling')
      and (chain_last_attempt(p.group_id)).bytes is not null;
end
$$;

-- Stores what came of sending: p_taken says that the node has the bytes; else it is not known where
-- they are, p_detail says why. A state that says more than "sent" stays.
create function chain_record_broadcast(p_attempt_id bigint, p_taken boolean, p_detail text)
returns void
language plpgsql as $$
declare
  c_state constant text := case when p_taken then 'broadcast' else 'broadcast_unknown' end;
  p withdrawal_attempts;
  v_state text;
begin
  select a.* into p from withdrawal_attempts a
    join transfer_groups g on g.id = a.group_id where a.id = p_attempt_id for update of g;
  update withdrawal_attempts set outcome = c_state, detail = p_detail where id = p_attempt_id;
  select w.state into v_state from withdrawals w where w.group_id = p.group_id;
  if v_state in ('signed', 'broadcast', 'broadcast_unknown') then
    perform chain_set_state(p.group_id, c_state, '~' || c_state || ':' || p.attempt_no,
      jsonb_build_object('txid', p.txid, 'detail', p_detail));
  end if;
end
$$;
