-- The looks for what is due, and for what is old enough to be forgotten, as of the statement's
-- time. A column compared with clock_timestamp() is not looked up in its index, since that may
-- change from row to row: every look read all that was put off, and all that was kept.

-- Takes up to p_limit tasks that are due and not done, oldest first, and puts their next time off:
-- one second, doubled with every try, at most a minute. Whoever else asks gets others.
create or replace function chain_due_tasks(p_chain text, p_limit integer)
returns table (id bigint, kind text, group_id text, inclusion_id bigint, tries integer)
language plpgsql as $$
declare
  t chain_tasks;
begin
  for t in
    select * from chain_tasks c
    where c.chain = p_chain and c.done_at is null and c.due_at <= statement_timestamp()
    order by c.due_at, c.id limit p_limit
    for update skip locked
  loop
    if chain_task_is_done(t) then
      update chain_tasks c set done_at = clock_timestamp() where c.id = t.id;
      continue;
    end if;
    update chain_tasks c
      set tries = t.tries + 1,
          due_at = clock_timestamp() + make_interval(secs => least(60, 2 ^ least(t.tries, 6)))
      where c.id = t.id;
    return query select t.id, t.kind, t.group_id, t.inclusion_id, t.tries + 1;
  end loop;
end
$$;

-- Takes away up to p_limit blocks below everything that can still turn back, and as many tasks that
-- were done p_task_seconds ago. Answers how many rows went.
--
-- Kept are p_keep blocks below the cursor, all from the last final one up where one is known, and
-- each with a deposit that is not credited or a payment whose group is open: the ledger looks for
-- these blocks before it books.
create or replace function chain_forget(
  p_chain text, p_holder text, p_keep integer, p_task_seconds integer, p_limit integer
) returns integer
language plpgsql as $$
declare
  v_below bigint;
  v_blocks integer;
  v_tasks integer;
begin
  -- `least` passes over a null.
  select least(c.finalized_height, c.cursor_height - p_keep) into v_below
    from chains c where c.id = p_chain and c.leased_by = p_holder;
  delete from chain_blocks b
    where b.chain = p_chain and b.hash in (
      select o.hash from chain_blocks o
      where o.chain = p_chain and o.height < v_below
        and not exists (select from chain_inclusions i
          where i.chain = p_chain and i.block_height = o.height and i.block_hash = o.hash
            and i.canonical and i.credited_at is null)
        and not exists (select from attempt_inclusions n
          join withdrawal_attempts p on p.id = n.attempt_id
          join transfer_groups g on g.id = p.group_id
          where n.block_hash = o.hash and n.canonical and g.status = 'IN_PROGRESS')
      order by o.height limit p_limit);
  get diagnostics v_blocks = row_count;
  delete from chain_tasks t
    where v_below is not null and t.id in (
      select o.id from chain_tasks o
      where o.chain = p_chain
        and o.done_at < statement_timestamp() - make_interval(secs => p_task_seconds)
        -- It would be made anew at the next block.
        and not exists (select from chain_inclusions i
          where o.kind = 'credit' and i.id = o.inclusion_id and i.canonical
            and i.credited_at is null)
      order by o.done_at limit p_limit);
  get diagnostics v_tasks = row_count;
  return v_blocks + v_tasks;
end
$$;

-- Takes up to p_limit hooks that are due, oldest first, and puts their next time off: one second,
-- doubled with every try, at most five minutes. A reader that dies leaves them to the next one.
create or replace function chain_due_hooks(p_limit integer)
returns table (id bigint, source text, delivery_id text, txids text[], body bytea)
language sql volatile
begin atomic
  with due as materialized (
    select h.id from chain_hooks h
    where h.finished_at is null and h.due_at <= statement_timestamp()
    order by h.due_at, h.id limit p_limit
    for update skip locked
  )
  update chain_hooks h
    set tries = h.tries + 1,
        due_at = clock_timestamp() + make_interval(secs => least(300, 2 ^ least(h.tries, 9)))
    from due where h.id = due.id
    returning h.id, h.source, h.delivery_id, h.open_txids, h.body;
end;

-- Removes what is long over. A delivery that comes again after that is read once more: no harm.
create or replace function chain_forget_hooks(p_keep_days integer, p_limit integer) returns integer
language sql volatile
begin atomic
  with gone as (
    delete from chain_hooks h where h.id in (
      select o.id from chain_hooks o
      where o.finished_at < statement_timestamp() - make_interval(days => p_keep_days)
      order by o.finished_at limit p_limit)
    returning h.id
  )
  select count(*)::integer from gone;
end;

-- Takes up to p_limit deliveries that are due, the first that each group waits for, and puts their
-- next time off by p_lease_seconds: whoever takes them and dies leaves them to the next one.
create or replace function webhook_due(p_endpoint text, p_limit integer, p_lease_seconds integer)
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
