-- A batch that these books do not know, since it was signed after the moment that they were
-- restored to. It paid several withdrawals, and each would be paid again if only one were told.

-- Takes the sender's next nonce for such a transaction, and opens its batch with these members. The
-- caller has read from the node that it pays each of them exactly. Answers how many transactions
-- are left to be explained; see chain_explain_nonce. Raises HF004 where a member is not to be paid.
create function chain_explain_batch(
  p_chain text, p_sender text, p_nonce bigint, p_chain_nonce bigint, p_actor text, p_note text,
  p_members text[], p_shown text, p_asset text, p_txid text, p_bytes text, p_terms jsonb,
  p_max_fee numeric
) returns bigint
language plpgsql as $$
declare
  v_amount numeric;
  v_ready bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'nonce', p_chain, p_sender), 0));
  perform from transfer_groups t where t.id = any(p_members) order by t.id for update;
  select count(*), sum(w.amount) into v_ready, v_amount
    from unnest(p_members) u(id)
    join transfer_groups t on t.id = u.id and t.kind = 'withdrawal' and t.status = 'IN_PROGRESS'
    join withdrawals w on w.group_id = u.id and w.chain = p_chain and w.asset = p_asset
      and not ledger_signing_began(u.id);
  if v_ready < cardinality(p_members) then
    raise exception 'transaction % pays withdrawals that are not open, or are signed', p_txid
      using errcode = 'HF004';
  end if;
  return chain_explain_nonce(p_chain, p_sender, p_nonce, p_chain_nonce, p_actor, p_note,
    batch_write(p_chain, p_sender, p_nonce, p_shown, p_asset, p_members, v_amount),
    p_txid, p_bytes, p_terms, p_max_fee);
end
$$;
