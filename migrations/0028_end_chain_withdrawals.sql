-- Withdrawals from the bytes that left to their end. Locks: the group, the inclusions of its
-- attempts, balances. The rewind updates the same inclusions, so settling and orphaning never
-- cross.

-- Books a payment's fee as a hold in two legs of its own: `network-fees:<native>` pays, the outside
-- gets. It settles or is cancelled with the inclusion that it belongs to.
create function chain_book_fee(g transfer_groups, n attempt_inclusions, p_actor text) returns void
language plpgsql as $$
declare
  c_native constant text := chain_native_asset(g.chain);
  v_leg smallint;
begin
  perform ledger_insert_wallet('network-fees:' || c_native, 'holdfast', c_native, 'system', '{}');
  select max(l.leg) + 1 into v_leg from transfer_legs l where l.group_id = g.id;
  if n.fee > 0 then
    perform ledger_write(g, false, '~fee:' || n.id, 'fee', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.legs_added',
      'HOLD', array[v_leg, v_leg + 1]::smallint[],
      array['network-fees:' || c_native, 'external:' || c_native], array[c_native, c_native],
      '{DEBIT,CREDIT}', array[n.fee, n.fee], null, true, true);
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
    where l.group_id = g.id and l.leg in (n.fee_leg, n.fee_leg + 1) and n.fee > 0;
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

-- Brings a withdrawal to what the stored chain says: its payment is in a block, dropped out of one,
-- confirmed, overdue. Ends nothing: `chain_settle_withdrawal` does.
--
-- p_stuck_after  seconds after which a payment that is in no block is `stuck`; it stays held
-- Answers {state, group, txid, confirmations, required, stuckInSeconds, final}; final is null or
-- {inclusionId, height, blockHash}, for `chain_settle_withdrawal`.
create function chain_observe_withdrawal(p_group_id text, p_actor text, p_stuck_after integer)
returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  a assets;
  c chains;
  p withdrawal_attempts;
  n attempt_inclusions;
  v_depth bigint;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  select * into a from assets where code = w.asset;
  select * into p from withdrawal_attempts where group_id = p_group_id
    order by attempt_no desc limit 1;
  if g.status = 'IN_PROGRESS' and p.id is not null then
    for n in
      select i.* from attempt_inclusions i
      join withdrawal_attempts t on t.id = i.attempt_id
      where t.group_id = p_group_id order by i.canonical, i.id for update of i
    loop
      if not n.canonical and n.fee_leg is not null then
        perform chain_unbook_fee(g, n, p_actor);
      elsif n.canonical and n.fee_leg is null then
        perform chain_book_fee(g, n, p_actor);
      end if;
    end loop;
    -- The last one is the canonical one, if any is.
    if n.canonical then
      v_depth := chain_depth(w.chain, n.block_height);
      if not n.paid then
        perform chain_set_state(p_group_id, 'reverted', '~reverted:' || n.id,
          jsonb_build_object('txid', p.txid, 'blockHash', n.block_hash));
      elsif v_depth >= chain_confirmations(a.confirmations) and w.state <> 'confirmed' then
        perform chain_announce_state(g, 'confirmed', '~confirmed:' || n.id, p_actor,
          jsonb_build_object('txid', p.txid, 'blockHash', n.block_hash));
      elsif w.state not in ('in_block', 'confirmed') then
        perform chain_set_state(p_group_id, 'in_block', '~inBlock:' || n.id,
          jsonb_build_object('txid', p.txid, 'blockHash', n.block_hash));
      end if;
      select * into c from chains where id = w.chain;
    elsif w.state in ('in_block', 'confirmed', 'reverted') then
      perform chain_set_state(p_group_id, 'broadcast', '~orphaned:' || n.id,
        jsonb_build_object('txid', p.txid, 'blockHash', n.block_hash, 'why', 'reorganised'));
    elsif w.state <> 'stuck'
      and p.created_at + make_interval(secs => p_stuck_after) <= clock_timestamp()
    then
      perform chain_announce_state(g, 'stuck', '~stuck:' || p.attempt_no, p_actor,
        jsonb_build_object('txid', p.txid, 'why', format('in no block after %s s', p_stuck_after)));
    end if;
  end if;
  return jsonb_build_object(
    'state', (select s.state from withdrawals s where s.group_id = p_group_id),
    'group', group_json(p_group_id),
    'stuckInSeconds', case when n.canonical is not true and p.id is not null then greatest(0,
      p_stuck_after - extract(epoch from clock_timestamp() - p.created_at)::integer) end,
    'txid', p.txid, 'confirmations', coalesce(v_depth, 0),
    'required', chain_confirmations(a.confirmations),
    'final', case when n.canonical and n.block_height <= chain_final_height(c, a.final)
      then jsonb_build_object('inclusionId', n.id::text, 'height', n.block_height,
        'blockHash', n.block_hash) end);
end
$$;

-- Ends a withdrawal whose payment stands in a final block: paid, everything settles; not paid (it
-- was reverted), the fee settles and the rest is released. Checked again under the lock; else
-- {outcome: 'waiting', why}.
create function chain_settle_withdrawal(p_inclusion_id bigint, p_actor text) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  n attempt_inclusions;
  c chains;
  r record;
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
  if n.paid then
    return ledger_capture(g, '~final', 'settle', p_actor, v_request, null, null, true, true, w);
  end if;
  select array_agg(l.leg order by s.status, l.leg) as legs,
      array_agg(l.wallet_id order by s.status, l.leg) as wallets,
      array_agg(l.asset order by s.status, l.leg) as assets,
      array_agg(l.type order by s.status, l.leg) as types,
      array_agg(l.remaining order by s.status, l.leg) as amounts,
      array_agg(s.status order by s.status, l.leg) as statuses into r
    from transfer_legs l
    cross join lateral (select case when l.leg >= n.fee_leg
      then 'SETTLED' else 'RELEASED' end::entry_status as status) s
    where l.group_id = g.id and l.remaining > 0;
  g.status := 'RELEASED';
  g.reason := 'REVERTED';
  w.state := 'released';
  return ledger_write(g, false, '~final', 'release', p_actor, v_request, 'group.released', 'MOVES',
    r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, true, null, w);
end
$$;

-- Replaces the body of the ledger's migration: now attempts and confirmations are known.
create or replace function withdrawal_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'state', w.state, 'destination', w.destination,
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object(
          'txid', p.txid, 'nonce', p.nonce, 'fees', p.terms,
          'outcome', case when n.paid then 'in_block' when not n.paid then 'reverted'
            else p.outcome end
        ) order by p.attempt_no)
      from withdrawal_attempts p
      left join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = w.group_id and p.txid is not null), '[]'),
    'confirmations', coalesce((
      select max(chain_depth(w.chain, n.block_height))
      from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = w.group_id), 0))
  from withdrawals w where w.group_id = p_group_id
);
