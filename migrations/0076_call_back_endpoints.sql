-- An endpoint that was away and takes again is called back: what it had not taken would wait out
-- its own pause, of up to an hour. One that is in no WEBHOOKS any more is forgotten.

-- For so long a delivery may wait that is not called back: it is due soon anyway, or may be under
-- way at this moment, since no lease is longer. And so long an endpoint has to be silent that is
-- away; one that takes something each minute refuses single events.
create function webhook_soon() returns interval
language sql immutable
return interval '1 minute';

-- Notes that an endpoint takes what it is told. Answers whether there is something to be called
-- back: after a silence, until each of them was called once.
create function webhook_note_taken(p_endpoint text) returns boolean
language plpgsql as $$
declare
  v_silent boolean;
  v_behind boolean;
begin
  select coalesce(e.taken_at < clock_timestamp() - webhook_soon(), true) into v_silent
    from webhook_endpoints e where e.name = p_endpoint for no key update;
  update webhook_endpoints e
    set called_back = e.called_back or v_silent,
        called_to = case when v_silent then 0 else e.called_to end,
        taken_at = clock_timestamp()
    where e.name = p_endpoint
    returning e.called_back into v_behind;
  return coalesce(v_behind, false);
end
$$;

-- Makes up to p_limit deliveries due that were not taken and wait for long, those that were
-- announced first before the others, and each once a silence: what is refused then keeps its own
-- pause. What follows them in their groups is due when they are taken. Answers how many.
create function webhook_call_back(p_endpoint text, p_limit integer) returns integer
language plpgsql as $$
declare
  v_called integer;
  v_last bigint;
begin
  with waiting as materialized (
    select d.id from webhook_deliveries d
    where d.endpoint = p_endpoint and d.due_at > statement_timestamp() + webhook_soon()
      and d.fault is not null
      and d.id > (select e.called_to from webhook_endpoints e
        where e.name = p_endpoint and e.called_back)
    order by d.id limit p_limit
    for update skip locked
  ), called as (
    update webhook_deliveries d set due_at = clock_timestamp()
      from waiting w where d.endpoint = p_endpoint and d.id = w.id
      returning d.id
  )
  select count(*), max(c.id) into v_called, v_last from called c;
  -- Where there were fewer, none is left.
  update webhook_endpoints e
    set called_to = greatest(e.called_to, v_last), called_back = v_called = p_limit
    where e.name = p_endpoint and e.called_back;
  return v_called;
end
$$;

-- Forgets endpoints that no worker has named for so long, with what they have not taken: up to
-- p_limit deliveries, and the endpoints themselves where nothing more is left. Answers their names.
-- Of two at once each takes others: the second would else find nothing left of its own, and take
-- all of the rest with the endpoint, in one statement.
-- p_own  those that the caller names
create function webhook_forget_unnamed(
  p_own text[], p_after_seconds integer, p_limit integer
)
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
      where x.endpoint = any(v_names) limit p_limit
      for update skip locked);
  get diagnostics v_gone = row_count;
  if v_gone < p_limit then
    return query delete from webhook_endpoints e
      where e.name = any(v_names)
        and e.named_at < clock_timestamp() - make_interval(secs => p_after_seconds)
      returning e.name;
  end if;
end
$$;
