-- A transaction that was in a block before the custodian was asked for a payment settled it, where
-- it had the amount and the address: one that somebody else had it make. Nobody was paid by it.

alter table custody_payments
  -- When the custodian was first asked to pay. Null: it was not, or had the payment before, as
  -- after an older database was restored.
  add column asked_at timestamptz,
  -- The highest final block by then, by the chain's own word.
  add column asked_above bigint;

grant update (asked_at, asked_above) on custody_payments to holdfast_app;

-- Notes that the custodian is about to be asked to pay. Only the first time counts.
create function custody_note_asked(p_group_id text) returns void
language sql volatile
begin atomic
  update custody_payments c
    set asked_at = clock_timestamp(),
        asked_above = (select n.finalized_height from chains n where n.id = c.chain)
    where c.group_id = p_group_id and c.asked_at is null;
end;

-- Whether a block was there before the custodian was asked for a payment, so that no transaction in
-- it makes that. Both times are this database's; a minute is left for a server that took over.
create function custody_is_older(c custody_payments, p_height bigint, p_hash text) returns boolean
language sql stable
return coalesce(p_height <= c.asked_above, false) or exists (
  select from chain_blocks b
  where b.chain = c.chain and b.hash = p_hash and b.seen_at < c.asked_at - interval '1 minute');

-- Why a payment in a block is not the end yet, in a sentence, or null. p_paid: {txid, ordinals,
-- height, blockHash}, as the node has just told it.
create or replace function custody_block_fault(c custody_payments, p_paid jsonb) returns text
language plpgsql stable as $$
declare
  n chains;
  v_height constant bigint := (p_paid ->> 'height')::bigint;
begin
  select * into n from chains where id = c.chain;
  if chain_is_halted(c.chain) then
    return format('%s stands still until a person has looked', c.chain);
  elsif v_height > coalesce(chain_final_height(n, c.final), -1) then
    return format('block %s is not final yet', v_height);
  elsif exists (select from chain_blocks b where b.chain = c.chain and b.height = v_height
    and b.canonical and b.hash <> p_paid ->> 'blockHash')
  then
    return format('block %s is another one than the node told', v_height);
  elsif custody_is_older(c, v_height, p_paid ->> 'blockHash') then
    return format('block %s is older than the payment', v_height);
  end if;
  return null;
end
$$;
