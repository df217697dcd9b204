create table limits (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_.:@-]{1,64}$'),
  asset text collate "C" not null references assets,
  owner text,
  wallet_id text collate "C" references wallets,
  -- `window` is a reserved word.
  span text not null check (span = 'day'),
  amount numeric not null check (amount >= 0),
  kinds group_kind[] not null check (cardinality(kinds) > 0),
  constraint one_scope check (num_nonnulls(owner, wallet_id) = 1)
);

-- A hold asks which limits speak of its wallets; few assets have any.
create index limits_by_asset on limits (asset);

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
grant select, insert on api_keys to holdfast_app;
grant update (revoked_at) on api_keys to holdfast_app;
