-- One at a time looks through the outbox. Two at once deleted the same rows in orders of their own,
-- and waited for each other in a circle, which takes a second each time.

-- Whether it is this transaction's turn, until it ends.
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
create or replace function webhook_hand_out(p_limit integer) returns integer
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
create or replace function webhook_forget_unheard(p_kept_seconds integer, p_limit integer)
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
