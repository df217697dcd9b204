-- Words are enums, not text with a CHECK, and checks on the tables that every step writes are few:
-- Postgres parses and prepares each CHECK, trigger condition and index predicate of a table anew in
-- every statement that writes to it. As first written (text with lists, 13 checks), a step took
-- three times as long.
create type wallet_kind as enum ('user', 'merchant', 'escrow', 'system', 'external', 'fees',
  'shortfall', 'treasury', 'unattributed');
create type wallet_status as enum ('OPEN', 'FROZEN', 'CLOSED');
create type balance_mode as enum ('strict', 'deferred');

-- The platform's own, which only an admin names; `isOpenKind` says the same in TypeScript.
create function is_system_kind(p_kind wallet_kind) returns boolean
language sql immutable
return p_kind not in ('user', 'merchant', 'escrow');

-- Ids are compared by bytes ("C"), so that the order in which wallets are locked is the same
-- whatever the locale of the database.
create table assets (
  code text collate "C" primary key check (code ~ '^[A-Z0-9._@-]{1,32}$'),
  scale smallint not null check (scale between 0 and 36),
  chain text,
  contract text,
  name text,
  min_deposit numeric check (min_deposit > 0),
  min_withdrawal numeric check (min_withdrawal > 0),
  withdrawal_fee numeric check (withdrawal_fee > 0),
  confirmations integer check (confirmations > 0),
  final jsonb,
  deposits_paused boolean not null default false,
  withdrawals_paused boolean not null default false,
  -- What it was created with, to tell the same request from another one after a PATCH.
  request jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint contract_needs_chain check (contract is null or chain is not null)
);

-- One asset a coin or contract: a second one would credit the same coins twice.
-- EVM addresses differ in case only by their checksum.
create unique index assets_by_contract
  on assets (chain, (case when chain like 'eip155:%' then lower(contract) else contract end))
  nulls not distinct where chain is not null;

-- Lists of assets page by time of creation.
create index assets_by_creation on assets (created_at, code);

create table wallets (
  id text collate "C" primary key,
  owner text not null,
  asset text collate "C" not null references assets,
  kind wallet_kind not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp()
);

-- Limits of an owner, deposits to an owner's address and the list by owner all ask for this pair.
create index wallets_by_owner on wallets (owner, asset);

-- Lists of wallets page by time of creation.
create index wallets_by_creation on wallets (created_at, id);
-- Lists of an asset or of a kind: few of many, such as all treasuries.
create index wallets_by_kind on wallets (asset, kind, created_at, id);

-- The balance stands apart from the wallet, so that the row that is updated all the time is short.
--
-- mode `strict`: the row is locked by every step and holds the balance as of entry `version`.
-- mode `deferred` (system, external, fees, shortfall, treasury, unattributed): steps append entries
-- without touching the row. It is a checkpoint of all entries whose transaction id is below
-- `folded_below`; a read adds the rest. `version` counts the entries that are folded in.
create table wallet_balances (
  wallet_id text collate "C" primary key,
  asset text collate "C" not null,
  scale smallint not null,
  mode balance_mode not null,
  overdraft boolean not null,
  status wallet_status not null default 'OPEN',
  settled numeric not null default 0,
  held numeric not null default 0,
  pending_in numeric not null default 0,
  version bigint not null default 0,
  folded_below xid8 not null default '0',
  -- Time of the newest entry of a strict wallet: the next one is never earlier.
  updated_at timestamptz not null default clock_timestamp(),
  -- Said so briefly because every update parses it again.
  constraint available_not_negative check (held <= settled or overdraft)
) with (fillfactor = 50); -- half of a page stays free, so that updates stay heap-only

create function refuse_wallet_change() returns trigger
language plpgsql as $$
begin
  if (new.id, new.owner, new.asset, new.kind)
    is distinct from (old.id, old.owner, old.asset, old.kind)
  then
    raise exception 'wallet % keeps its id, owner, asset and kind', old.id using errcode = 'HF001';
  end if;
  return new;
end
$$;
create trigger wallets_keep_identity before update on wallets
  for each row execute function refuse_wallet_change();
create trigger wallets_stay before delete on wallets
  for each row execute function refuse_change();
-- The system wallets, whose checkpoints somebody has to keep: a few among millions of wallets.
create index wallet_balances_deferred on wallet_balances (wallet_id) where mode = 'deferred';

create trigger wallet_balances_stay before delete on wallet_balances
  for each row execute function refuse_change();

-- Who froze or closed a wallet, and why.
create table wallet_status_changes (
  id bigint generated always as identity primary key,
  wallet_id text collate "C" not null references wallets,
  status wallet_status not null,
  reason text not null,
  actor text not null,
  created_at timestamptz not null default clock_timestamp()
);
create trigger wallet_status_changes_stay before update or delete on wallet_status_changes
  for each row execute function refuse_change();

grant select, insert on wallet_status_changes to holdfast_app;
grant select, insert on assets to holdfast_app;
-- What amounts mean, and which coin they are of, stays.
grant update (min_deposit, min_withdrawal, withdrawal_fee, confirmations, final, deposits_paused,
  withdrawals_paused) on assets to holdfast_app;
grant select, insert, update on wallets to holdfast_app;
grant select, insert, update on wallet_balances to holdfast_app;
