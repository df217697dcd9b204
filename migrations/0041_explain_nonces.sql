-- What a sender sent without these books: after a database was restored, or somebody used its key.
-- A person says of each transaction what it was; until then nothing is signed.

-- Takes the sender's next nonce for a transaction that the chain has there: for the withdrawal that
-- it pays (p_group_id; the caller has read from the node that it does), or for none, with a note.
-- Where nothing is left to be explained below p_chain_nonce, the sender goes on.
--
-- p_is_own  with a note: it moved coins of ours alone, so that what it brought to deposit addresses
--           is nobody's deposit
--
-- Answers how many are left. Raises HF004 where p_nonce is not the next one.
create function chain_explain_nonce(
  p_chain text, p_sender text, p_nonce bigint, p_chain_nonce bigint, p_actor text, p_note text,
  p_group_id text, p_txid text, p_bytes text, p_terms jsonb, p_max_fee numeric,
  p_is_own boolean default false
) returns bigint
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'nonce', p_chain, p_sender), 0));
  if p_nonce <> chain_next_nonce(p_chain, p_sender) or p_nonce >= p_chain_nonce then
    raise exception 'the next nonce of % is %, the chain is at %', p_sender,
      chain_next_nonce(p_chain, p_sender), p_chain_nonce using errcode = 'HF004';
  end if;
  if p_group_id is null then
    insert into nonce_slots (chain, sender, nonce, note, noted_txid)
      values (p_chain, p_sender, p_nonce, format('%s (%s, %s)', p_note, p_actor, p_txid),
        case when not p_is_own then p_txid end);
  else
    perform chain_adopt_transaction(p_group_id, p_actor, p_txid, p_bytes, p_terms, p_max_fee,
      p_sender, p_nonce);
  end if;
  if p_nonce + 1 >= p_chain_nonce then
    update sender_pauses set until = clock_timestamp()
      where chain = p_chain and sender = p_sender and until is null
        and cause = 'unknown_transactions';
  end if;
  return p_chain_nonce - p_nonce - 1;
end
$$;
