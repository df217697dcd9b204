-- Nonces that are open again: what had spent one, for a group that ended without paying, is in no
-- block any more. The group's bytes are valid still and might pay now, and later payments of the
-- sender wait behind them. So a transfer of nothing takes the nonce, an attempt of the group that
-- is written before it is signed, as ever. A block takes that one or the old payment, and either is
-- booked as what comes late is. What ended a group by paying is sent again instead.

-- Whether the nonce of a group that ended is open again. Not where something that is not ours has
-- it in a final block.
create function chain_nonce_is_open(p_group_id text) returns boolean
language sql stable
return exists (
    select from transfer_groups g where g.id = p_group_id and g.status <> 'IN_PROGRESS')
  and not exists (
    select from withdrawal_attempts p
    join attempt_inclusions n on n.attempt_id = p.id and n.canonical
    where p.group_id = p_group_id)
  and coalesce((select t.gone_at is not null from nonces_taken t where t.group_id = p_group_id),
    exists (
      select from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id
        and not n.canonical and n.fee_leg is not null and not n.paid
      where p.group_id = p_group_id));

-- All of a chain.
create function chain_open_nonces(p_chain text)
returns table (group_id text, sender text, nonce bigint)
language sql stable
begin atomic
  select distinct p.group_id, p.sender, p.nonce
  from (
    select o.group_id from attempt_inclusions n
    join withdrawal_attempts o on o.id = n.attempt_id and o.chain = p_chain
    where not n.canonical and n.fee_leg is not null
    union
    select t.group_id from nonces_taken t where t.chain = p_chain and t.gone_at is not null
  ) x
  join withdrawal_attempts p on p.group_id = x.group_id
  where chain_nonce_is_open(x.group_id);
end;

-- The lowest of a sender, or null.
create function chain_open_nonce_of(p_chain text, p_sender text) returns bigint
language sql stable
return (select min(o.nonce) from chain_open_nonces(p_chain) o where o.sender = p_sender);

-- What the watcher with the lease has spent: nothing while the chain stands still.
create function chain_nonces_to_spend(p_chain text, p_holder text)
returns table (group_id text, sender text, nonce bigint)
language sql stable
begin atomic
  select o.* from chains c cross join lateral chain_open_nonces(c.id) o
  where c.id = p_chain and c.leased_by = p_holder and not chain_is_halted(c.id);
end;

-- In how many seconds a transfer of nothing is due on an open nonce, or one with a higher fee;
-- null: never. Bytes that may as well be mined have p_after seconds from the moment on that their
-- block was dropped. One that the signer refused has no bytes, and is asked for after a pause.
-- p  the last attempt of its group
create function chain_spending_due(p withdrawal_attempts, p_after integer)
returns integer
language sql stable
return case
  when p.outcome = 'signing' then 0
  when chain_signer_pause(p.group_id) > 0 then chain_signer_pause(p.group_id)
  when p.outcome = 'refused' or (p.kind = 'payment' and not batch_goes_again(p.group_id)) then 0
  -- `greatest` passes over a null.
  when p_after is not null then greatest(0, p_after - extract(epoch from
    clock_timestamp() - greatest(p.created_at, (
      select max(f.created_at) from group_facts f
      where f.group_id = p.group_id and f.event = 'chain.orphaned_after_end')))::integer)
end;

-- An open nonce as whoever spends it needs it, or null: {dueInSeconds, refused, final}; refused:
-- the signer did so, and is not asked for now; final is null or the {height, hash} of the highest
-- final block.
create function chain_open_nonce_json(p_group_id text, p_after integer) returns jsonb
language sql stable
return (
  select jsonb_build_object('dueInSeconds',
    chain_spending_due(chain_last_attempt(p_group_id), p_after),
    'refused', chain_signer_pause(p_group_id) > 0, 'final', (
      select jsonb_build_object('height', b.height, 'hash', b.hash) from chain_blocks b
      where b.chain = c.id and b.height = chain_final_height(c, a.final) and b.canonical))
  from withdrawals w
  join assets a on a.code = w.asset
  join chains c on c.id = w.chain
  where w.group_id = p_group_id and chain_nonce_is_open(p_group_id) and not chain_is_halted(c.id)
);

-- Writes the transfer of nothing that takes an open nonce, in the place of attempt p_replaces; it
-- is signed afterwards. p_destination is the sender itself. Of two callers the first wins, both get
-- the same one. Answers as `chain_begin_replacement`.
create function chain_begin_spending(
  p_group_id text, p_actor text, p_replaces integer, p_destination text, p_terms jsonb,
  p_max_fee numeric, p_after integer
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  p withdrawal_attempts;
  v_no integer;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  p := chain_last_attempt(p_group_id);
  if not chain_nonce_is_open(g.id) or chain_is_halted(g.chain) then
    return '{"result": "over"}';
  elsif p.attempt_no = p_replaces and p.outcome <> 'signing' then
    if coalesce(chain_spending_due(p, p_after), 1) > 0 then
      return '{"result": "over"}';
    end if;
    select max(t.attempt_no) + 1 into v_no from withdrawal_attempts t where t.group_id = g.id;
    insert into withdrawal_attempts (group_id, attempt_no, kind, reason, chain, sender, nonce,
        destination, terms, max_fee, outcome)
      values (g.id, v_no, 'cancel', 'its nonce is open again', p.chain, p.sender, p.nonce,
        p_destination, p_terms, p_max_fee, 'signing');
    perform chain_fact(g.id, 'spend:' || v_no, 'withdrawal.spending_nonce',
      jsonb_build_object('nonce', p.nonce, 'replaces', p.txid, 'maxFee', amount_text(p_max_fee),
        'actor', p_actor, 'why', 'what ended it is no longer in the chain, so its bytes may pay'));
  end if;
  return jsonb_build_object('result', 'signing', 'attempt', chain_attempt_json(g.id));
end
$$;

-- Notes that a final block has something on an open nonce that is not ours: it is taken for good,
-- members of a batch go on alone, and the sender pauses. The caller has read it from the node, as
-- of the block p_height and p_hash. False where the books say otherwise by now.
create function chain_note_taken(
  p_group_id text, p_height bigint, p_hash text, p_spent_by text
) returns boolean
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c chains;
  p withdrawal_attempts;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  select * into c from chains where id = w.chain;
  p := chain_last_attempt(p_group_id);
  if not chain_nonce_is_open(g.id) or chain_is_halted(c.id)
    or not chain_block_is_final(c, w.asset, p_height, p_hash)
    or exists (select from withdrawal_attempts t where t.txid = p_spent_by)
  then
    return false;
  end if;
  insert into nonces_taken (group_id, chain, block_hash) values (g.id, w.chain, p_hash)
    on conflict (group_id) do update set block_hash = excluded.block_hash, gone_at = null;
  perform chain_pause_sender(w.chain, p.sender, 'nonce_taken',
    format('Nonce %s was spent by %s, which is not ours.', p.nonce, p_spent_by));
  perform chain_fact(g.id, 'spent:' || p_spent_by || ':' || p_hash, 'chain.nonce_taken',
    jsonb_build_object('txid', p_spent_by, 'nonce', p.nonce, 'blockHash', p_hash));
  perform batch_let_members_go(g.id, p_hash, jsonb_build_object('batch', g.id, 'nonce', p.nonce));
  return true;
end
$$;

-- Members that wait for a batch that something else has kept from paying.
create function batch_let_members_go(p_batch text, p_key text, p_detail jsonb) returns void
language plpgsql as $$
declare
  t transfer_groups;
begin
  for t in
    select o.* from transfer_groups o
    join batch_members m on m.group_id = o.id and m.batch_group_id = p_batch
    where o.status = 'IN_PROGRESS' order by o.id for update of o
  loop
    if chain_batch_of(t.id) is not null then
      perform batch_let_go(t, p_key, p_detail);
    end if;
  end loop;
end
$$;

-- The block is dropped as of which something else had a nonce: that was the proof by which a group
-- was given back, so the chain stands still as where any such proof is gone. Where the chain turns
-- back to that very block, it is the proof again.
create function nonces_taken_follow() returns trigger
language plpgsql as $$
declare
  n nonces_taken;
begin
  for n in
    update nonces_taken t
      set gone_at = case when new.canonical then null else clock_timestamp() end
      where t.chain = new.chain and t.block_hash = new.hash
        and (t.gone_at is null) <> new.canonical
      returning t.*
  loop
    if new.canonical then
      perform batch_let_members_go(n.group_id, new.hash || ':' || txid_current(),
        jsonb_build_object('batch', n.group_id));
    else
      perform chain_fact(n.group_id, 'orphaned:' || new.hash || ':' || txid_current(),
        'chain.orphaned_after_end', jsonb_build_object('blockHash', new.hash));
      perform chain_halt(new.chain, format('Group %s was given back since something else had spent '
        'its nonce, and the block that proved it is no longer in the chain.', n.group_id));
      perform batch_take_members_back(n.group_id, new.hash || ':' || txid_current(), '{}');
    end if;
  end loop;
  return null;
end
$$;
create trigger chain_blocks_proofs after update of canonical on chain_blocks
  for each row when (new.canonical <> old.canonical) execute function nonces_taken_follow();
