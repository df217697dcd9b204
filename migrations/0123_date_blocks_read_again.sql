-- A block that was forgotten, or lay below the first one, and is read again was stored as if it had
-- just come. Whatever paid the right amount to the right address in it years ago settled a payment
-- that a custodian had been asked for since, where the custodian named it: a hook of its own that
-- names it has the block read again.

-- Records the events of a block once more. A block that is no longer stored, or that lay before the
-- first one, is stored again; nobody knows any more when it came. False where another block is the
-- stored one of its height, or it is yet to be read. The caller has locked the chain's row.
create or replace function chain_look_again(
  p_chain text, p_cursor bigint, p_height bigint, p_hash text, p_parent_hash text,
  p_deposits jsonb, p_outcomes jsonb
) returns boolean
language plpgsql as $$
declare
  v_hash text;
begin
  if p_height > coalesce(p_cursor, -1) then
    return false;
  end if;
  select b.hash into v_hash from chain_blocks b
    where b.chain = p_chain and b.height = p_height and b.canonical;
  if not found then
    insert into chain_blocks (chain, hash, height, parent_hash, canonical, seen_at)
      values (p_chain, p_hash, p_height, p_parent_hash, true, '-infinity')
      on conflict (chain, hash) do update set canonical = true;
  elsif v_hash <> p_hash then
    return false;
  end if;
  perform chain_record_events(p_chain, p_hash, p_height, p_deposits, p_outcomes);
  return true;
end
$$;

-- Whether a block was there before the custodian was asked for a payment, so that no transaction in
-- it makes that. Both times are this database's; a minute is left for a server that took over, if
-- the block was not final by then. One that is not stored any more, or was read again since, is
-- judged by its height.
create or replace function custody_is_older(
  c custody_payments, p_height bigint, p_hash text
) returns boolean
language sql stable
return coalesce(
  (select nullif(b.seen_at, '-infinity') < c.asked_at
      - case when p_height <= c.asked_above then interval '0' else interval '1 minute' end
    from chain_blocks b where b.chain = c.chain and b.hash = p_hash),
  p_height <= c.asked_above, false);
