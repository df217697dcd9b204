-- A collection or a top-up that these books do not know, since it was signed after the moment that
-- they were restored to.

-- What a transaction from one address to another was, where both are ours: collect or top_up; else
-- null.
create function collection_purpose(p_chain text, p_from text, p_to text) returns text
language sql stable
return (
  select case
    when f.is_deposit and t.is_hot then 'collect'
    when f.is_hot and t.is_deposit then 'top_up'
  end
  from (
    select exists (select from hot_addresses h where h.chain = p_chain and h.address = p_from),
      exists (select from deposit_addresses d
        where d.family = chain_family(p_chain) and d.address = p_from)
  ) f(is_hot, is_deposit), (
    select exists (select from hot_addresses h where h.chain = p_chain and h.address = p_to),
      exists (select from deposit_addresses d
        where d.family = chain_family(p_chain) and d.address = p_to)
  ) t(is_hot, is_deposit)
);

-- Takes the sender's next nonce for such a transaction, and opens its group, which follows it. The
-- caller has read from the node that it moved exactly this. Answers how many transactions are left
-- to be explained; see chain_explain_nonce.
--
-- p_from, p_to  as people read them
create function chain_explain_collection(
  p_chain text, p_sender text, p_nonce bigint, p_chain_nonce bigint, p_actor text, p_note text,
  p_purpose text, p_asset text, p_from text, p_to text, p_amount numeric, p_txid text,
  p_bytes text, p_terms jsonb, p_max_fee numeric
) returns bigint
language plpgsql as $$
declare
  c_address constant text := lower(case p_purpose when 'collect' then p_from else p_to end);
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'nonce', p_chain, p_sender), 0));
  perform pg_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'collection', p_chain, c_address), 0));
  return chain_explain_nonce(p_chain, p_sender, p_nonce, p_chain_nonce, p_actor, p_note,
    collection_write(p_chain, p_purpose, p_asset, c_address, p_from, p_to, p_amount, p_max_fee),
    p_txid, p_bytes, p_terms, p_max_fee);
end
$$;
