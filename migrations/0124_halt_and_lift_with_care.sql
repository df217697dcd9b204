-- A watcher that lost its lease while it looked for a fork, or read a block that its node cannot
-- tell, stopped the chain all the same, for the watcher that had taken its place by another node.
--
-- And who asked twice for a chain to go on let it go on also where it had been stopped again by the
-- first time, for a reason that nobody had seen.

-- Stops a chain for its lease holder. False where that is somebody else by now.
create function chain_halt_watched(p_chain text, p_holder text, p_reason text) returns boolean
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
begin
  if c.id is null then
    return false;
  end if;
  perform chain_halt(p_chain, p_reason);
  return true;
end
$$;

-- Lets a chain go on, as a person asked for by a rescan. p_fork: where the node's chain leaves the
-- stored one, or null where it does not; what lies above is dropped, also where it was final. The
-- rescan is given up where the chain was stopped since it was asked for: nobody has looked at that.
create or replace function chain_lift_halts(
  p_chain text, p_holder text, p_rescan_id bigint, p_fork bigint
) returns boolean
language plpgsql as $$
declare
  c chains := chain_lock(p_chain, p_holder);
  s chain_rescans;
  v_reason text;
begin
  select * into s from chain_rescans
    where id = p_rescan_id and finished_at is null and lifts_halts and lifted_at is null
    for update;
  if c.id is null or s.id is null then
    return false;
  end if;
  select h.reason into v_reason from chain_halts h
    where h.chain = p_chain and h.until is null and h.since > s.created_at order by h.id limit 1;
  if found then
    perform chain_give_up_rescan(s.id,
      format('The chain was stopped again since this was asked for: %s', v_reason));
    return false;
  end if;
  update chain_halts h
    set until = clock_timestamp(), ended_by = s.requested_by, ended_why = s.reason
    where h.chain = p_chain and h.until is null;
  update chain_rescans set lifted_at = clock_timestamp() where id = s.id;
  if p_fork is not null then
    -- `least` alone would call the fork final where nothing was.
    update chains
      set finalized_height = case when finalized_height is not null
            then least(finalized_height, p_fork) end,
          safe_height = case when safe_height is not null then least(safe_height, p_fork) end
      where id = p_chain;
    perform chain_rewind(p_chain, p_holder, p_fork);
  end if;
  return true;
end
$$;
