-- A signer that refuses even the transfer of nothing was asked at each look, by an attempt, a fact
-- and an announcement each: on a nonce that is open again every 15 seconds, without end. It is
-- asked ever more rarely now, and at once where a person wishes so.

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
