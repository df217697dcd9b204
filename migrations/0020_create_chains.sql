-- What is known of each followed chain. One watcher at a time writes here: the one that holds the
-- lease, which every function below checks under the row's lock.
create table chains (
  -- CAIP-2, such as `eip155:31337`.
  id text collate "C" primary key,
  -- Tells this chain from another one with the same id.
  genesis_hash text not null,
  leased_by text,
  leased_until timestamptz,
  -- The highest block that was read and stored; null before the first one.
  cursor_height bigint,
  cursor_hash text,
  -- As the node told last.
  head_height bigint,
  head_seen_at timestamptz,
  -- The chain's own finality, as far as it was checked against the stored blocks.
  safe_height bigint,
  finalized_height bigint,
  reorgs bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  constraint cursor_is_whole check ((cursor_height is null) = (cursor_hash is null)),
  constraint lease_is_whole check ((leased_by is null) = (leased_until is null))
);

-- Every block that was read, those that a reorganisation dropped included.
create table chain_blocks (
  chain text collate "C" not null references chains,
  hash text collate "C" not null,
  height bigint not null,
  parent_hash text not null,
  canonical boolean not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (chain, hash)
);

-- One canonical block a height; also how the fork is found and a block's depth is checked.
create unique index chain_blocks_canonical on chain_blocks (chain, height) where canonical;

-- What is old enough to be forgotten.
create index chain_blocks_by_height on chain_blocks (chain, height);

-- Why a chain stands still: nothing is read, credited or signed until a person has looked.
create table chain_halts (
  id bigint generated always as identity primary key,
  chain text collate "C" not null references chains,
  reason text not null,
  since timestamptz not null default clock_timestamp(),
  until timestamptz,
  -- Who let the chain go on, and why; null where it was done by hand.
  ended_by text,
  ended_why text
);

create index chain_halts_open on chain_halts (chain) where until is null;

-- Addresses that payments leave from: never a destination, and part of what the books must equal.
create table hot_addresses (
  chain text collate "C" not null,
  address text collate "C" not null,
  created_at timestamptz not null default clock_timestamp(),
  -- When a signer named it last: the last one is the hot wallet of today.
  named_at timestamptz not null default clock_timestamp(),
  primary key (chain, address)
);

-- The hot wallet as the workers have written it down, lower case; null: none has asked its signer.
create function chain_hot_wallet(p_chain text) returns text
language sql stable
return (
  select address from hot_addresses where chain = p_chain order by named_at desc limit 1);

create function chain_is_halted(p_chain text) returns boolean
language sql stable
return exists (select from chain_halts h where h.chain = p_chain and h.until is null);

-- The same reason is told once, however often it is found.
create function chain_halt(p_chain text, p_reason text) returns void
language sql volatile
begin atomic
  insert into chain_halts (chain, reason)
    select p_chain, p_reason where not exists (
      select from chain_halts h
      where h.chain = p_chain and h.reason = p_reason and h.until is null);
end;

-- Stops a chain for its lease holder. False where that is somebody else by now.
create function chain_halt_watched(p_chain text, p_holder text, p_reason text) returns boolean
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
begin
  if c.id is null then
    return false;
  end if;
  perform chain_halt(p_chain, p_reason);
  return true;
end
$$;

-- The coin that fees of a chain are paid in, or null where it is not registered.
create function chain_native_asset(p_chain text) returns text
language sql stable
return (select a.code from assets a where a.chain = p_chain and a.contract is null);

-- A line of a group's timeline, written once per key.
create function chain_fact(p_group_id text, p_key text, p_event text, p_detail jsonb) returns void
language sql volatile
begin atomic
  insert into group_facts (group_id, key, event, actor, detail)
    values (p_group_id, p_key, p_event, 'watcher', p_detail)
    on conflict (group_id, key) do nothing;
end;

grant select, insert, update on chains, chain_blocks, chain_halts to holdfast_app;
grant select, insert on hot_addresses to holdfast_app;
grant update (named_at) on hot_addresses to holdfast_app;
