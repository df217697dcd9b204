-- A nonce of ours that something else spent: proof, and what follows from it.

-- Groups that ended by such a proof: the stored block as of which the nonce was spent.
create table nonces_taken (
  group_id text collate "C" primary key references withdrawals,
  chain text collate "C" not null,
  block_hash text collate "C" not null,
  -- Since when that block is no longer in the chain; null: it is. See `chain_nonce_is_open`.
  gone_at timestamptz
);

create index nonces_taken_by_block on nonces_taken (chain, block_hash);
create index nonces_taken_gone on nonces_taken (chain) where gone_at is not null;

grant select, insert on nonces_taken to holdfast_app;
grant update (block_hash, gone_at) on nonces_taken to holdfast_app;

-- Whether a block that was read from the node is one of the stored chain, and final for an asset.
-- It stays one until this transaction ends: who drops it waits, and finds what rests on it then.
-- False where nothing is known to be final.
create function chain_block_is_final(
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

-- Gives a withdrawal back whose nonce a final block has spent by a transaction that is no attempt
-- of it, and pauses the sender: somebody else signs for it. The caller has read from the node, as
-- of the block p_height and p_hash, that p_spent_by spent the nonce and does not pay the
-- withdrawal. Checked again under the lock; else {outcome: 'waiting', why}.
create function chain_release_spent(
  p_group_id text, p_actor text, p_height bigint, p_hash text, p_spent_by text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c chains;
  p withdrawal_attempts;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  v_answer := ledger_replay(p_group_id, '~spent');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  select * into c from chains where id = w.chain;
  p := chain_last_attempt(p_group_id);
  if g.status <> 'IN_PROGRESS' or p.id is null or chain_is_halted(w.chain)
    or not chain_block_is_final(c, w.asset, p_height, p_hash)
    or exists (select from withdrawal_attempts t
      left join attempt_inclusions n on n.attempt_id = t.id and n.canonical
      where t.group_id = g.id and (n.id is not null or t.txid = p_spent_by))
    -- What a dropped block cost is taken back first.
    or exists (select from withdrawal_attempts t
      join attempt_inclusions n on n.attempt_id = t.id and n.fee_leg is not null
      where t.group_id = g.id)
  then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status,
      'why', 'it is not proven that something else spent its nonce');
  end if;
  perform chain_pause_sender(w.chain, p.sender, 'nonce_taken',
    format('Nonce %s was spent by %s, which is not ours.', p.nonce, p_spent_by));
  perform chain_fact(g.id, 'spent:' || p_spent_by, 'chain.nonce_taken',
    jsonb_build_object('txid', p_spent_by, 'nonce', p.nonce, 'blockHash', p_hash));
  insert into nonces_taken (group_id, chain, block_hash) values (g.id, w.chain, p_hash);
  return ledger_give_back(g, '~spent', 'release', p_actor,
    jsonb_build_object('nonce', p.nonce, 'spentBy', p_spent_by, 'blockHash', p_hash), 'RELEASED',
    'NONCE_TAKEN', true, w);
end
$$;

-- Takes a transaction over as an attempt that these books do not know, since it was signed after
-- the moment that they were restored to. The caller has read from the node that it pays exactly
-- what the withdrawal was to pay, on the withdrawal's nonce; or on p_nonce of p_sender, where the
-- withdrawal has none: the slot is written too.
create function chain_adopt_transaction(
  p_group_id text, p_actor text, p_txid text, p_bytes text, p_terms jsonb, p_max_fee numeric,
  p_sender text default null, p_nonce bigint default null
) returns void
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  p withdrawal_attempts;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  p := chain_last_attempt(p_group_id);
  if exists (select from withdrawal_attempts t where t.txid = p_txid) then
    return;
  elsif g.status <> 'IN_PROGRESS' or w.chain is null
    or (p.id is not null and p_nonce is not null
      and (p.sender, p.nonce) is distinct from (p_sender, p_nonce))
  then
    raise exception 'transaction % does not belong to group % (%)', p_txid, p_group_id, g.status
      using errcode = 'HF004';
  end if;
  if p.id is null then
    insert into nonce_slots (chain, sender, nonce, group_id)
      values (w.chain, p_sender, p_nonce, p_group_id);
  end if;
  insert into withdrawal_attempts (group_id, attempt_no, kind, reason, chain, sender, nonce,
      destination, terms, max_fee, bytes, txid, outcome)
    values (g.id, coalesce(p.attempt_no, 0) + 1, 'payment', 'found on the chain', w.chain,
      coalesce(p.sender, p_sender), coalesce(p.nonce, p_nonce), lower(w.destination), p_terms,
      p_max_fee, p_bytes, p_txid, 'broadcast');
  perform chain_set_state(g.id, 'broadcast', '~adopted:' || p_txid,
    jsonb_build_object('txid', p_txid, 'actor', p_actor, 'why', 'found on the chain'));
end
$$;
