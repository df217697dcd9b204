-- Chainless deposits that carry the outside's reference: the same one is booked once, whatever key
-- it comes under. Chain deposits are told apart by their inclusions instead.
create table deposits (
  group_id text collate "C" primary key references transfer_groups,
  wallet_id text collate "C" not null,
  asset text collate "C" not null,
  amount numeric not null,
  source text not null,
  txid text not null,
  ordinal integer not null
);

-- Also the look-up of a reference that comes again.
create unique index deposits_once on deposits (asset, source, txid, ordinal);

create trigger deposits_stay before update or delete on deposits
  for each row execute function refuse_change();

-- What a withdrawal is about and how far it is. `state` changes under the group row's lock only;
-- from the commit of `signing` on, bytes may be on a chain and no clock or person gives it back.
create table withdrawals (
  group_id text collate "C" primary key,
  wallet_id text collate "C" not null,
  asset text collate "C" not null,
  chain text,
  destination text not null,
  amount numeric not null,
  fee numeric,
  fee_mode text not null check (fee_mode in ('platform', 'customer')),
  max_fee numeric,
  risk_meta jsonb,
  -- The outside's reference of a chainless payment, told when it was finalized.
  txid text,
  state text not null check (state in ('held', 'awaiting_approval', 'awaiting_funds', 'signing',
    'signed', 'broadcast', 'broadcast_unknown', 'in_block', 'confirmed', 'stuck', 'replacing',
    'cancelling', 'reverted', 'settled', 'released', 'late_confirmed')),
  updated_at timestamptz not null default clock_timestamp()
);

create trigger withdrawals_stay before delete on withdrawals
  for each row execute function refuse_change();

grant select, insert on deposits to holdfast_app;
grant select, insert, update on withdrawals to holdfast_app;
