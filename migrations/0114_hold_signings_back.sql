-- What is signed too often, and what is signed too late.
--
-- A signer that refuses even the transfer of nothing was asked at each look, by an attempt, a fact
-- and an announcement each: on a nonce that is open again every 15 seconds, without end. It is
-- asked ever more rarely now, and at once where a person wishes so.
--
-- A sweep to cold storage that was signed a while after it was opened, such as by an approval, took
-- what withdrawals had come to wait for, and left less than the low mark. It waits now, and nothing
-- is collected for it.

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
create or replace function chain_replacement_due(p withdrawal_attempts, p_bump_after integer)
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

-- In how many seconds a transfer of nothing is due on an open nonce, or one with a higher fee;
-- null: never. Bytes that may as well be mined have p_after seconds from the moment on that their
-- block was dropped. One that the signer refused has no bytes, and is asked for after a pause.
-- p  the last attempt of its group
create or replace function chain_spending_due(p withdrawal_attempts, p_after integer)
returns integer
language sql stable
return case
  when p.outcome = 'signing' then 0
  when chain_signer_pause(p.group_id) > 0 then chain_signer_pause(p.group_id)
  when p.outcome = 'refused' or (p.kind = 'payment' and not batch_goes_again(p.group_id)) then 0
  -- `greatest` passes over a null.
  when p_after is not null then greatest(0, p_after - extract(epoch from
    clock_timestamp() - greatest(p.created_at, (
      select max(f.created_at) from group_facts f
      where f.group_id = p.group_id and f.event = 'chain.orphaned_after_end')))::integer)
end;

-- An open nonce as whoever spends it needs it, or null: {dueInSeconds, refused, final}; refused:
-- the signer did so, and is not asked for now; final is null or the {height, hash} of the highest
-- final block.
create or replace function chain_open_nonce_json(p_group_id text, p_after integer) returns jsonb
language sql stable
return (
  select jsonb_build_object('dueInSeconds',
    chain_spending_due(chain_last_attempt(p_group_id), p_after),
    'refused', chain_signer_pause(p_group_id) > 0, 'final', (
      select jsonb_build_object('height', b.height, 'hash', b.hash) from chain_blocks b
      where b.chain = c.id and b.height = chain_final_height(c, a.final) and b.canonical))
  from withdrawals w
  join assets a on a.code = w.asset
  join chains c on c.id = w.chain
  where w.group_id = p_group_id and chain_nonce_is_open(p_group_id) and not chain_is_halted(c.id)
);

-- Why a sweep to cold storage may not take so much of the hot wallet now, in a sentence, or null:
-- what withdrawals wait for stays there, and the low mark. Of every other payment null.
-- p_has  what the hot wallet may pay out by the books and on the chain
create function treasury_sweep_fault(w withdrawals, p_has numeric) returns text
language plpgsql stable as $$
declare
  c_low constant numeric := coalesce(
    (select r.low_water from treasury_rules r where r.asset = w.asset), 0);
  v_waits numeric;
begin
  if not starts_with(w.wallet_id, 'cold:') then
    return null;
  end if;
  select coalesce(sum(o.amount), 0) into v_waits from withdrawals o
    where o.asset = w.asset and o.chain = w.chain and o.group_id <> w.group_id
      and o.state in ('held', 'awaiting_approval', 'awaiting_funds')
      and not chain_is_inside(o.group_id);
  if p_has - w.amount >= v_waits + c_low then
    return null;
  end if;
  return format('the hot wallet keeps %s %s, and %s that withdrawals wait for', amount_text(c_low),
    w.asset, amount_text(v_waits));
end
$$;

-- Why a payment cannot begin now, in a sentence, or null when it may.
-- p_funds      {height, balance, native}: the sender's balances in the asset and in the native coin
-- p_in_flight  most payments of the sender that may be under way and in no block
create or replace function chain_payment_fault(
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

-- Whether coins of an asset are to be collected now: some can be final, and the hot wallet wants
-- more of it, since it has less than the low mark, withdrawals wait for it, or there is no mark.
create or replace function collection_is_wanted(r treasury_rules, p_chain text, p_sender text)
returns boolean
language plpgsql stable as $$
begin
  return exists (select from chains c join assets a on a.code = r.asset
      where c.id = p_chain and chain_final_height(c, a.final) is not null)
    and (r.low_water is null
      or exists (select from withdrawals w
        where w.asset = r.asset and w.state = 'awaiting_funds' and not chain_is_inside(w.group_id)
          and not starts_with(w.wallet_id, 'cold:'))
      or r.low_water > (
        select s.booked from chain_spendable(p_chain, p_sender, r.asset, 0, 0) s));
end
$$;
