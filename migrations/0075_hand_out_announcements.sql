-- Announcements of the outbox on their way to those who asked to hear them: at least once, and
-- those of one group in their order.
--
-- An announcement leaves the outbox for a row a listener, which stays until that listener took it.
-- No horizon of transactions is needed for the order of a group: all who write one hold its lock,
-- so whoever sees a later announcement sees the earlier ones, and they have lower ids.

-- Who is told what happens; which these are and where, each process reads from WEBHOOKS.
create table webhook_endpoints (
  name text collate "C" primary key,
  -- Patterns of LIKE.
  events text[] not null,
  -- The newest announcement from before it was known. What is older was never meant for it.
  after_id bigint not null,
  -- What was committed then. A step that was under way may have a lower id, and is told.
  since pg_snapshot not null default pg_current_snapshot(),
  created_at timestamptz not null default clock_timestamp(),
  -- When it last took anything, to some ten seconds; null: it never did.
  taken_at timestamptz,
  -- It was silent, takes again, and what waits for long is called back, some at a time.
  called_back boolean not null default false,
  -- Up to which delivery it is called back, in the order of announcing.
  called_to bigint not null default 0,
  -- When a worker last said that it tells it.
  named_at timestamptz
);

-- What an endpoint has not taken yet.
create table webhook_deliveries (
  endpoint text collate "C" not null references webhook_endpoints on delete cascade,
  -- Of the announcement, in the order of announcing.
  id bigint not null,
  group_id text collate "C" not null,
  event text not null,
  step_key text collate "C" not null,
  -- Time of the effect.
  created_at timestamptz not null,
  due_at timestamptz not null default clock_timestamp(),
  tries integer not null default 0,
  -- What the last try came to, in a sentence.
  fault text,
  primary key (endpoint, id)
);

create index webhook_deliveries_due on webhook_deliveries (endpoint, due_at);
create index webhook_deliveries_by_group on webhook_deliveries (endpoint, group_id, id);

-- Rows come and go all the time; by default a fifth of the table would have to be dead first.
alter table outbox set (autovacuum_vacuum_scale_factor = 0.01);
alter table webhook_deliveries set (autovacuum_vacuum_scale_factor = 0.01);

-- Whether it is this transaction's turn to look through the outbox, until it ends. Two at once
-- would delete the same rows in orders of their own, and wait for each other in a circle.
create function outbox_turn() returns boolean
language plpgsql as $$
declare
  -- "hand" in ASCII. Locks of two numbers are taken by few others, each with a word of its own.
  c_lock constant integer := 1751215716;
begin
  return pg_try_advisory_xact_lock(c_lock, 0);
end
$$;

-- Hands up to p_limit announcements to those who asked for them, oldest first. Answers how many;
-- none where somebody else is at it, who hands out to all.
-- What follows a delivery that was not taken is due with it, not before: of a thousand groups whose
-- first event an endpoint refuses, every look for something to tell would else find the second.
-- Where that delivery is being taken at this very moment, its follower waits out the lease.
create function webhook_hand_out(p_limit integer) returns integer
language sql volatile
begin atomic
  with turn as materialized (
    select outbox_turn() as mine
  ), taken as (
    delete from outbox o
      where (select mine from turn)
        and o.id in (select h.id from outbox h order by h.id limit p_limit)
      returning o.*
  ), handed as (
    insert into webhook_deliveries (endpoint, id, group_id, event, step_key, created_at, due_at)
      select e.name, t.id, t.group_id, t.event, t.step_key, t.created_at,
          coalesce((
            select max(d.due_at) from webhook_deliveries d
              where d.endpoint = e.name and d.group_id = t.group_id and d.fault is not null
          ), clock_timestamp())
        from taken t join webhook_endpoints e
          on (t.id > e.after_id or not pg_visible_in_snapshot(t.xid, e.since))
            and t.event like any (e.events)
  )
  select count(*)::integer from taken;
end;

-- Takes away what was announced to nobody: there is no endpoint, and one that is made known from
-- now on hears what happens from now on. Looks at the p_limit oldest and answers how many are gone.
-- p_kept_seconds  how old they have to be: far above what it takes to make an endpoint known
create function webhook_forget_unheard(p_kept_seconds integer, p_limit integer)
returns integer
language sql volatile
begin atomic
  with turn as materialized (
    select outbox_turn() as mine
  ), oldest as (
    select o.id, o.created_at from outbox o
      where not exists (select from webhook_endpoints) and (select mine from turn)
      order by o.id limit p_limit
  ), gone as (
    delete from outbox o using oldest t
      where o.id = t.id
        and t.created_at < clock_timestamp() - make_interval(secs => p_kept_seconds)
      returning o.id
  )
  select count(*)::integer from gone;
end;

-- Takes up to p_limit deliveries that are due, the first that each group waits for, and puts their
-- next time off by p_lease_seconds: whoever takes them and dies leaves them to the next one.
create function webhook_due(p_endpoint text, p_limit integer, p_lease_seconds integer)
returns table (
  id bigint, group_id text, event text, step_key text, created_at timestamptz, tries integer,
  answer text
)
language sql volatile
begin atomic
  with due as materialized (
    select d.endpoint, d.id from webhook_deliveries d
    where d.endpoint = p_endpoint and d.due_at <= statement_timestamp()
      and not exists (
        select from webhook_deliveries e
        where e.endpoint = d.endpoint and e.group_id = d.group_id and e.id < d.id)
    order by d.due_at, d.id limit p_limit
    for update skip locked
  ), taken as (
    update webhook_deliveries d
      set tries = d.tries + 1,
          due_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
      from due where d.endpoint = due.endpoint and d.id = due.id
      returning d.*
  )
  select t.id, t.group_id, t.event, t.step_key, t.created_at, t.tries, o.answer
    from taken t
      left join operations o on o.group_id = t.group_id and o.step_key = t.step_key
    order by t.id;
end;

grant select, insert, update, delete on webhook_endpoints, webhook_deliveries to holdfast_app;
