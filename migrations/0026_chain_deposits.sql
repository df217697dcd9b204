-- Deposits from the chain. Each step takes an inclusion's id, locks its row and reads amount,
-- wallet and canonicality from it: the rewind updates the same rows, so credit and orphaning never
-- cross. Locks: inclusion, group, balances.

-- Locks an inclusion, with it all others of its event, the oldest first, and the id of its group,
-- which may not be there yet.
create function chain_lock_inclusion(p_id bigint) returns chain_inclusions
language plpgsql as $$
declare
  i chain_inclusions;
begin
  select * into i from chain_inclusions where id = p_id;
  if not found then
    raise exception 'there is no inclusion %', p_id using errcode = 'HF004';
  end if;
  perform from chain_inclusions o
    where o.chain = i.chain and o.txid = i.txid and o.ordinal = i.ordinal order by o.id for update;
  -- Read again: it may have changed while its lock was waited for.
  select * into i from chain_inclusions where id = p_id;
  perform ledger_lock_new(i.group_id);
  return i;
end
$$;

-- Opens the group of an inclusion: `external:<asset>` DEBIT (leg 1), the wallet CREDIT (leg 2),
-- both held. An inclusion that was orphaned before leaves a CANCELLED group without entries, and
-- so does one of coins whose earlier inclusion was credited and not taken back: that credit stands
-- on this one now.
create function chain_open_deposit(p_inclusion_id bigint, p_actor text) returns jsonb
language plpgsql as $$
declare
  i chain_inclusions := chain_lock_inclusion(p_inclusion_id);
  g transfer_groups;
  v_request jsonb;
  v_wallet text;
  v_credited text;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = i.group_id for update;
  v_answer := ledger_replay(i.group_id, '~open');
  if v_answer is not null then
    return v_answer;
  end if;
  if g.id is not null then
    raise exception 'group % was opened by %, not by its inclusion', g.id, g.opened_by
      using errcode = 'HF004';
  end if;
  v_request := jsonb_build_object('groupId', i.group_id, 'inclusionId', i.id::text);
  g.id := i.group_id;
  g.kind := 'deposit';
  g.status := 'IN_PROGRESS';
  g.client := 'chain';
  g.chain := i.chain;
  g.reference := i.txid;
  g.metadata := jsonb_build_object('txid', i.txid, 'ordinal', i.ordinal, 'from', i.from_address,
    'to', i.to_address, 'blockHash', i.block_hash, 'blockHeight', i.block_height,
    'finality', chain_finality_json(i));
  g.opened_by := '~open';
  select o.group_id into v_credited from chain_inclusions o
    where o.chain = i.chain and o.txid = i.txid and o.ordinal = i.ordinal and o.id <> i.id
      and o.credited_at is not null and chain_same_coins_again(o) = i.id;
  if not i.canonical or v_credited is not null then
    g.status := 'CANCELLED';
    g.reason := case when i.canonical then 'ALREADY_CREDITED' else 'ORPHANED' end;
    if i.canonical then
      g.metadata := g.metadata || jsonb_build_object('creditedBy', v_credited);
      perform chain_fact(v_credited, 'again:' || i.id, 'chain.included_again',
        jsonb_build_object('by', i.group_id, 'blockHash', i.block_hash));
    end if;
    return ledger_write(g, true, '~open', 'deposit', p_actor, v_request, 'group.cancelled', 'HOLD',
      '{}', '{}', '{}', '{}', '{}', null, true, true);
  end if;
  v_wallet := chain_wallet_of(chain_family(i.chain), i.to_address, i.asset, i.amount);
  v_answer := ledger_write(g, true, '~open', 'deposit', p_actor, v_request, 'group.opened', 'HOLD',
    '{1,2}', array['external:' || i.asset, v_wallet], array[i.asset, i.asset], '{DEBIT,CREDIT}',
    array[i.amount, i.amount], null, true, false);
  if v_answer ->> 'outcome' = 'done' then
    return v_answer;
  end if;
  -- The wallet was closed in this very moment. The coins are there all the same.
  v_answer := ledger_write(g, true, '~open', 'deposit', p_actor, v_request, 'group.opened', 'HOLD',
    '{1,2}', array['external:' || i.asset, 'unattributed:' || i.asset], array[i.asset, i.asset],
    '{DEBIT,CREDIT}', array[i.amount, i.amount], null, true, false);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'inclusion % cannot be booked: %', i.id, v_answer #>> '{refusal,detail}'
      using errcode = 'HF004';
  end if;
  return v_answer;
end
$$;

-- Why an inclusion is not credited yet, in a sentence, or null when it may be. A number of blocks
-- counts the block of inclusion as 1, and the block must be the canonical one of its height.
--
-- p_stall_seconds  credits pause when finality has not moved for so long; null: they never do
create function chain_credit_fault(i chain_inclusions, p_stall_seconds integer) returns text
language plpgsql stable as $$
declare
  c chains;
begin
  select * into c from chains where id = i.chain;
  if not i.canonical then
    return 'its block is no longer in the chain';
  elsif i.block_height > coalesce(chain_final_height(c, i.credit), -1) then
    return case when jsonb_typeof(i.credit) = 'number'
        then format('it has %s of %s confirmations',
          greatest(c.cursor_height - i.block_height + 1, 0), i.credit)
        else format('its block is not %s yet', i.credit #>> '{}')
      end || coalesce(', which rule ' || i.rule || ' asks for', '');
  elsif not exists (select from chain_blocks b where b.chain = i.chain
    and b.height = i.block_height and b.hash = i.block_hash and b.canonical)
  then
    return 'its block is not the stored one of its height';
  elsif exists (select from chain_inclusions o where o.chain = i.chain and o.txid = i.txid
    and o.ordinal = i.ordinal and o.id <> i.id and o.credited_at is not null)
  then
    return 'an earlier inclusion of it was credited';
  elsif chain_is_halted(i.chain) then
    return format('%s stands still until a person has looked', i.chain);
  elsif (select a.deposits_paused from assets a where a.code = i.asset) then
    return format('deposits of %s are paused', i.asset);
  elsif chain_finality_wait(c) > p_stall_seconds then
    return format('no block of %s has become final for %s s, so nothing is credited', i.chain,
      chain_finality_wait(c));
  end if;
  return null;
end
$$;

-- Makes a deposit available, where its inclusion is canonical and deep enough at this very moment.
-- Else {outcome: 'waiting', why}: nothing is stored, it may be tried again at any time.
-- p_stall_seconds: see `chain_credit_fault`.
create function chain_credit_deposit(
  p_inclusion_id bigint, p_actor text, p_stall_seconds integer
) returns jsonb
language plpgsql as $$
declare
  i chain_inclusions := chain_lock_inclusion(p_inclusion_id);
  g transfer_groups;
  v_fault text;
  v_request jsonb;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = i.group_id for update;
  v_answer := ledger_replay(i.group_id, '~credit');
  if v_answer is not null then
    return v_answer;
  end if;
  i := chain_refresh_finality(i.id);
  v_fault := case
    when g.id is null then 'its group is not open yet'
    when g.status <> 'IN_PROGRESS' then format('its group is %s', g.status)
    else chain_credit_fault(i, p_stall_seconds)
  end;
  if v_fault is not null then
    return jsonb_build_object('outcome', 'waiting', 'why', v_fault, 'groupStatus', g.status);
  end if;
  update chain_inclusions set credited_at = clock_timestamp() where id = i.id;
  v_request := jsonb_build_object('inclusionId', i.id::text, 'blockHash', i.block_hash);
  v_answer := chain_credit_debtor(g, i, p_actor, v_request);
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_capture(g, '~credit', 'credit', p_actor, v_request, null, null, true, true);
end
$$;

-- Cancels a pending deposit whose inclusion is no longer canonical, with the reason ORPHANED. Else
-- {outcome: 'waiting', why}.
create function chain_orphan_deposit(p_inclusion_id bigint, p_actor text) returns jsonb
language plpgsql as $$
declare
  i chain_inclusions := chain_lock_inclusion(p_inclusion_id);
  g transfer_groups;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = i.group_id for update;
  v_answer := ledger_replay(i.group_id, '~orphan');
  if v_answer is not null then
    return v_answer;
  end if;
  if i.canonical or g.status is distinct from 'IN_PROGRESS' then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status,
      'why', case
        when i.canonical then 'its block is in the chain'
        when g.id is null then 'its group is not open yet'
        else format('its group is %s', g.status)
      end);
  end if;
  return ledger_give_back(g, '~orphan', 'orphan', p_actor,
    jsonb_build_object('inclusionId', i.id::text, 'blockHash', i.block_hash), 'CANCELLED',
    'ORPHANED', true);
end
$$;

-- How far an inclusion is, for the saga and for whoever looks at it, by the rules of this moment.
create function chain_deposit_progress(p_inclusion_id bigint, p_stall_seconds integer)
returns jsonb
language plpgsql as $$
declare
  i chain_inclusions := chain_refresh_finality(p_inclusion_id);
begin
  if i.id is null then
    return null;
  end if;
  return jsonb_build_object(
    'groupId', i.group_id, 'txid', i.txid, 'canonical', i.canonical, 'blockHash', i.block_hash,
    'blockHeight', i.block_height, 'finality', chain_finality_json(i),
    'waitsFor', chain_credit_fault(i, p_stall_seconds),
    'confirmations', case when i.canonical then chain_depth(i.chain, i.block_height) else 0 end);
end
$$;
