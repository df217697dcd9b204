-- What an operator's alarms look at, beside what the watcher knows by itself.
-- {waiting, oldestSeconds}: tasks whose effect the books do not show yet, and how long the oldest
-- waits; {rescans}: those that are not finished.
create function chain_backlog(p_chain text) returns jsonb
language sql stable
return (
  select jsonb_build_object('waiting', t.waiting, 'oldestSeconds', coalesce(t.oldest, 0),
    'rescans', (select count(*) from chain_rescans r
      where r.chain = p_chain and r.finished_at is null))
  from (
    select count(*) as waiting,
      extract(epoch from clock_timestamp() - min(o.created_at))::integer as oldest
    from chain_tasks o where o.chain = p_chain and o.done_at is null
  ) t
);
