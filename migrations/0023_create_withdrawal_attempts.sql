-- Sequence numbers (nonces) of our senders, each given to one withdrawal for ever. The next free
-- one is found under an advisory lock per sender.
create table nonce_slots (
  chain text collate "C" not null,
  sender text collate "C" not null,
  nonce bigint not null,
  -- Null: it was spent without Holdfast, and `note` says who looked and what it was.
  group_id text collate "C" references withdrawals,
  note text,
  -- What that transaction brought to deposit addresses counts as deposits; null: it does not.
  noted_txid text collate "C",
  created_at timestamptz not null default clock_timestamp(),
  primary key (chain, sender, nonce),
  constraint slots_are_explained check (group_id is not null or note is not null)
);

create index nonce_slots_noted on nonce_slots (noted_txid) where noted_txid is not null;

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
  -- payment: pays the withdrawal; several of them differ by their fee. cancel: a transfer of
  -- nothing to the sender itself. All of a group use one slot, so that at most one takes effect.
  kind text not null check (kind in ('payment', 'cancel')),
  -- Why it was made, in the words of the group's end where it is a cancel.
  reason text,
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
  -- refused: the signer looked and signed nothing.
  outcome text not null
    check (outcome in ('signing', 'refused', 'signed', 'broadcast', 'broadcast_unknown')),
  -- What the node, or the signer, said last, where it did not simply take it.
  detail text,
  created_at timestamptz not null default clock_timestamp(),
  unique (group_id, attempt_no),
  foreign key (chain, sender, nonce) references nonce_slots (chain, sender, nonce),
  constraint signed_before_sent check (
    (outcome in ('signing', 'refused')) = (bytes is null)
  ),
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
  -- The transaction was not reverted. One that succeeded and did not pay means that the token does
  -- not do what it says.
  succeeded boolean not null default true,
  -- What of the withdrawal's asset left the sender: the amount, where it paid and nothing else.
  moved numeric not null default 0 check (moved >= 0),
  -- Where both ends are ours: what of the asset came to the destination. It is no part of `moved`.
  received numeric not null default 0 check (received >= 0),
  -- What the sender paid for it, in the chain's native coin.
  fee numeric not null check (fee >= 0),
  -- First of the legs that hold what it cost; null until it is booked. 0: booked in a group of its
  -- own, since this one had ended.
  fee_leg smallint,
  canonical boolean not null default true,
  created_at timestamptz not null default clock_timestamp()
);

-- Whether a payment goes from one address of ours to another, so that none of it leaves the books.
-- The collections' migrations replace this body.
create function chain_is_inside(p_group_id text) returns boolean
language plpgsql stable as $$
begin
  return false;
end
$$;

-- Whether coins that came to a deposit address are nobody's deposit: we sent them to ourselves. Of
-- a transaction of the hot wallet that the books do not know it is assumed, until somebody explains
-- it: then it is read again.
create function chain_is_own_move(p_chain text, p_txid text, p_from text, p_to text)
returns boolean
language plpgsql stable as $$
begin
  return exists (select from withdrawal_attempts p
      where p.txid = p_txid and p.chain = p_chain and p.sender = p_from and p.destination = p_to
        and chain_is_inside(p.group_id))
    or (exists (select from hot_addresses h where h.chain = p_chain and h.address = p_from)
      and not exists (select from withdrawal_attempts p
        where p.txid = p_txid and p.chain = p_chain)
      and not exists (select from nonce_slots s
        where s.noted_txid = p_txid and s.chain = p_chain));
end
$$;

-- Whether what a transaction moved is the very payment that an attempt was to make. The batches'
-- migration replaces this body.
-- p_transfers  [{asset, amount, from, to}]
-- p_payouts    [{amount, to}]: what the contract that it called says of the native coin
create function chain_does_pay(
  p withdrawal_attempts, w withdrawals, p_transfers jsonb, p_payouts jsonb
) returns boolean
language plpgsql stable as $$
begin
  return exists (
    select
    from jsonb_to_recordset(p_transfers) t(asset text, amount numeric, "from" text, "to" text)
    where t.asset = w.asset and t.amount = w.amount
      and t."from" = p.sender and t."to" = p.destination);
end
$$;

-- Where an attempt was seen, whatever became of it: asked by every look at a withdrawal.
create index attempt_inclusions_by_attempt on attempt_inclusions (attempt_id);

-- What is not booked yet and should be, by the block from which on it is final.
create index attempt_inclusions_unbooked_by_height on attempt_inclusions (block_height)
  where canonical and fee_leg is null;

create unique index attempt_inclusions_canonical on attempt_inclusions (attempt_id)
  where canonical;

-- What a rewind has to look at, and what is included up to a height.
create index attempt_inclusions_by_height on attempt_inclusions (block_height) where canonical;

-- Why nothing is signed for a sender until a person has looked.
create table sender_pauses (
  id bigint generated always as identity primary key,
  chain text collate "C" not null,
  sender text collate "C" not null,
  cause text not null
    check (cause in ('unknown_transactions', 'nonce_taken', 'late_confirmed')),
  reason text not null,
  since timestamptz not null default clock_timestamp(),
  until timestamptz,
  -- What whoever looked found, where a person ended it.
  note text
);

create index sender_pauses_open on sender_pauses (chain, sender) where until is null;

-- What people asked for while a payment was in no block: another attempt with a higher fee, or a
-- cancellation. Written with the op row of the act, served by the saga.
create table attempt_wishes (
  group_id text collate "C" not null references withdrawals,
  step_key text collate "C" not null,
  kind text not null check (kind in ('speed_up', 'cancel')),
  -- Most that the attempt may cost, in the native coin; null: as configured.
  max_fee numeric check (max_fee > 0),
  created_at timestamptz not null default clock_timestamp(),
  -- The attempt that came of it; 0: none, since it would cost too much.
  attempt_no integer,
  primary key (group_id, step_key)
);

grant select, insert on nonce_slots, withdrawal_attempts, attempt_inclusions to holdfast_app;
grant select, insert on sender_pauses, attempt_wishes to holdfast_app;
grant update (until, note) on sender_pauses to holdfast_app;
grant update (attempt_no) on attempt_wishes to holdfast_app;
grant update (bytes, txid, outcome, detail) on withdrawal_attempts to holdfast_app;
grant update (fee_leg, canonical) on attempt_inclusions to holdfast_app;
