-- Seals: a chain of hashes over the entries, by which somebody outside can tell that a row of the
-- books was changed later. docs/seals.md has the format and what it shows.

-- The way to the entries of a range of ids. A tree would cost every step; of this one a step writes
-- nothing, since a range of pages is looked through once, when it is full, by autovacuum. To make
-- it of entries that are there reads the table once, a second or two a gigabyte.
-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_by_id on ledger_entries using brin (id) with (autosummarize = on);

-- An entry belongs to the first seal whose `upto_id` is at or above its id and whose `below` is
-- above its transaction. All transactions below `below` had ended when the seal was made, so no
-- entry can come later that belongs to it, however late it was committed.
create table seals (
  -- From 1 on, without gaps.
  number bigint primary key,
  -- Hash of the seal before; of the first 32 zero bytes.
  previous bytea not null,
  upto_id bigint not null,
  below xid8 not null,
  -- No transaction from here on had begun. Says how far back an entry may still come late.
  next_xid xid8 not null,
  entries integer not null,
  -- Entries of this seal and all before.
  total bigint not null,
  -- Over the hashes of its entries, in the order of their ids.
  entries_hash bytea not null,
  sealed_at timestamptz not null,
  -- Over all of the above.
  hash bytea not null,
  -- The first four bytes of each entry's hash, in the same order: they prove nothing, but where a
  -- seal does not fit they tell which entry it is.
  marks bytea not null
);
-- Hashes cannot be compressed.
alter table seals alter column marks set storage external;

create trigger seals_stay before update or delete on seals
  for each row execute function refuse_change();
create trigger seals_stay_all before truncate on seals
  for each statement execute function refuse_change();
alter table seals enable always trigger seals_stay;
alter table seals enable always trigger seals_stay_all;

-- Written by ledger_seal alone.
grant select on seals to holdfast_app;
