-- A payment that no block takes: another attempt on the same nonce with a higher fee, or a transfer
-- of nothing to the sender itself. Whichever a block takes decides, so none of it can pay twice.

-- Where a withdrawal stands whose payment is sent and in no block.
create function chain_state_in_flight(p withdrawal_attempts) returns text
language sql immutable
return case
  when p.kind = 'cancel' then 'cancelling'
  when p.attempt_no > 1 then 'replacing'
  else 'broadcast'
end;

-- For how many seconds the signer is not asked again for a transfer of nothing: 0 where it has
-- refused none, or did so long enough ago. 15 at first, twice as many each time, at most an hour.
create function chain_signer_pause(p_group_id text) returns integer
language sql stable
return coalesce((
  select greatest(0, least(3600, 15 * 2 ^ least(r.times - 1, 8))
      - extract(epoch from clock_timestamp() - y.created_at))::integer
  from (
    select count(*) as times from withdrawal_attempts p
    where p.group_id = p_group_id and p.kind = 'cancel' and p.outcome = 'refused'
  ) r
  join lateral (
    select p.outcome, p.created_at from withdrawal_attempts p
    where p.group_id = p_group_id order by p.attempt_no desc limit 1
  ) y on y.outcome = 'refused'
  where r.times > 0), 0);

-- What is to be done about a payment that is in no block, or null: `cancel` or `speed_up`. Asked
-- for by people, by the signer's refusal, or by the time that it has waited; or it was begun: who
-- replaces signs that first, and begins nothing else.
create function chain_replacement_due(p withdrawal_attempts, p_bump_after integer)
returns text
language sql stable
return (
  select case
    when p.outcome = 'signing' then case p.kind when 'cancel' then 'cancel' else 'speed_up' end
    when p.outcome = 'refused' then case
      when o.kind is not null or chain_signer_pause(p.group_id) = 0 then 'cancel' end
    when o.kind = 'cancel' and p.kind = 'payment' then 'cancel'
    when o.kind is not null then 'speed_up'
    -- The youngest counts, also where the signer refused it.
    when (select max(t.created_at) from withdrawal_attempts t where t.group_id = p.group_id)
      + make_interval(secs => p_bump_after) <= clock_timestamp() then 'speed_up'
  end
  from (
    select min(s.kind) as kind from attempt_wishes s
    where s.group_id = p.group_id and s.attempt_no is null
  ) o
);

-- The act of a person: asks the saga for a replacement. p_kind is `speed_up` or `cancel`; p_max_fee
-- is what it may cost at most, in the native coin, or null.
create function ledger_replace_attempt(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_kind text, p_max_fee numeric
) returns jsonb
language plpgsql as $$
declare
  c_verb constant text := case p_kind when 'cancel' then 'cancelOnChain' else 'speedUp' end;
  g transfer_groups;
  w withdrawals;
  p withdrawal_attempts;
  v_answer jsonb;
  v_code text;
  v_detail text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  p := chain_last_attempt(p_group_id);
  if g.kind not in ('withdrawal', 'collection', 'batch') or g.chain is null then
    v_code := 'WRONG_KIND';
    v_detail := format('Group %s is no withdrawal on a chain.', g.id);
  elsif g.status <> 'IN_PROGRESS' then
    v_code := 'GROUP_NOT_OPEN';
    v_detail := format('Group %s is %s.', g.id, g.status);
  elsif chain_batch_of(g.id) is not null then
    v_code := 'WRONG_KIND';
    v_detail := format('%s is paid by %s, together with others: ask that of the batch.', g.id,
      chain_batch_of(g.id));
  elsif p.id is null then
    v_code := 'WRONG_KIND';
    v_detail := format('Nothing of %s was signed, it is %s; release gives it back.', g.id, w.state);
  elsif exists (select from withdrawal_attempts t
    join attempt_inclusions n on n.attempt_id = t.id and n.canonical where t.group_id = g.id)
  then
    v_code := 'CHAIN_DECIDES';
    v_detail := format('%s is in a block of %s already.', g.id, g.chain);
  end if;
  if v_code is not null then
    return ledger_refuse(g, false, p_step_key, c_verb, p_actor, p_request, true, v_code, v_detail);
  end if;
  insert into attempt_wishes (group_id, step_key, kind, max_fee)
    values (p_group_id, p_step_key, p_kind, p_max_fee);
  w.state := case when p_kind = 'cancel' or p.kind = 'cancel' then 'cancelling'
    else 'replacing' end;
  return ledger_write(g, false, p_step_key, c_verb, p_actor, p_request, 'withdrawal.' || w.state,
    'MOVES', '{}', '{}', '{}', '{}', '{}', '{}', true, true, null, w);
end
$$;

-- Least of what people said that the next attempt of a group may cost, or null: nobody did.
create function chain_wished_fee(p_group_id text) returns numeric
language sql stable
return (
  select min(s.max_fee) from attempt_wishes s
  where s.group_id = p_group_id and s.attempt_no is null
);

-- Writes the attempt that replaces number p_replaces, on the same nonce; it is signed afterwards.
-- The first of two callers wins, both get the same one. p_destination is the sender itself where
-- p_kind is `cancel`.
--
-- Answers {result: 'signing', attempt} or {result: 'over'}: a block has one, or the group ended.
create function chain_begin_replacement(
  p_group_id text, p_actor text, p_replaces integer, p_kind text, p_destination text,
  p_terms jsonb, p_max_fee numeric, p_reason text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  p withdrawal_attempts;
  v_state text;
  v_no integer;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  p := chain_last_attempt(p_group_id);
  if g.status <> 'IN_PROGRESS' or chain_is_halted(g.chain)
    or exists (select from withdrawal_attempts t
      join attempt_inclusions n on n.attempt_id = t.id and n.canonical where t.group_id = g.id)
  then
    return '{"result": "over"}';
  elsif p.attempt_no <> p_replaces or (p.outcome = 'signing') then
    return jsonb_build_object('result', 'signing', 'attempt', chain_attempt_json(p_group_id));
  elsif p.kind = 'cancel' and p_kind = 'payment' then
    raise exception 'group % is being cancelled on the chain: it is not paid any more', g.id
      using errcode = 'HF004';
  end if;
  select max(t.attempt_no) + 1 into v_no from withdrawal_attempts t where t.group_id = g.id;
  insert into withdrawal_attempts (group_id, attempt_no, kind, reason, chain, sender, nonce,
      destination, terms, max_fee, outcome)
    values (g.id, v_no, p_kind, p_reason, p.chain, p.sender, p.nonce, p_destination, p_terms,
      p_max_fee, 'signing');
  update attempt_wishes s set attempt_no = v_no
    where s.group_id = g.id and s.attempt_no is null
      and (p_kind = 'cancel' or s.kind = 'speed_up');
  v_state := case p_kind when 'cancel' then 'cancelling' else 'replacing' end;
  perform chain_announce_state(g, v_state, '~' || v_state || ':' || v_no, p_actor,
    jsonb_build_object('replaces', p.txid, 'why', p_reason, 'maxFee', amount_text(p_max_fee)));
  return jsonb_build_object('result', 'signing', 'attempt', chain_attempt_json(p_group_id));
end
$$;

-- Notes that what people asked for is not done, with why, and goes on as before. What was found to
-- be too dear is a payment (p_kind), and a wish for a cancellation stays; or a cancellation, which
-- would have served all.
create function chain_decline_replacement(p_group_id text, p_kind text, p_why text) returns void
language plpgsql as $$
declare
  v_key text;
begin
  perform from transfer_groups where id = p_group_id for update;
  for v_key in
    update attempt_wishes s set attempt_no = 0
      where s.group_id = p_group_id and s.attempt_no is null
        and (p_kind = 'cancel' or s.kind = 'speed_up')
      returning s.step_key
  loop
    perform chain_fact(p_group_id, 'notReplaced:' || v_key, 'withdrawal.not_replaced',
      jsonb_build_object('why', p_why));
  end loop;
  if not found or exists (select from attempt_wishes s
    where s.group_id = p_group_id and s.attempt_no is null)
  then
    return;
  end if;
  update withdrawals
    set state = chain_state_in_flight(chain_last_attempt(p_group_id)),
        updated_at = clock_timestamp()
    where group_id = p_group_id and state in ('replacing', 'cancelling')
      and not exists (select from withdrawal_attempts t
        join attempt_inclusions n on n.attempt_id = t.id and n.canonical
        where t.group_id = p_group_id);
end
$$;
