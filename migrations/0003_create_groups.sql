create type group_kind as enum ('transfer', 'deposit', 'withdrawal', 'reversal', 'collection',
  'batch');
create type group_status as enum ('IN_PROGRESS', 'SETTLED', 'RELEASED', 'CANCELLED');
create type leg_type as enum ('DEBIT', 'CREDIT');

create table transfer_groups (
  id text collate "C" not null,
  kind group_kind not null,
  status group_status not null,
  reason text,
  client text not null,
  -- CAIP-2 of the chain that decides about this group (deposits and withdrawals of its assets).
  chain text,
  expires_at timestamptz,
  created_at timestamptz not null,
  finished_at timestamptz,
  reference text,
  metadata jsonb not null default '{}',
  reverses text collate "C",
  -- The step that opened it: `operations` keeps its request, from which the saga can start again.
  opened_by text not null,
  -- The transaction that wrote this row last. Entries of a finished group are accepted from that
  -- transaction alone.
  xid xid8 not null default pg_current_xact_id()
);

-- Every list of groups is made of these: one of each kind and status, in the order of creation.
-- Lists with few of very many (what was released, open withdrawals beside 100,000 open transfers)
-- begin at the first that matches, and so does the sweeper's walk over the open ones. Without the
-- id, which rows of one microsecond are sorted by, an entry takes half the bytes.
create index transfer_groups_by_kind on transfer_groups (kind, status, created_at);

-- Callers look groups up by their own reference; groups without one cost nothing here.
create index transfer_groups_by_reference on transfer_groups (reference, created_at, id)
  where reference is not null;

-- The last of them: of a table so small that its indexes cost alike the planner takes the newest,
-- and a plan of that time would read the whole of another one for ever.
create unique index transfer_groups_pkey on transfer_groups (id);
alter table transfer_groups
  add constraint transfer_groups_pkey primary key using index transfer_groups_pkey;

-- amount = settled + given back + remaining; given back = amount - settled - remaining.
--
-- No CHECKs: each would be parsed anew by every statement that writes here, which cost a tenth of a
-- step. `settled` and `remaining` are written by the entries' trigger alone, which says no to what
-- is not held (0004); `reversed` is looked at where it is changed.
create table transfer_legs (
  group_id text collate "C" not null,
  leg smallint not null,
  wallet_id text collate "C" not null,
  asset text collate "C" not null,
  type leg_type not null,
  amount numeric not null,
  settled numeric not null,
  remaining numeric not null,
  -- What reversal groups took back of `settled`; they use the same leg numbers.
  reversed numeric not null default 0,
  primary key (group_id, leg)
);

-- Told, not counted: where one group of thousands of legs is most of a sample, the planner would
-- take every group for such a one and read the table instead of the index.
alter table transfer_legs alter column group_id set (n_distinct = -0.4);

create function refuse_finished_group_change() returns trigger
language plpgsql as $$
begin
  raise exception 'group % is % and never moves again', old.id, old.status using errcode = 'HF003';
end
$$;
create trigger transfer_groups_finish_once before update on transfer_groups
  for each row when (old.status <> 'IN_PROGRESS')
  execute function refuse_finished_group_change();
create trigger transfer_groups_stay before delete on transfer_groups
  for each row execute function refuse_change();
create trigger transfer_legs_stay before delete on transfer_legs
  for each row execute function refuse_change();

create trigger transfer_legs_keep_identity
  before update of group_id, leg, wallet_id, asset, type, amount on transfer_legs
  for each row execute function refuse_change();

-- Legs follow their entries: only the trigger of those writes here.
create trigger transfer_legs_follow_entries
  before insert or update of settled, remaining on transfer_legs
  for each statement when (pg_trigger_depth() = 0)
  execute function refuse_change();

create function refuse_excessive_reversal() returns trigger
language plpgsql as $$
begin
  if new.reversed < 0 or new.reversed > new.settled then
    raise exception 'of leg % of % % settled, % cannot be reversed', new.leg, new.group_id,
      new.settled, new.reversed using errcode = 'HF003';
  end if;
  return new;
end
$$;
create trigger transfer_legs_reverse_what_settled before update of reversed on transfer_legs
  for each row execute function refuse_excessive_reversal();

grant select, insert on transfer_groups to holdfast_app;
grant select on transfer_legs to holdfast_app;
grant update (status, reason, expires_at, finished_at, xid) on transfer_groups to holdfast_app;
grant update (reversed) on transfer_legs to holdfast_app;

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
grant select, insert on withdrawals to holdfast_app;
-- What was asked for, such as where to and how much, stays.
grant update (state, txid, updated_at) on withdrawals to holdfast_app;
