-- Sequence numbers (nonces) of our senders, each given to one withdrawal for ever. The next free
-- one is found under an advisory lock per sender.
create table nonce_slots (
  chain text collate "C" not null,
  sender text collate "C" not null,
  nonce bigint not null,
  group_id text collate "C" not null references withdrawals,
  created_at timestamptz not null default clock_timestamp(),
  primary key (chain, sender, nonce)
);

create trigger nonce_slots_stay before update or delete on nonce_slots
  for each row execute function refuse_change();

-- Withdrawals that the chain decides about now: the watcher asks for them at every block.
-- squawk-ignore require-concurrent-index-creation
create index withdrawals_on_chain on withdrawals (chain)
  where chain is not null and state not in ('held', 'awaiting_funds', 'settled', 'released');

-- Signed payloads of a withdrawal. The row is there before anything is signed, the bytes before
-- anything is sent: after a crash the same bytes are made and sent again.
create table withdrawal_attempts (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null references withdrawals,
  attempt_no integer not null,
  -- `bump` and `cancel` will use the same slot.
  kind text not null check (kind in ('payment')),
  chain text collate "C" not null,
  sender text collate "C" not null,
  nonce bigint not null,
  -- In the chain's own canonical spelling, to compare with what a block holds.
  destination text not null,
  -- Terms of the fee in the chain family's words; the signed bytes follow from them.
  terms jsonb not null,
  -- Most that it can cost, in the chain's native coin.
  max_fee numeric not null check (max_fee >= 0),
  bytes text,
  txid text collate "C" unique,
  outcome text not null check (outcome in ('signing', 'signed', 'broadcast', 'broadcast_unknown')),
  -- What the node said last, where it did not simply take it.
  detail text,
  created_at timestamptz not null default clock_timestamp(),
  unique (group_id, attempt_no),
  foreign key (chain, sender, nonce) references nonce_slots (chain, sender, nonce),
  constraint signed_before_sent check ((outcome = 'signing') = (bytes is null)),
  constraint bytes_have_an_id check ((bytes is null) = (txid is null))
);

-- Bytes that may be on a chain are evidence: set once, then kept.
create function refuse_other_bytes() returns trigger
language plpgsql as $$
begin
  if (new.group_id, new.kind, new.chain, new.sender, new.nonce, new.destination, new.terms,
        new.max_fee)
      is distinct from (old.group_id, old.kind, old.chain, old.sender, old.nonce, old.destination,
        old.terms, old.max_fee)
    or (old.bytes is not null and (new.bytes, new.txid) is distinct from (old.bytes, old.txid))
  then
    raise exception 'attempt % of % keeps its bytes', old.attempt_no, old.group_id
      using errcode = 'HF001';
  end if;
  return new;
end
$$;
create trigger withdrawal_attempts_keep_bytes before update on withdrawal_attempts
  for each row execute function refuse_other_bytes();
create trigger withdrawal_attempts_stay before delete on withdrawal_attempts
  for each row execute function refuse_change();

-- One appearance of an attempt in one block.
create table attempt_inclusions (
  id bigint generated always as identity primary key,
  attempt_id bigint not null references withdrawal_attempts,
  block_hash text collate "C" not null,
  block_height bigint not null,
  -- The receipt holds the very payment that was asked for; false also where it was reverted.
  paid boolean not null,
  -- What the sender paid for it, in the chain's native coin.
  fee numeric not null check (fee >= 0),
  -- First of the two legs that hold the fee; null until it is booked.
  fee_leg smallint,
  canonical boolean not null default true,
  created_at timestamptz not null default clock_timestamp()
);

create unique index attempt_inclusions_canonical on attempt_inclusions (attempt_id)
  where canonical;

-- What a rewind has to look at, and what is included up to a height.
create index attempt_inclusions_by_height on attempt_inclusions (block_height) where canonical;

grant select, insert on nonce_slots, withdrawal_attempts, attempt_inclusions to holdfast_app;
grant update (bytes, txid, outcome, detail) on withdrawal_attempts to holdfast_app;
grant update (fee_leg, canonical) on attempt_inclusions to holdfast_app;
