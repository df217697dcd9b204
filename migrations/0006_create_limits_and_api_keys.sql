create table limits (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_.:@-]{1,64}$'),
  asset text collate "C" not null references assets,
  owner text,
  wallet_id text collate "C" references wallets,
  -- `window` is a reserved word.
  span text not null check (span = 'day'),
  amount numeric not null check (amount >= 0),
  kinds group_kind[] not null check (cardinality(kinds) > 0),
  changed_at timestamptz not null default now(),
  constraint one_scope check (num_nonnulls(owner, wallet_id) = 1)
);

-- A hold asks which limits speak of its wallets; few assets have any.
create index limits_by_asset on limits (asset);

-- What a limit's day has taken is kept, so that a step under a limit costs the same however many
-- went before.
--
-- At least what a limit counts for one day: what was asked since it was counted, and nothing of it
-- given back, nor that a step was refused by something else. So a step within it is within the
-- limit; where the total says that it is not, all is counted again. Written under the lock of the
-- limit's row alone.
create table limit_totals (
  limit_id text collate "C" primary key references limits on delete cascade,
  day timestamptz not null,
  counted_at timestamptz not null,
  held numeric not null
) with (fillfactor = 50);

create table api_keys (
  id text collate "C" primary key,
  name text not null,
  client text not null check (client ~ '^[a-z0-9_-]{1,64}$'),
  scopes text[] not null
    check (scopes <@ array['read', 'transfer', 'operate', 'admin'] and cardinality(scopes) > 0),
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz
);

grant select, insert, update, delete on limits to holdfast_app;
grant select, insert, update on limit_totals to holdfast_app;
grant select, insert on api_keys to holdfast_app;
grant update (revoked_at) on api_keys to holdfast_app;
