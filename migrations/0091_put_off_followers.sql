-- Hands up to p_limit announcements to those who asked for them, oldest first. Answers how many.
-- Two at once begin with the same ones: the second waits for the first, and finds them gone.
-- What follows a delivery that was not taken is due with it, not before: of a thousand groups whose
-- first event an endpoint refuses, every look for something to tell would else find the second.
-- Where that delivery is being taken at this very moment, its follower waits out the lease.
create or replace function webhook_hand_out(p_limit integer) returns integer
language sql volatile
begin atomic
  with taken as (
    delete from outbox o
      where o.id in (select h.id from outbox h order by h.id limit p_limit)
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
