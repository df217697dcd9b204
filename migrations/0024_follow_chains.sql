-- What a watcher does to the tables, each a transaction of its own: take the lease, write a block,
-- rewind, note finality. Only the holder of the lease gets anything done.

-- Takes or renews the lease. Answers {outcome: 'held', cursorHeight, cursorHash, finalizedHeight,
-- halts} or {outcome: 'taken', by} or {outcome: 'other_genesis', stored}.
create function chain_take_lease(
  p_chain text, p_genesis text, p_holder text, p_seconds integer
) returns jsonb
language plpgsql as $$
declare
  c chains;
begin
  insert into chains (id, genesis_hash) values (p_chain, p_genesis) on conflict (id) do nothing;
  select * into c from chains where id = p_chain for no key update;
  if c.genesis_hash <> p_genesis then
    return jsonb_build_object('outcome', 'other_genesis', 'stored', c.genesis_hash);
  end if;
  if c.leased_by <> p_holder and c.leased_until > clock_timestamp() then
    return jsonb_build_object('outcome', 'taken', 'by', c.leased_by);
  end if;
  update chains
    set leased_by = p_holder, leased_until = clock_timestamp() + make_interval(secs => p_seconds)
    where id = p_chain;
  return jsonb_build_object('outcome', 'held', 'cursorHeight', c.cursor_height,
    'cursorHash', c.cursor_hash, 'finalizedHeight', c.finalized_height,
    'halts', (select coalesce(jsonb_agg(h.reason order by h.id), '[]')
      from chain_halts h where h.chain = p_chain and h.until is null));
end
$$;

create function chain_give_lease_back(p_chain text, p_holder text) returns void
language sql volatile
begin atomic
  update chains set leased_by = null, leased_until = null
    where id = p_chain and leased_by = p_holder;
end;

-- Locks the chain's row for its lease holder; null when that is somebody else by now. Here and
-- wherever this row is locked it is without its key: whoever holds a group and writes a task refers
-- to the row, and would wait for a watcher that may be about to wait for this very group.
create function chain_lock(p_chain text, p_holder text) returns chains
language plpgsql as $$
declare
  c chains;
begin
  select * into c from chains where id = p_chain and leased_by = p_holder for no key update;
  return c;
end
$$;

-- The height up to which blocks are final by an asset's rule ("finalized", "safe", a number of
-- blocks), or null while nothing is known to be.
create function chain_final_height(c chains, p_final jsonb) returns bigint
language sql stable
return case
  when jsonb_typeof(p_final) = 'number' then c.cursor_height - p_final::bigint + 1
  when p_final #>> '{}' = 'safe' then c.safe_height
  else c.finalized_height
end;

-- Writes a task for everything that has come due at the chain's cursor and finality.
create function chain_make_tasks(c chains) returns void
language plpgsql as $$
begin
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    select i.chain, 'credit', i.group_id, i.id
    from chain_inclusions i
    where i.chain = c.id and i.canonical and i.credited_at is null
      and i.block_height <= chain_final_height(c, i.credit)
      and not exists (select from chain_tasks t
        where t.group_id = i.group_id and t.kind = 'credit' and t.inclusion_id = i.id)
    on conflict do nothing;
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    select c.id, t.kind, t.group_id, t.id
    from (
      select w.group_id, n.id, n.block_height, n.paid, a.confirmations,
        chain_final_height(c, a.final) as final_height
      from withdrawals w
      join assets a on a.code = w.asset
      join withdrawal_attempts p on p.group_id = w.group_id
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where w.chain = c.id and w.state not in ('held', 'awaiting_funds', 'settled', 'released')
    ) o
    cross join lateral (
      select 'confirm' as kind, o.group_id, o.id
      where o.paid and o.block_height + chain_confirmations(o.confirmations) - 1 <= c.cursor_height
      union all
      select 'final', o.group_id, o.id where o.block_height <= o.final_height
    ) t
    on conflict do nothing;
  perform chain_make_reversals(c);
end
$$;

-- Blocks after which an asset's coins are credited and its payments announced. Twelve is what
-- exchanges asked of Ethereum before it had finality; an asset should say its own.
create function chain_confirmations(p_of_asset integer) returns integer
language sql immutable
return coalesce(p_of_asset, 12);

-- Records what a stored block holds. Recording it again changes nothing.
-- p_deposits  [{txid, ordinal, asset, amount, from, to}]
-- p_outcomes  [{txid, fee, succeeded, transfers: [{asset, amount, from, to}], payouts: [{amount,
--             to}]}] of transactions that we sent; no transfers where it was reverted
create function chain_record_events(
  p_chain text, p_hash text, p_height bigint, p_deposits jsonb, p_outcomes jsonb
) returns void
language plpgsql as $$
declare
  d record;
  r record;
  v_no integer;
  v_group text;
  v_id bigint;
begin
  for d in
    select e.*
    from jsonb_to_recordset(p_deposits)
      e(txid text, ordinal text, asset text, amount numeric, "from" text, "to" text)
    join assets a on a.code = e.asset
  loop
    continue when exists (select from chain_inclusions i
      where i.chain = p_chain and i.txid = d.txid and i.ordinal = d.ordinal and i.canonical);
    continue when chain_is_own_move(p_chain, d.txid, d."from", d."to");
    select count(*) + 1 into v_no from chain_inclusions i
      where i.chain = p_chain and i.txid = d.txid and i.ordinal = d.ordinal;
    v_group := concat_ws(':', 'deposit:chain', p_chain, d.txid, d.ordinal,
      case when v_no > 1 then v_no end);
    insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
        from_address, to_address, block_hash, block_height)
      values (p_chain, d.txid, d.ordinal, v_no, v_group, d.asset, d.amount, d."from", d."to",
        p_hash, p_height)
      returning id into v_id;
    insert into chain_tasks (chain, kind, group_id, inclusion_id)
      values (p_chain, 'open', v_group, v_id);
  end loop;

  for r in
    select p.id, p.group_id, e.fee, e.succeeded, p.kind = 'payment'
        and chain_does_pay(p, w, e.transfers, e.payouts) as paid,
      greatest(0, m.net - m.received) as moved, m.received
    from jsonb_to_recordset(p_outcomes)
      e(txid text, fee numeric, succeeded boolean, transfers jsonb, payouts jsonb)
    join withdrawal_attempts p on p.txid = e.txid and p.chain = p_chain
    join withdrawals w on w.group_id = p.group_id
    cross join lateral (
      select coalesce(sum(t.amount) filter (where t."from" = p.sender), 0)
          - coalesce(sum(t.amount) filter (where t."to" = p.sender), 0) as net,
        coalesce(sum(t.amount) filter (where t."from" = p.sender and t."to" = p.destination
          and p.sender <> p.destination and chain_is_inside(p.group_id)), 0) as received
      from jsonb_to_recordset(e.transfers) t(asset text, amount numeric, "from" text, "to" text)
      where t.asset = w.asset
    ) m
  loop
    insert into attempt_inclusions
        (attempt_id, block_hash, block_height, paid, succeeded, moved, received, fee)
      values (r.id, p_hash, p_height, r.paid, r.succeeded, r.moved, r.received, r.fee)
      on conflict do nothing
      returning id into v_id;
    continue when not found;
    insert into chain_tasks (chain, kind, group_id, inclusion_id)
      values (p_chain, 'paid', r.group_id, v_id);
  end loop;
end
$$;

-- Stores the next blocks: each with its events, then the cursor and the tasks that come due by it.
-- Answers how many: none where the lease is lost, fewer where one does not follow the one before;
-- the watcher then looks again.
-- p_blocks  [{height, hash, parentHash, deposits, outcomes}], see chain_record_events
create function chain_write_blocks(p_chain text, p_holder text, p_blocks jsonb) returns integer
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
  b record;
  v_written integer := 0;
begin
  if c.id is null or chain_is_halted(p_chain) then
    return 0;
  end if;
  for b in
    select * from jsonb_to_recordset(p_blocks)
      e(height bigint, hash text, "parentHash" text, deposits jsonb, outcomes jsonb)
  loop
    exit when c.cursor_height is not null
      and (c.cursor_height + 1, c.cursor_hash) is distinct from (b.height, b."parentHash");
    -- The same block comes again when the chain turns back to it.
    insert into chain_blocks (chain, hash, height, parent_hash, canonical)
      values (p_chain, b.hash, b.height, b."parentHash", true)
      on conflict (chain, hash) do update set canonical = true;
    perform chain_record_events(p_chain, b.hash, b.height, b.deposits, b.outcomes);
    c.cursor_height := b.height;
    c.cursor_hash := b.hash;
    v_written := v_written + 1;
  end loop;
  if v_written > 0 then
    update chains set cursor_height = c.cursor_height, cursor_hash = c.cursor_hash
      where id = p_chain;
    perform chain_make_tasks(c);
    perform chain_call_queue(c);
  end if;
  return v_written;
end
$$;

-- Goes back to the last block that the node's chain and the stored one have in common. What lay
-- above it is no longer canonical, and their sagas are told. Answers how many blocks were dropped;
-- null where the lease is lost.
--
-- It goes no deeper than what is final, and it stops the chain where a payment that was settled is
-- no longer there: that needs a person. Coins that were credited are looked for in the new branch
-- up to the height that was reached (`scan_to`); see `chain_make_reversals`.
create function chain_rewind(p_chain text, p_holder text, p_height bigint) returns integer
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
  r record;
  v_dropped integer;
  v_status group_status;
begin
  if c.id is null or chain_is_halted(p_chain) then
    return null;
  end if;
  if p_height < c.finalized_height then
    perform chain_halt(p_chain, format(
      'The node''s chain leaves the stored one after block %s, but block %s was final.',
      p_height, c.finalized_height));
    return 0;
  end if;
  update chain_blocks set canonical = false
    where chain = p_chain and height > p_height and canonical;
  get diagnostics v_dropped = row_count;
  for r in
    update chain_inclusions set canonical = false, scan_to = c.cursor_height
      where chain = p_chain and block_height > p_height and canonical
      returning id, group_id, txid, block_hash, credited_at
  loop
    insert into chain_tasks (chain, kind, group_id, inclusion_id)
      values (p_chain, 'orphan', r.group_id, r.id) on conflict do nothing;
    if r.credited_at is not null then
      perform chain_fact(r.group_id, 'orphaned:' || r.id, 'chain.orphaned_after_credit',
        jsonb_build_object('txid', r.txid, 'blockHash', r.block_hash));
    end if;
  end loop;
  for r in
    update attempt_inclusions n set canonical = false
      from withdrawal_attempts p
      where p.id = n.attempt_id and p.chain = p_chain and n.block_height > p_height and n.canonical
      returning n.id, p.group_id, p.txid, n.block_hash
  loop
    insert into chain_tasks (chain, kind, group_id, inclusion_id)
      values (p_chain, 'unpaid', r.group_id, r.id) on conflict do nothing;
    -- Read after the inclusion's lock: whoever settled by it has committed.
    select g.status into v_status from transfer_groups g where g.id = r.group_id;
    if v_status <> 'IN_PROGRESS' then
      perform chain_fact(r.group_id, 'orphaned:' || r.id, 'chain.orphaned_after_end',
        jsonb_build_object('txid', r.txid, 'blockHash', r.block_hash));
      perform chain_halt(p_chain, format(
        'Group %s is %s, and its transaction is no longer in the chain.', r.group_id, v_status));
    end if;
  end loop;
  update chains set reorgs = reorgs + 1, cursor_height = p_height,
      cursor_hash = (select b.hash from chain_blocks b
        where b.chain = p_chain and b.height = p_height and b.canonical),
      -- What was safe can be dropped: no block in its place is safe before the node says so.
      safe_height = case when safe_height is not null then least(safe_height, p_height) end
    where id = p_chain;
  return v_dropped;
end
$$;

-- Notes the node's head, and how far its finality is confirmed by the stored blocks: a final block
-- counts where it is the very block that was stored at its height. Goes back by a rewind alone.
create function chain_note_head(
  p_chain text, p_holder text, p_head bigint,
  p_safe_height bigint, p_safe_hash text, p_finalized_height bigint, p_finalized_hash text
) returns void
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
begin
  if c.id is null then
    return;
  end if;
  update chains set head_height = p_head, head_seen_at = clock_timestamp(),
      safe_height = greatest(safe_height, (select b.height from chain_blocks b
        where b.chain = p_chain and b.height = p_safe_height and b.hash = p_safe_hash
          and b.canonical)),
      finalized_height = greatest(finalized_height, (select b.height from chain_blocks b
        where b.chain = p_chain and b.height = p_finalized_height and b.hash = p_finalized_hash
          and b.canonical))
    where id = p_chain
    returning * into c;
  if not chain_is_halted(p_chain) then
    perform chain_make_tasks(c);
  end if;
end
$$;
