create type entry_status as enum ('HOLD', 'SETTLED', 'RELEASED', 'CANCELLED');

-- Immutable signed rows. DEBIT is negative, CREDIT positive; HOLD and SETTLED have the type of
-- their leg, RELEASED and CANCELLED the opposite one.
--
-- No foreign keys: the statement trigger of the next migration compares each row with its leg, and
-- a key lock on shared wallets (`external:…`) would be taken by every transfer at once.
create table ledger_entries (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null,
  leg smallint not null,
  wallet_id text collate "C" not null,
  asset text collate "C" not null,
  type leg_type not null,
  status entry_status not null,
  amount numeric not null,
  -- The step that wrote it, `operations.step_key`.
  operation text collate "C" not null,
  -- Gapless per strict wallet; null, as the three balances after it, on a deferred one.
  wallet_version bigint,
  settled_after numeric,
  held_after numeric,
  pending_in_after numeric,
  -- Orders commits for whoever folds, seals or dispatches: below the snapshot's xmin all is known.
  xid xid8 not null default pg_current_xact_id(),
  created_at timestamptz not null
);

-- A group's rows, and that a step writes a leg's row of one status once only.
create unique index ledger_entries_once
  on ledger_entries (group_id, leg, status, operation);

-- A wallet's history by time, its balance as of a time, and what a limit counts today. Strict
-- wallets' rows rise in time, version and id alike.
create index ledger_entries_by_wallet on ledger_entries (wallet_id, created_at, id);

-- What a deferred wallet's checkpoint has not folded in yet.
create index ledger_entries_unfolded on ledger_entries (wallet_id, xid)
  where wallet_version is null;

create trigger ledger_entries_stay before update or delete on ledger_entries
  for each row execute function refuse_change();
create trigger ledger_entries_stay_all before truncate on ledger_entries
  for each statement execute function refuse_change();
-- `always`: also where a session replays as a replica.
alter table ledger_entries enable always trigger ledger_entries_stay;
alter table ledger_entries enable always trigger ledger_entries_stay_all;

grant select, insert on ledger_entries to holdfast_app;
