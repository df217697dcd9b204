-- A watcher that lost its lease while it looked for a fork, or read a block that its node cannot
-- tell, stopped the chain all the same, for the watcher that had taken its place by another node.

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
