-- Looking at blocks once more: for addresses that were handed out after their coins had come, for a
-- transaction that somebody misses, and for a chain that a person lets go on after a halt.

create table chain_rescans (
  id bigint generated always as identity primary key,
  chain text collate "C" not null references chains,
  from_height bigint not null check (from_height >= 0),
  to_height bigint not null,
  -- The next block to look at; beyond `to_height` when all are done.
  next_height bigint not null,
  requested_by text not null,
  reason text not null,
  -- Ends the chain's halts before it begins, and accepts the node's branch down to `from_height`.
  lifts_halts boolean not null,
  lifted_at timestamptz,
  -- Deposits that were not known before.
  found integer not null default 0,
  -- Why it was given up, in a sentence.
  fault text,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  constraint rescan_has_blocks check (from_height <= to_height),
  constraint rescan_stays_within check (next_height between from_height and to_height + 1)
);

create index chain_rescans_open on chain_rescans (chain, id) where finished_at is null;

-- Addresses that were just handed out, until somebody has looked whether coins had come before.
create table chain_new_addresses (
  chain text collate "C" not null references chains,
  address text collate "C" not null,
  primary key (chain, address)
);

create function chain_queue_new_address() returns trigger
language plpgsql as $$
begin
  insert into chain_new_addresses (chain, address)
    select c.id, new.address from chains c where chain_family(c.id) = new.family
    on conflict do nothing;
  return null;
end
$$;
create trigger deposit_addresses_are_looked_at after insert on deposit_addresses
  for each row execute function chain_queue_new_address();

-- Asks for blocks to be read again. Answers the rescan's row as JSON, or {refused} in a sentence.
-- p_to null: up to the cursor.
create function chain_ask_rescan(
  p_chain text, p_from bigint, p_to bigint, p_by text, p_reason text, p_lifts_halts boolean
) returns jsonb
language plpgsql as $$
declare
  c chains;
  r chain_rescans;
begin
  select * into c from chains where id = p_chain;
  -- Where the first block could not be read, the chain was stopped before there was a cursor.
  if c.cursor_height is null and not (p_lifts_halts and chain_is_halted(p_chain)) then
    return jsonb_build_object('refused', format('No block of %s was read yet.', p_chain));
  elsif p_from > c.cursor_height then
    return jsonb_build_object('refused', format(
      'Block %s comes in its turn: %s was read up to block %s.', p_from, p_chain,
      c.cursor_height));
  elsif p_to < p_from then
    return jsonb_build_object('refused', format('Block %s lies above block %s.', p_from, p_to));
  end if;
  insert into chain_rescans
      (chain, from_height, to_height, next_height, requested_by, reason, lifts_halts)
    values (p_chain, p_from,
      coalesce(least(coalesce(p_to, c.cursor_height), c.cursor_height), p_from), p_from,
      p_by, p_reason, p_lifts_halts)
    returning * into r;
  return rescan_json(r);
end
$$;

-- A rescan as the API shows it.
create function rescan_json(r chain_rescans) returns jsonb
language sql stable
return jsonb_build_object('id', r.id::text, 'chain', r.chain, 'from', r.from_height,
  'to', r.to_height, 'next', r.next_height, 'liftHalts', r.lifts_halts, 'found', r.found,
  'requestedBy', r.requested_by, 'reason', r.reason, 'fault', r.fault,
  'createdAt', rfc3339(r.created_at), 'finishedAt', rfc3339(r.finished_at));

-- Records the events of a block once more. A block that is no longer stored, or that lay before the
-- first one, is stored again; nobody knows any more when it came. Not while the chain stands still:
-- the node may be on a branch that is never followed, and nobody would drop such a block. False
-- there, and where another block is the stored one of its height, or it is yet to be read. The
-- caller has locked the chain's row.
create function chain_look_again(
  p_chain text, p_cursor bigint, p_height bigint, p_hash text, p_parent_hash text,
  p_deposits jsonb, p_outcomes jsonb
) returns boolean
language plpgsql as $$
declare
  v_hash text;
begin
  if p_height > coalesce(p_cursor, -1) then
    return false;
  end if;
  select b.hash into v_hash from chain_blocks b
    where b.chain = p_chain and b.height = p_height and b.canonical;
  if not found then
    if chain_is_halted(p_chain) then
      return false;
    end if;
    insert into chain_blocks (chain, hash, height, parent_hash, canonical, seen_at)
      values (p_chain, p_hash, p_height, p_parent_hash, true, '-infinity')
      on conflict (chain, hash) do update set canonical = true;
  elsif v_hash <> p_hash then
    return false;
  end if;
  perform chain_record_events(p_chain, p_hash, p_height, p_deposits, p_outcomes);
  return true;
end
$$;

-- One block, for a transaction that somebody misses. Any process may ask for it.
create function chain_rescan_block(
  p_chain text, p_height bigint, p_hash text, p_parent_hash text, p_deposits jsonb,
  p_outcomes jsonb
) returns boolean
language plpgsql as $$
declare
  c chains;
begin
  select * into c from chains where id = p_chain for no key update;
  if not chain_look_again(p_chain, c.cursor_height, p_height, p_hash, p_parent_hash, p_deposits,
    p_outcomes)
  then
    return false;
  end if;
  perform chain_make_tasks(c);
  return true;
end
$$;

-- The next blocks of a rescan, read by the watcher that holds the lease. Answers how many of them
-- were looked at: it stops at one that is not the stored one, and does nothing while halted.
-- p_blocks  as in chain_write_blocks
create function chain_rescan_blocks(
  p_chain text, p_holder text, p_rescan_id bigint, p_blocks jsonb
) returns integer
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
  s chain_rescans;
  b record;
  v_done integer := 0;
  v_first bigint;
  v_before bigint;
begin
  select * into s from chain_rescans where id = p_rescan_id and finished_at is null for update;
  if c.id is null or s.id is null or chain_is_halted(p_chain) then
    return 0;
  end if;
  v_first := s.next_height;
  -- Of these blocks alone: a rescan has many turns.
  select count(*) into v_before from chain_inclusions i
    where i.chain = p_chain and i.canonical
      and i.block_height between v_first and v_first + jsonb_array_length(p_blocks) - 1;
  for b in
    select * from jsonb_to_recordset(p_blocks)
      e(height bigint, hash text, "parentHash" text, deposits jsonb, outcomes jsonb)
  loop
    exit when b.height <> s.next_height or s.next_height > s.to_height;
    exit when not chain_look_again(p_chain, c.cursor_height, b.height, b.hash, b."parentHash",
      b.deposits, b.outcomes);
    s.next_height := s.next_height + 1;
    v_done := v_done + 1;
  end loop;
  update chain_rescans r
    set next_height = s.next_height,
        found = r.found - v_before + (select count(*) from chain_inclusions i
          where i.chain = p_chain and i.canonical
            and i.block_height between v_first and v_first + jsonb_array_length(p_blocks) - 1),
        finished_at = case when s.next_height > s.to_height then clock_timestamp() end
    where r.id = s.id;
  perform chain_make_tasks(c);
  return v_done;
end
$$;

-- Ends a rescan that cannot go on. False where it has ended, or the lease is somebody else's: there
-- it may go on.
create function chain_give_up_rescan(
  p_chain text, p_holder text, p_rescan_id bigint, p_fault text
) returns boolean
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
begin
  update chain_rescans set fault = p_fault, finished_at = clock_timestamp()
    where id = p_rescan_id and chain = c.id and finished_at is null;
  return found;
end
$$;

-- Lets a chain go on, as a person asked for by a rescan. p_fork: where the node's chain leaves the
-- stored one, or null where it does not; what lies above is dropped, also where it was final.
-- p_base: the node's block of that height, {hash, parentHash}, where they part below the first
-- stored one, so that there is one to stand on; else null. The rescan is given up where the chain
-- was stopped since it was asked for: nobody has looked at that.
create function chain_lift_halts(
  p_chain text, p_holder text, p_rescan_id bigint, p_fork bigint, p_base jsonb default null
) returns boolean
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
  s chain_rescans;
  v_reason text;
begin
  select * into s from chain_rescans
    where id = p_rescan_id and finished_at is null and lifts_halts and lifted_at is null
    for update;
  if c.id is null or s.id is null then
    return false;
  end if;
  select h.reason into v_reason from chain_halts h
    where h.chain = p_chain and h.until is null and h.since > s.created_at order by h.id limit 1;
  if found then
    perform chain_give_up_rescan(p_chain, p_holder, s.id,
      format('The chain was stopped again since this was asked for: %s', v_reason));
    return false;
  end if;
  update chain_halts h
    set until = clock_timestamp(), ended_by = s.requested_by, ended_why = s.reason
    where h.chain = p_chain and h.until is null;
  update chain_rescans
    set lifted_at = clock_timestamp(),
        -- No block was read yet that could be read again.
        finished_at = case when c.cursor_height is null then clock_timestamp() end
    where id = s.id;
  if p_base is not null then
    insert into chain_blocks (chain, hash, height, parent_hash, canonical, seen_at)
      values (p_chain, p_base ->> 'hash', p_fork, p_base ->> 'parentHash', true, '-infinity')
      on conflict (chain, hash) do update set canonical = true;
  end if;
  if p_fork is not null then
    -- `least` alone would call the fork final where nothing was.
    update chains
      set finalized_height = case when finalized_height is not null
            then least(finalized_height, p_fork) end,
          safe_height = case when safe_height is not null then least(safe_height, p_fork) end
      where id = p_chain;
    perform chain_rewind(p_chain, p_holder, p_fork);
  end if;
  return true;
end
$$;

create or replace function chain_json(c chains) returns jsonb
language sql stable
return jsonb_build_object(
  'chain', c.id, 'height', c.head_height, 'cursor', c.cursor_height,
  -- A node that went back a few blocks has a head below the cursor: that is no lag.
  'lag', greatest(c.head_height - c.cursor_height, 0), 'reorgs', c.reorgs,
  'halts', (select coalesce(jsonb_agg(jsonb_build_object(
      'reason', h.reason, 'since', rfc3339(h.since), 'until', rfc3339(h.until),
      'endedBy', h.ended_by, 'endedWhy', h.ended_why
    ) order by h.id), '[]')
    from chain_halts h where h.chain = c.id),
  'senderPauses', (select coalesce(jsonb_agg(jsonb_build_object('sender', s.sender,
      'cause', s.cause, 'reason', s.reason, 'since', rfc3339(s.since)) order by s.id), '[]')
    from sender_pauses s where s.chain = c.id and s.until is null),
  'rescans', (select coalesce(jsonb_agg(rescan_json(r) order by r.id desc), '[]')
    from (select * from chain_rescans r where r.chain = c.id order by r.id desc limit 20) r));

grant select, insert on chain_rescans to holdfast_app;
grant update (next_height, found, fault, finished_at, lifted_at) on chain_rescans to holdfast_app;
grant select, insert, delete on chain_new_addresses to holdfast_app;
