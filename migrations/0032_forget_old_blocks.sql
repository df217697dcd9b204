-- Blocks and tasks that nobody asks for any more. What was booked from them stays for ever.

-- Takes away up to p_limit blocks below everything that can still turn back, and as many tasks that
-- were done p_task_seconds ago. Answers how many rows went.
--
-- Kept are p_keep blocks below the cursor, all from the last final one up where one is known, and
-- each with a deposit that is not credited or a payment whose group is open: the ledger looks for
-- these blocks before it books.
create function chain_forget(
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

grant delete on chain_blocks, chain_tasks to holdfast_app;
