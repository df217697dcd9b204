-- Which withdrawals go together, and the moment from which on they do. Locks: the sender's nonces,
-- the members' groups by id.

-- Why a withdrawal is not paid with others now, in a sentence, or null.
create function batch_member_fault(g transfer_groups, w withdrawals) returns text
language plpgsql stable as $$
begin
  if g.kind <> 'withdrawal' or g.chain is null or g.status <> 'IN_PROGRESS'
    or w.state not in ('held', 'awaiting_funds')
  then
    return format('%s is %s', g.id, w.state);
  elsif g.expires_at <= clock_timestamp() then
    return format('the deadline of %s has come', g.id);
  elsif w.fee_mode <> 'platform' then
    return format('the fee of %s is the customer''s', g.id);
  elsif starts_with(w.wallet_id, 'cold:') then
    return format('%s goes to cold storage', g.id);
  elsif exists (select from batch_members m where m.group_id = g.id) then
    return format('%s was in a batch', g.id);
  elsif exists (select from withdrawal_attempts p where p.group_id = g.id) then
    return format('%s has an attempt of its own', g.id);
  elsif exists (select from deposit_addresses d
    where d.family = chain_family(w.chain) and d.address = lower(w.destination))
  then
    -- It is a deposit too, and one by an inner call is not seen on every node.
    return format('%s goes to an address of ours', g.id);
  end if;
  return withdrawal_destination_fault(w.wallet_id, w.destination);
end
$$;

-- For how many seconds a withdrawal that could be signed now waits for others, or null: it goes
-- alone. It waits p_seconds, and a little longer where others wait too, for whoever opens the
-- batch.
create function chain_wait_for_batch(p_group_id text, p_seconds integer) returns integer
language plpgsql as $$
declare
  c_patience constant integer := 5;
  g transfer_groups;
  w withdrawals;
  b batch_waits;
  v_waited integer;
begin
  select * into g from transfer_groups where id = p_group_id;
  select * into w from withdrawals where group_id = p_group_id;
  if batch_member_fault(g, w) is not null then
    return null;
  end if;
  insert into batch_waits (group_id, chain, asset) values (g.id, w.chain, w.asset)
    on conflict do nothing;
  select * into b from batch_waits where group_id = g.id;
  v_waited := floor(extract(epoch from clock_timestamp() - b.since));
  if v_waited < p_seconds then
    return p_seconds - v_waited;
  elsif v_waited < p_seconds + c_patience and exists (select from batch_waits o
    where o.chain = b.chain and o.asset = b.asset and o.group_id <> b.group_id)
  then
    return p_seconds + c_patience - v_waited;
  end if;
  return null;
end
$$;

-- Withdrawals that go together now, by asset: two and more, of which the first has waited for
-- p_seconds, or as many as fit. Those that wait no more are forgotten.
-- members  [{groupId, destination, amount}], in the order in which they came
create function chain_due_batches(p_chain text, p_seconds integer, p_most integer)
returns table (asset text, members jsonb)
language plpgsql as $$
begin
  delete from batch_waits b using withdrawals w
    where b.chain = p_chain and w.group_id = b.group_id
      and w.state not in ('held', 'awaiting_funds');
  return query
    select a.code, o.members
    from assets a
    cross join lateral (
      select min(x.since) as first, count(*) as many,
        jsonb_agg(jsonb_build_object('groupId', x.group_id, 'destination', lower(x.destination),
          'amount', amount_text(x.amount)) order by x.since, x.group_id) as members
      from (
        select b.since, w.group_id, w.destination, w.amount
        from batch_waits b
        join transfer_groups g on g.id = b.group_id
        join withdrawals w on w.group_id = b.group_id
        where b.chain = p_chain and b.asset = a.code and batch_member_fault(g, w) is null
        order by b.since, b.group_id limit p_most
      ) x
    ) o
    where a.chain = p_chain and not a.withdrawals_paused and o.many > 1
      and (o.many >= p_most
        or o.first + make_interval(secs => p_seconds) <= clock_timestamp());
end
$$;

-- Writes the group of a batch and joins its members, whose locks the caller holds. Answers its id,
-- which names the nonce that pays it.
--
-- p_members  their groups, in the order of the parts
-- p_shown    the payout contract as people read it
create function batch_write(
  p_chain text, p_sender text, p_nonce bigint, p_shown text, p_asset text, p_members text[],
  p_amount numeric
) returns text
language plpgsql as $$
declare
  c_request constant jsonb := jsonb_build_object('asset', p_asset,
    'amount', amount_text(p_amount), 'from', p_sender, 'contract', p_shown,
    'members', to_jsonb(p_members));
  g transfer_groups;
  w withdrawals;
  v_answer jsonb;
begin
  g.id := concat_ws(':', 'batch', p_chain, p_sender, p_nonce);
  g.kind := 'batch';
  g.status := 'IN_PROGRESS';
  g.client := 'treasury';
  g.chain := p_chain;
  g.metadata := c_request;
  g.opened_by := '~batch';
  w.group_id := g.id;
  w.wallet_id := 'treasury:' || p_asset;
  w.asset := p_asset;
  w.chain := p_chain;
  w.destination := p_shown;
  w.amount := p_amount;
  w.fee_mode := 'platform';
  w.state := 'held';
  v_answer := ledger_write(g, true, '~batch', 'batch', 'chain', c_request, 'group.opened', 'HOLD',
    '{}', '{}', '{}', '{}', '{}', null, true, true, null, w);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'batch % did not open: %', g.id, v_answer using errcode = 'HF004';
  end if;
  insert into batch_members (group_id, batch_group_id, position)
    select u.id, g.id, u.place - 1 from unnest(p_members) with ordinality u(id, place);
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    values (p_chain, 'batch', g.id, 0);
  return g.id;
end
$$;

-- Opens a batch and begins its signing, in one transaction: the members are checked under their
-- locks, the batch takes a nonce, its attempt is written and its members are `signing`. From this
-- commit on bytes may leave, and nobody releases any of them.
--
-- p_members    their groups, in the order of the parts
-- p_contract   the payout contract, lower case; p_shown: as it is shown
-- p_chain_nonce, p_funds, p_terms, p_max_fee, p_in_flight  see chain_begin_signing
--
-- Answers {result: 'signing', groupId}, or {result: 'waiting', why}: nothing was written then.
create function chain_open_batch(
  p_chain text, p_sender text, p_contract text, p_shown text, p_asset text, p_members text[],
  p_chain_nonce bigint, p_funds jsonb, p_terms jsonb, p_max_fee numeric, p_in_flight integer
) returns jsonb
language plpgsql as $$
declare
  -- As a member is: policies know its wallet and its payee.
  v_one withdrawals;
  v_amount numeric;
  v_nonce bigint;
  v_why text;
  v_id text;
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'nonce', p_chain, p_sender), 0));
  perform from transfer_groups t where t.id = any(p_members) order by t.id for update;
  select case when count(*) < cardinality(p_members)
        then format('not all of them are withdrawals of %s', p_asset)
        else min(batch_member_fault(t, o)) end, sum(o.amount)
    into v_why, v_amount
    from unnest(p_members) u(id)
    join transfer_groups t on t.id = u.id
    join withdrawals o on o.group_id = u.id and o.chain = p_chain and o.asset = p_asset;
  select * into v_one from withdrawals where group_id = p_members[1];
  v_one.amount := v_amount;
  v_nonce := chain_next_nonce(p_chain, p_sender);
  if p_chain_nonce > v_nonce then
    perform chain_pause_sender(p_chain, p_sender, 'unknown_transactions', format(
      'It has sent transactions that Holdfast does not know, from nonce %s on.', v_nonce));
  end if;
  v_why := coalesce(v_why,
    chain_payment_fault(v_one, p_sender, p_funds, p_max_fee, p_in_flight));
  if v_why is not null then
    return jsonb_build_object('result', 'waiting', 'why', v_why);
  end if;
  v_id := batch_write(p_chain, p_sender, v_nonce, p_shown, p_asset, p_members, v_amount);
  insert into nonce_slots (chain, sender, nonce, group_id)
    values (p_chain, p_sender, v_nonce, v_id);
  insert into withdrawal_attempts (group_id, attempt_no, kind, chain, sender, nonce, destination,
      terms, max_fee, outcome)
    values (v_id, 1, 'payment', p_chain, p_sender, v_nonce, p_contract, p_terms, p_max_fee,
      'signing');
  perform chain_set_state(v_id, 'signing', '~sign:1', jsonb_build_object('nonce', v_nonce));
  return jsonb_build_object('result', 'signing', 'groupId', v_id);
end
$$;
