-- Coins that arrived: one appearance of one event in one block. A transaction that comes again in
-- another block may do something else, so amount, asset and parties live here and not on the event.
create table chain_inclusions (
  id bigint generated always as identity primary key,
  chain text collate "C" not null references chains,
  txid text collate "C" not null,
  -- Place within the transaction; see the adapter.
  ordinal text collate "C" not null,
  -- Appearances of this event, from 1. The n-th has a group of its own.
  inclusion_no integer not null,
  group_id text collate "C" not null unique,
  asset text collate "C" not null references assets,
  amount numeric not null check (amount > 0),
  from_address text not null,
  to_address text collate "C" not null,
  block_hash text collate "C" not null,
  block_height bigint not null,
  canonical boolean not null default true,
  credited_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  unique (chain, txid, ordinal, inclusion_no)
);

-- An event stands in the canonical chain once, and is credited at most once.
create unique index chain_inclusions_canonical on chain_inclusions (chain, txid, ordinal)
  where canonical;
create unique index chain_inclusions_credited on chain_inclusions (chain, txid, ordinal)
  where credited_at is not null;

-- What still waits for its threshold.
create index chain_inclusions_waiting on chain_inclusions (chain, block_height)
  where canonical and credited_at is null;

-- What a rewind has to look at.
create index chain_inclusions_by_height on chain_inclusions (chain, block_height) where canonical;

-- What is known of a transaction's deposits, by asset.
create index chain_inclusions_by_txid on chain_inclusions (txid);

-- What is known to have come to an address.
create index chain_inclusions_by_address on chain_inclusions (to_address);

-- What a saga is to be told. Written in the transaction of the fact, delivered again and again
-- until the books show the effect: a hint can get lost, a row cannot.
create table chain_tasks (
  id bigint generated always as identity primary key,
  chain text collate "C" not null references chains,
  -- open: start the saga of an inclusion. reverse: start the saga that takes a credit back.
  -- collect, sweep: start the saga of a collection, or of a payment to a cold address, that was
  -- opened, and batch: of a batch; their inclusion is 0. moved: wake the saga of a withdrawal whose
  -- batch got somewhere, or that may be paid now (0043); its inclusion is 0 too, and its row is
  -- used again. The others wake a saga:
  -- the inclusion reached its threshold or was orphaned; a payment came into a block, dropped out
  -- of one, was confirmed, became final.
  kind text not null
    check (kind in ('open', 'credit', 'orphan', 'reverse', 'collect', 'sweep', 'batch',
      'moved', 'paid', 'unpaid', 'confirm', 'final')),
  group_id text collate "C" not null,
  -- Of chain_inclusions, or of attempt_inclusions where a payment is meant.
  inclusion_id bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  tries integer not null default 0,
  done_at timestamptz,
  unique (group_id, kind, inclusion_id)
);

create index chain_tasks_due on chain_tasks (due_at) where done_at is null;
create index chain_tasks_done on chain_tasks (chain, done_at) where done_at is not null;

grant select, insert on chain_inclusions to holdfast_app;
grant update (canonical, credited_at) on chain_inclusions to holdfast_app;
grant select, insert on chain_tasks to holdfast_app;
grant update (due_at, tries, done_at) on chain_tasks to holdfast_app;
