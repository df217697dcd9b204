-- An endpoint that was away and takes again: what it had not taken waited out its own pause, of up
-- to an hour. One that was taken out of WEBHOOKS and never removed gathered deliveries for ever.

alter table webhook_endpoints
  -- When it last took anything, to some ten seconds; null: it never did.
  add column taken_at timestamptz,
  -- It was silent, takes again, and what waits for long is called back, some at a time.
  add column called_back boolean not null default false,
  -- When a worker last said that it tells it; null: it was known before this was noted.
  add column named_at timestamptz;

update webhook_endpoints set named_at = clock_timestamp();

-- For so long a delivery may wait that is not called back: it is due soon anyway, or may be under
-- way at this moment, since no lease is longer. And so long an endpoint has to be silent that is
-- away; one that takes something each minute refuses single events.
create function webhook_soon() returns interval
language sql immutable
return interval '1 minute';

-- Notes that an endpoint takes what it is told. Answers whether there is something to be called
-- back: after a silence, until nothing is left.
create function webhook_note_taken(p_endpoint text) returns boolean
language plpgsql as $$
declare
  v_behind boolean;
begin
  update webhook_endpoints e
    set called_back = e.called_back
          or coalesce(e.taken_at < clock_timestamp() - webhook_soon(), true),
        taken_at = clock_timestamp()
    where e.name = p_endpoint
    returning e.called_back into v_behind;
  return coalesce(v_behind, false);
end
$$;

-- Makes up to p_limit deliveries due that were not taken and wait for long, the one that is due
-- first before the others. What follows them in their groups is due when they are taken. Answers
-- how many.
create function webhook_call_back(p_endpoint text, p_limit integer) returns integer
language plpgsql as $$
declare
  v_called integer;
begin
  with waiting as materialized (
    select d.id from webhook_deliveries d
    where d.endpoint = p_endpoint and d.due_at > statement_timestamp() + webhook_soon()
      and d.fault is not null
    order by d.due_at, d.id limit p_limit
    for update skip locked
  )
  update webhook_deliveries d set due_at = clock_timestamp()
    from waiting w where d.endpoint = p_endpoint and d.id = w.id;
  get diagnostics v_called = row_count;
  if v_called = 0 then
    update webhook_endpoints set called_back = false where name = p_endpoint and called_back;
  end if;
  return v_called;
end
$$;

-- Forgets endpoints that no worker has named for so long, with what they have not taken: up to
-- p_limit deliveries, and the endpoints themselves where nothing more is left. Answers their names.
-- p_own  those that the caller names
create function webhook_forget_unnamed(p_own text[], p_after_seconds integer, p_limit integer)
returns table (name text)
language plpgsql as $$
declare
  v_names text[];
  v_gone integer;
begin
  v_names := array(select e.name from webhook_endpoints e
    where e.named_at < clock_timestamp() - make_interval(secs => p_after_seconds)
      and e.name <> all(p_own));
  delete from webhook_deliveries d
    where (d.endpoint, d.id) in (
      select x.endpoint, x.id from webhook_deliveries x
      where x.endpoint = any(v_names) limit p_limit);
  get diagnostics v_gone = row_count;
  if v_gone < p_limit then
    return query delete from webhook_endpoints e
      where e.name = any(v_names)
        and e.named_at < clock_timestamp() - make_interval(secs => p_after_seconds)
      returning e.name;
  end if;
end
$$;
