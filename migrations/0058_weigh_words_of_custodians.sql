-- What custodians say of their payments, and what a chain shows of it.

-- Notes that the custodian is about to be asked to pay. Only the first time counts.
create function custody_note_asked(p_group_id text) returns void
language sql volatile
begin atomic
  update custody_payments c
    set asked_at = clock_timestamp(),
        asked_above = (select coalesce(n.finalized_height, chain_final_height(n, c.final))
          from chains n where n.id = c.chain)
    where c.group_id = p_group_id and c.asked_at is null;
end;

-- Notes the custodian's word. `unknown` never takes the place of a word; a second reference for one
-- payment is kept out and told: {contradicts: true, references}, each with the last word on it. The
-- payment has failed when all that the custodian made of it have: of the failure of one of several
-- only the transaction is kept. It fails since the last of them was heard of first.
create function custody_record(
  p_group_id text, p_status text, p_reference text, p_txid text, p_detail text
) returns jsonb
language plpgsql as $$
declare
  c_failures constant text[] := '{refused,failed,rejected}';
  -- So many ids of one payment that no honest custodian has them: the row must not grow for ever.
  c_most constant integer := 100;
  c custody_payments;
  v_fails constant boolean := p_status = any (c_failures);
  v_words jsonb;
  v_is_new boolean;
  v_contradicts boolean;
  v_state text;
  v_open boolean;
begin
  select g.status = 'IN_PROGRESS' into v_open from transfer_groups g
    where g.id = p_group_id for update;
  select * into strict c from custody_payments where group_id = p_group_id for update;
  if p_status = 'unknown' and c.status is not null then
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', false);
  end if;
  v_words := c.words;
  v_is_new := not v_words ? p_reference;
  if v_words ? p_reference
    or (p_reference is not null
      and (select count(*) < c_most from jsonb_object_keys(v_words)))
  then
    v_words := v_words || jsonb_build_object(p_reference, p_status);
  elsif p_reference is not null and not v_fails then
    -- Some of them may be paid, and nobody knows any more which.
    v_words := v_words || jsonb_build_object('others', p_status);
  end if;
  v_is_new := v_is_new and v_words ? p_reference;
  v_contradicts := (select count(*) > 1 from jsonb_object_keys(v_words));
  if v_fails and exists (
    select from jsonb_each_text(v_words) o where o.value <> all (c_failures))
  then
    update custody_payments
      set words = v_words, updated_at = clock_timestamp(),
          txids = case when p_txid is null or p_txid = any (txids) then txids
            else txids || p_txid end
      where group_id = p_group_id;
    insert into group_facts (group_id, key, event, actor, detail)
      values (p_group_id, concat_ws(':', '~custody', p_status, p_reference),
        'withdrawal.custody_' || p_status, 'custody',
        jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
          'insteadOf', nullif(c.reference, p_reference), 'txid', p_txid, 'detail', p_detail)))
      on conflict (group_id, key) do nothing;
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', v_contradicts,
      'references', (select jsonb_agg(format('%s (%s)', o.key, o.value) order by o.key)
        from jsonb_each_text(v_words) o));
  end if;
  update custody_payments
    set status = p_status, reference = coalesce(c.reference, p_reference), detail = p_detail,
        words = v_words,
        txids = case when p_txid is null or p_txid = any (c.txids) then c.txids
          else c.txids || p_txid end,
        failed_since = case when v_fails and v_open and v_is_new then clock_timestamp()
          when v_fails then coalesce(c.failed_since, clock_timestamp())
          when not v_open then c.failed_since end,
        updated_at = clock_timestamp()
    where group_id = p_group_id;
  v_state := case when p_status = 'unknown' then 'broadcast_unknown' when v_fails then 'stuck'
    when p_status = 'confirmed' then 'confirmed' else 'broadcast' end;
  if v_open then
    perform custody_set_state(p_group_id, v_state,
      concat_ws(':', '~custody', p_status, p_txid), 'withdrawal.custody_' || p_status,
      jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
        'txid', p_txid, 'detail', p_detail)));
  end if;
  return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', v_contradicts,
    'references', (select jsonb_agg(format('%s (%s)', o.key, o.value) order by o.key)
        from jsonb_each_text(v_words) o));
end
$$;

-- Whether a block was there before the custodian was asked for a payment, so that no transaction in
-- it makes that. Both times are this database's; a minute is left for a server that took over, if
-- the block was not final by then. One that is not stored any more, or was read again since, is
-- judged by its height.
create function custody_is_older(
  c custody_payments, p_height bigint, p_hash text
) returns boolean
language sql stable
return coalesce(
  (select nullif(b.seen_at, '-infinity') < c.asked_at
      - case when p_height <= c.asked_above then interval '0' else interval '1 minute' end
    from chain_blocks b where b.chain = c.chain and b.hash = p_hash),
  p_height <= c.asked_above, false);

-- Why a block cannot be built upon, in a sentence, or null: it is final by the payment's rule, and
-- the stored chain has no other one of its height. The node has just told it.
create function custody_final_fault(c custody_payments, p_height bigint, p_hash text) returns text
language plpgsql stable as $$
declare
  n chains;
begin
  select * into n from chains where id = c.chain;
  if chain_is_halted(c.chain) then
    return format('%s stands still until a person has looked', c.chain);
  elsif p_height > coalesce(chain_final_height(n, c.final), -1) then
    return format('block %s is not final yet', p_height);
  elsif exists (select from chain_blocks b where b.chain = c.chain and b.height = p_height
    and b.canonical and b.hash <> p_hash)
  then
    return format('block %s is another one than the node told', p_height);
  end if;
  return null;
end
$$;

-- Which events of a transaction no other withdrawal was settled by, of those that have the amount
-- of a payment. p_paid: {txid, ordinals, height, blockHash}, as the node has just told it.
create function custody_free_ordinals(c custody_payments, p_paid jsonb) returns setof text
language sql stable
begin atomic
  select o.ordinal from jsonb_array_elements_text(p_paid -> 'ordinals') o(ordinal)
  where not exists (select from custody_payments u where u.paid_chain = c.chain
    and u.paid_txid = p_paid ->> 'txid' and u.paid_ordinal = o.ordinal
    and u.group_id <> c.group_id);
end;

-- Why what has the amount of a payment is not that payment, in a sentence, or null. p_paid as
-- above. What other withdrawals were settled by may be its own all the same where the custodian
-- called it so before it ended, or calls it made since: then one of them is paid by something else.
create function custody_foreign_fault(c custody_payments, p_paid jsonb) returns text
language sql stable
return case
  when custody_is_older(c, (p_paid ->> 'height')::bigint, p_paid ->> 'blockHash')
    then format('block %s is older than the payment', p_paid ->> 'height')
  when exists (select from withdrawal_attempts p
    where p.txid = p_paid ->> 'txid' and p.chain = c.chain)
    then format('%s is a transaction of our own, for another withdrawal', p_paid ->> 'txid')
  when not exists (select from custody_free_ordinals(c, p_paid))
    and not exists (select from group_facts f
      join transfer_groups g on g.id = f.group_id and g.status = 'IN_PROGRESS'
      where f.group_id = c.group_id
        and f.event in ('withdrawal.custody_submitted', 'withdrawal.custody_pending',
          'withdrawal.custody_confirmed')
        and f.detail ->> 'txid' = p_paid ->> 'txid')
    and not exists (select from transfer_groups g
      where g.id = c.group_id and g.status <> 'IN_PROGRESS' and c.status = 'confirmed')
    then format('what %s paid was for other withdrawals', p_paid ->> 'txid')
end;

-- Why a payment in a block is not the end yet, in a sentence, or null. p_paid as above.
create function custody_block_fault(c custody_payments, p_paid jsonb) returns text
language plpgsql stable as $$
begin
  return coalesce(
    custody_final_fault(c, (p_paid ->> 'height')::bigint, p_paid ->> 'blockHash'),
    custody_foreign_fault(c, p_paid));
end
$$;

-- Writes an event down as what paid a payment, where no other one was paid by it; one transaction
-- may pay several. Answers why not, in a sentence, or null. p_paid as above. The caller holds the
-- payment's lock.
create function custody_claim(c custody_payments, p_paid jsonb) returns text
language plpgsql as $$
declare
  v_ordinal text;
begin
  -- One taker at a time for a transaction.
  perform pg_advisory_xact_lock(hashtextextended('custody ' || (p_paid ->> 'txid'), 0));
  select f into v_ordinal from custody_free_ordinals(c, p_paid) f limit 1;
  if v_ordinal is null then
    return format('what %s paid was for other withdrawals: %s', p_paid ->> 'txid', (
      select string_agg(u.group_id, ', ' order by u.group_id) from custody_payments u
      where u.paid_chain = c.chain and u.paid_txid = p_paid ->> 'txid'
        and p_paid -> 'ordinals' ? u.paid_ordinal and u.group_id <> c.group_id));
  end if;
  update custody_payments set paid_chain = c.chain, paid_txid = p_paid ->> 'txid',
    paid_ordinal = v_ordinal, paid_block = p_paid ->> 'blockHash', lost_since = null,
    updated_at = clock_timestamp()
    where group_id = c.group_id;
  return null;
end
$$;

-- Why a payment is not shown to be paid, in a sentence; null: it is, and the event that paid it is
-- written down as its own. One event is the payment of one withdrawal. p_paid null: by the
-- custodian's word, where no chain is looked at. The caller holds the payment's lock.
create function custody_take_event(c custody_payments, p_paid jsonb) returns text
language plpgsql as $$
begin
  if c.chain is null then
    return case when c.status <> 'confirmed' then 'the custodian has not confirmed it' end;
  elsif p_paid is null then
    return 'the chain has not shown it';
  end if;
  -- Whoever drops the block comes before this, and is waited for, or finds what was settled by it.
  perform from chain_blocks b
    where b.chain = c.chain and b.hash = p_paid ->> 'blockHash' for share;
  return coalesce(custody_block_fault(c, p_paid), custody_claim(c, p_paid));
end
$$;

-- The block is dropped that a custodian's payment settled by: the books said too early that its
-- coins had left, so the chain stands still as with any payment. Or it comes back.
create function custody_follow_blocks() returns trigger
language plpgsql as $$
declare
  c custody_payments;
begin
  for c in
    update custody_payments p
    set lost_since = case when not new.canonical then clock_timestamp() end
    where p.paid_chain = new.chain and p.paid_block = new.hash returning p.*
  loop
    if new.canonical then
      perform chain_fact(c.group_id, 'again:' || new.hash || ':' || txid_current(),
        'chain.included_again', jsonb_build_object('txid', c.paid_txid, 'blockHash', new.hash));
      continue;
    end if;
    perform chain_fact(c.group_id, 'orphaned:' || new.hash || ':' || txid_current(),
      'chain.orphaned_after_end',
      jsonb_build_object('txid', c.paid_txid, 'blockHash', new.hash));
    perform chain_halt(new.chain, format(
      '%s paid %s by a transaction that is no longer in the chain.', c.custodian, c.group_id));
  end loop;
  return null;
end
$$;
create trigger chain_blocks_custody after update of canonical on chain_blocks
  for each row when (old.canonical <> new.canonical) execute function custody_follow_blocks();
