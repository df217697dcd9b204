-- Withdrawals from the bytes that left to their end. Locks: the group, the inclusions of its
-- attempts, balances. The rewind updates the same inclusions, so settling and orphaning never
-- cross.

-- First of the two legs that hold what the customer pays at most for the network, or null where the
-- platform pays.
create function chain_customer_leg(w withdrawals) returns smallint
language sql immutable
return case when w.chain is not null and w.fee_mode = 'customer'
  then case when w.fee is null then 3 else 5 end end;

-- What of an inclusion's fee the customer pays: all, up to what he agreed to. A cancellation was
-- not his wish.
create function chain_customer_fee(w withdrawals, n attempt_inclusions) returns numeric
language sql stable
return case when chain_customer_leg(w) is not null
    and (select p.kind from withdrawal_attempts p where p.id = n.attempt_id) = 'payment'
  then least(n.fee, w.max_fee) else 0 end;

-- Books what an inclusion cost beside the payment, as holds in legs of their own: the fee, without
-- what the customer pays of it, from `network-fees:<native>`, and what a token moved without paying
-- from `shortfall:<asset>`. They settle or are cancelled with the inclusion that they belong to.
-- What cannot be booked now keeps the payment from going on until it can.
create function chain_book_fee(
  g transfer_groups, w withdrawals, n attempt_inclusions, p_actor text
) returns void
language plpgsql as $$
declare
  c_native constant text := chain_native_asset(g.chain);
  c_fee constant numeric := n.fee - chain_customer_fee(w, n);
  c_lost constant numeric := n.moved
    - case when n.paid and not chain_is_inside(g.id) then w.amount else 0 end;
  v_leg smallint;
  v_answer jsonb;
begin
  perform ledger_insert_wallet('network-fees:' || c_native, 'holdfast', c_native, 'system', '{}');
  -- The first two are the principal's, also where there is none since none of it leaves the books.
  select coalesce(max(l.leg), 2) + 1 into v_leg from transfer_legs l where l.group_id = g.id;
  if c_fee > 0 then
    v_answer := ledger_write(g, false, '~fee:' || n.id, 'fee', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.legs_added',
      'HOLD', array[v_leg, v_leg + 1]::smallint[],
      array['network-fees:' || c_native, 'external:' || c_native], array[c_native, c_native],
      '{DEBIT,CREDIT}', array[c_fee, c_fee], null, true, true);
    if v_answer ->> 'outcome' <> 'done' then
      raise exception 'the fee of inclusion % cannot be booked: %', n.id,
        v_answer #>> '{refusal,detail}' using errcode = 'HF004';
    end if;
  end if;
  if c_lost > 0 then
    v_answer := ledger_write(g, false, '~lost:' || n.id, 'lose', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.legs_added',
      'HOLD', array[v_leg + 2, v_leg + 3]::smallint[],
      array['shortfall:' || w.asset, 'external:' || w.asset], array[w.asset, w.asset],
      '{DEBIT,CREDIT}', array[c_lost, c_lost], null, true, true);
    if v_answer ->> 'outcome' <> 'done' then
      raise exception 'the loss of inclusion % cannot be booked: %', n.id,
        v_answer #>> '{refusal,detail}' using errcode = 'HF004';
    end if;
  end if;
  update attempt_inclusions set fee_leg = v_leg where id = n.id;
end
$$;

-- Takes back the fee of an inclusion that is no longer canonical.
create function chain_unbook_fee(g transfer_groups, n attempt_inclusions, p_actor text) returns void
language plpgsql as $$
declare
  r record;
begin
  select array_agg(l.leg order by l.leg) as legs, array_agg(l.wallet_id order by l.leg) as wallets,
      array_agg(l.asset order by l.leg) as assets, array_agg(l.type order by l.leg) as types,
      array_agg(l.remaining order by l.leg) as amounts,
      array_agg('CANCELLED'::entry_status) as statuses into r
    from transfer_legs l
    where l.group_id = g.id and l.leg between n.fee_leg and n.fee_leg + 3 and l.remaining > 0;
  if r.legs is not null then
    perform ledger_write(g, false, '~unfee:' || n.id, 'unfee', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.reduced',
      'MOVES', r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, true);
  end if;
  update attempt_inclusions set fee_leg = null where id = n.id;
end
$$;

-- Confirmations of the block at p_height: its own counts as 1.
create function chain_depth(p_chain text, p_height bigint) returns bigint
language sql stable
return (select greatest(c.cursor_height - p_height + 1, 0) from chains c where c.id = p_chain);

-- A block has an attempt. Announces what that means, once per inclusion; a token that said yes and
-- did not pay is paused with its asset.
create function chain_note_inclusion(
  g transfer_groups, w withdrawals, a assets, n attempt_inclusions, p_actor text
) returns void
language plpgsql as $$
declare
  p withdrawal_attempts;
  v_seen jsonb;
begin
  select * into p from withdrawal_attempts where id = n.attempt_id;
  v_seen := jsonb_build_object('txid', p.txid, 'blockHash', n.block_hash);
  if p.kind = 'payment' and n.succeeded and (not n.paid
    or n.moved <> case when chain_is_inside(g.id) then 0 else w.amount end)
  then
    update assets set withdrawals_paused = true where code = a.code and not withdrawals_paused;
    perform chain_fact(g.id, 'assetPaused:' || n.id, 'withdrawal.asset_paused', v_seen
      || jsonb_build_object('asset', a.code, 'moved', amount_text(n.moved),
        'why', 'its transaction took effect and did something else than to pay'));
  end if;
  if p.kind = 'cancel' then
    perform chain_set_state(g.id, 'cancelling', '~cancelInBlock:' || n.id,
      v_seen || '{"inBlock": true}');
  elsif not n.paid then
    perform chain_set_state(g.id, 'reverted', '~reverted:' || n.id,
      v_seen || jsonb_build_object('succeeded', n.succeeded));
  elsif chain_depth(w.chain, n.block_height) >= chain_confirmations(a.confirmations) then
    if w.state <> 'confirmed' then
      perform chain_announce_state(g, 'confirmed', '~confirmed:' || n.id, p_actor, v_seen);
    end if;
  elsif w.state not in ('in_block', 'confirmed') then
    perform chain_set_state(g.id, 'in_block', '~inBlock:' || n.id, v_seen);
  end if;
end
$$;

-- Brings a withdrawal to what the stored chain says: one of its attempts is in a block, dropped out
-- of one, confirmed, overdue. Ends nothing: `chain_settle_withdrawal` does.
--
-- p_stuck_after  seconds after which a payment that is in no block is `stuck`; it stays held
-- p_bump_after   seconds after which it is to be replaced by one with a higher fee; null: never
-- Answers {state, group, txid, confirmations, required, lookInSeconds, final, replacement, slot}:
--   final        null or {inclusionId, height, blockHash}, for `chain_settle_withdrawal`
--   replacement  null, `cancel` or `speed_up`
--   slot         null, or where no block has an attempt {sender, nonce, final}; its final is null
--                or the {height, hash} of the highest final block
create function chain_observe_withdrawal(
  p_group_id text, p_actor text, p_stuck_after integer, p_bump_after integer
) returns jsonb
language plpgsql as $$
declare
  c_overdue constant integer := 30;
  g transfer_groups;
  w withdrawals;
  a assets;
  c chains;
  p withdrawal_attempts;
  n attempt_inclusions;
  v_replacement text;
  v_final bigint;
  v_due integer;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  select * into a from assets where code = w.asset;
  p := chain_last_attempt(p_group_id);
  if g.status = 'IN_PROGRESS' and p.id is not null then
    select * into c from chains where id = w.chain;
    v_final := chain_final_height(c, a.final);
    for n in
      select i.* from attempt_inclusions i
      join withdrawal_attempts t on t.id = i.attempt_id
      where t.group_id = p_group_id order by i.canonical, i.id for update of i
    loop
      if not n.canonical and n.fee_leg is not null then
        perform chain_unbook_fee(g, n, p_actor);
      elsif n.canonical and n.fee_leg is null then
        perform chain_book_fee(g, w, n, p_actor);
      end if;
    end loop;
    -- The last one is the canonical one, if any is: all attempts have one nonce.
    if n.canonical then
      perform chain_note_inclusion(g, w, a, n, p_actor);
    else
      v_replacement := chain_replacement_due(p, p_bump_after);
      if w.state in ('in_block', 'confirmed', 'reverted') then
        perform chain_set_state(p_group_id, chain_state_in_flight(p), '~orphaned:' || n.id,
          jsonb_build_object('blockHash', n.block_hash, 'why', 'reorganised'));
      elsif w.state <> 'stuck' and not exists (select from attempt_wishes s
          where s.group_id = p_group_id and s.attempt_no is null)
        and p.created_at + make_interval(secs => p_stuck_after) <= clock_timestamp()
      then
        perform chain_announce_state(g, 'stuck', '~stuck:' || p.attempt_no, p_actor,
          jsonb_build_object('txid', p.txid,
            'why', format('in no block after %s s', p_stuck_after)));
      end if;
      v_due := least(
        case when (select s.state from withdrawals s where s.group_id = p_group_id) <> 'stuck'
          then p_stuck_after end, p_bump_after)
        - extract(epoch from clock_timestamp() - p.created_at)::integer;
      -- What is overdue cannot be done now: its price is above the cap, or it waits behind others.
      v_due := case when v_due < 0 then c_overdue else v_due end;
    end if;
  end if;
  return jsonb_build_object(
    'state', (select s.state from withdrawals s where s.group_id = p_group_id),
    'group', group_json(p_group_id), 'lookInSeconds', v_due,
    'txid', (select t.txid from withdrawal_attempts t
      where t.id = case when n.canonical then n.attempt_id else p.id end),
    'confirmations', case when n.canonical then chain_depth(w.chain, n.block_height) else 0 end,
    'required', chain_confirmations(a.confirmations), 'replacement', v_replacement,
    'slot', case when p.id is not null and n.canonical is not true and g.status = 'IN_PROGRESS'
      then jsonb_build_object('sender', p.sender, 'nonce', p.nonce, 'final', (
        select jsonb_build_object('height', b.height, 'hash', b.hash) from chain_blocks b
        where b.chain = w.chain and b.height = v_final and b.canonical)) end,
    'final', case when n.canonical and n.block_height <= v_final
      then jsonb_build_object('inclusionId', n.id::text, 'height', n.block_height,
        'blockHash', n.block_hash) end);
end
$$;

-- Ends a withdrawal that has an attempt in a final block. It paid: everything settles. It did not
-- (reverted, or a cancellation): the fee settles and the rest is released. Of what the customer
-- holds for the network, what was not needed is released either way. Checked again under the lock;
-- else {outcome: 'waiting', why}.
create function chain_settle_withdrawal(p_inclusion_id bigint, p_actor text) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  n attempt_inclusions;
  c chains;
  r record;
  v_fee numeric;
  v_leg smallint;
  v_request jsonb;
  v_answer jsonb;
begin
  select t.* into g from attempt_inclusions i
    join withdrawal_attempts p on p.id = i.attempt_id
    join transfer_groups t on t.id = p.group_id
    where i.id = p_inclusion_id for update of t;
  v_answer := ledger_replay(g.id, '~final');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into n from attempt_inclusions where id = p_inclusion_id for update;
  select * into w from withdrawals where group_id = g.id;
  select * into c from chains where id = w.chain;
  if g.status <> 'IN_PROGRESS' or not n.canonical or n.fee_leg is null or chain_is_halted(w.chain)
    or n.block_height > coalesce(
      chain_final_height(c, (select a.final from assets a where a.code = w.asset)), -1)
    or not exists (select from chain_blocks b where b.chain = w.chain
      and b.height = n.block_height and b.hash = n.block_hash and b.canonical)
  then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status,
      'why', 'its block is not final, or no longer in the chain');
  end if;
  v_request := jsonb_build_object('inclusionId', n.id::text, 'blockHash', n.block_hash,
    'paid', n.paid);
  v_leg := chain_customer_leg(w);
  v_fee := chain_customer_fee(w, n);
  select array_agg(l.leg order by s.status, l.leg) as legs,
      array_agg(l.wallet_id order by s.status, l.leg) as wallets,
      array_agg(l.asset order by s.status, l.leg) as assets,
      array_agg(l.type order by s.status, l.leg) as types,
      array_agg(s.part order by s.status, l.leg) as amounts,
      array_agg(s.status order by s.status, l.leg) as statuses into r
    from transfer_legs l
    cross join lateral (
      select 'SETTLED'::entry_status as status, case
        when l.leg in (v_leg, v_leg + 1) then v_fee
        when n.paid or l.leg >= n.fee_leg then l.remaining else 0 end as part
      union all
      select 'RELEASED', l.remaining - case
        when l.leg in (v_leg, v_leg + 1) then v_fee
        when n.paid or l.leg >= n.fee_leg then l.remaining else 0 end
    ) s
    where l.group_id = g.id and l.remaining > 0 and s.part > 0;
  if n.paid then
    g.status := 'SETTLED';
    w.state := 'settled';
  else
    g.status := 'RELEASED';
    g.reason := (select case p.kind when 'cancel' then p.reason else 'REVERTED' end
      from withdrawal_attempts p where p.id = n.attempt_id);
    w.state := 'released';
  end if;
  return ledger_write(g, false, '~final', case when n.paid then 'settle' else 'release' end,
    p_actor, v_request, case when n.paid then 'group.settled' else 'group.released' end, 'MOVES',
    r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, true, null, w);
end
$$;
