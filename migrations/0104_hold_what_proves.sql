-- A nonce counts as taken as of a final block of the stored chain, and whoever drops that block
-- stops the chain, since the proof is gone (0071). Neither saw the other where both happened at the
-- same time: a withdrawal was given back, its bytes could be mined again, and nobody was told.

-- Whether a block that was read from the node is one of the stored chain, and final for an asset.
-- It stays one until this transaction ends: who drops it waits, and finds what rests on it then.
-- False where nothing is known to be final.
create or replace function chain_block_is_final(
  c chains, p_asset text, p_height bigint, p_hash text
) returns boolean
language plpgsql volatile as $$
begin
  perform from chain_blocks b
    where b.chain = c.id and b.height = p_height and b.hash = p_hash and b.canonical for share;
  return found and p_height <= c.cursor_height and coalesce(p_height
    <= chain_final_height(c, (select a.final from assets a where a.code = p_asset)), false);
end
$$;
