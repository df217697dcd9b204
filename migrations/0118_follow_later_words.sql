-- A hook that came in other words while it was being read was finished with the words that had been
-- read: what the later ones named of payments was looked at by nobody.

-- Notes which transactions were read. Answers whether the hook is finished: all were, or the rest
-- was waited for as long as p_patience_seconds (null: it is waited for on); and nothing came since
-- it was handed out, after which it has no tries.
create or replace function chain_note_hook_read(
  p_id bigint, p_done text[], p_patience_seconds integer
)
returns table (finished boolean, fault text)
language plpgsql as $$
declare
  h chain_hooks;
begin
  select * into strict h from chain_hooks c where c.id = p_id for update;
  h.open_txids := array(select t from unnest(h.open_txids) t where t <> all (p_done));
  if cardinality(h.open_txids) > 0 and h.tries > 0
    and h.opened_at <= clock_timestamp() - make_interval(secs => p_patience_seconds)
  then
    h.fault := format('%s of %s transactions came into no block: %s.',
      cardinality(h.open_txids), cardinality(h.txids), h.open_txids[1]);
  end if;
  update chain_hooks c
    set open_txids = h.open_txids, fault = h.fault,
        finished_at = case when h.tries > 0
          and (cardinality(h.open_txids) = 0 or h.fault is not null)
          then clock_timestamp() end
    where c.id = p_id
    returning c.finished_at into h.finished_at;
  return query select h.finished_at is not null, h.fault;
end
$$;
