create type operation_status as enum ('done', 'refused');

-- One row a step that was decided: its canonical request and its first answer, for ever. Rows may
-- stand for a group that was never written (a deposit that is known under another key).
create table operations (
  group_id text collate "C" not null,
  step_key text collate "C" not null,
  verb text not null,
  actor text not null,
  request jsonb not null,
  status operation_status not null,
  -- The outcome as it was told: {outcome, groupStatus, group, refusal?, frozen?}.
  -- JSON as text, since it is only ever told again: to look through it costs as much as its row.
  answer text not null,
  created_at timestamptz not null,
  primary key (group_id, step_key)
);

-- Told, not counted, as of `transfer_legs`.
alter table operations alter column group_id set (n_distinct = -0.5);

create trigger operations_stay before update or delete on operations
  for each row execute function refuse_change();
create trigger operations_stay_all before truncate on operations
  for each statement execute function refuse_change();

-- What is to be announced, written with the effect. A dispatcher reads it in the order of `id`,
-- below the snapshot's xmin alone, and takes the payload from the operation.
create table outbox (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null,
  event text not null,
  step_key text collate "C" not null,
  xid xid8 not null default pg_current_xact_id(),
  created_at timestamptz not null
);

create trigger outbox_stays before update on outbox
  for each row execute function refuse_change();
create trigger outbox_stays_all before truncate on outbox
  for each statement execute function refuse_change();

-- Facts of a group's life that are not steps of the ledger: signals, chain facts, operators' acts.
-- The key makes a retried activity record its fact once.
create table group_facts (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null,
  key text collate "C" not null,
  event text not null,
  actor text not null,
  reason text,
  detail jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  unique (group_id, key)
);

create trigger group_facts_stay before update or delete on group_facts
  for each row execute function refuse_change();

grant select, insert on operations, group_facts to holdfast_app;
grant select, insert, delete on outbox to holdfast_app;
