-- What was passed over without a word. Where a node tells of no final block, an asset whose rule
-- asks for one had no height up to which its coins are final, and since 0097 that was taken for
-- "all of them": what is due was then asked for at no block, which is an error, and nothing of any
-- asset was collected any more. And where an operator had frozen a wallet of the system, what the
-- chain had cost was refused by it, and the books went on as if it stood in them.

-- Whether coins of an asset are to be collected now: some can be final, and the hot wallet wants
-- more of it, since it has less than the low mark, withdrawals wait for it, or there is no mark.
create or replace function collection_is_wanted(r treasury_rules, p_chain text, p_sender text)
returns boolean
language plpgsql stable as $$
begin
  return exists (select from chains c join assets a on a.code = r.asset
      where c.id = p_chain and chain_final_height(c, a.final) is not null)
    and (r.low_water is null
      or exists (select from withdrawals w
        where w.asset = r.asset and w.state = 'awaiting_funds' and not chain_is_inside(w.group_id))
      or r.low_water > (
        select s.booked from chain_spendable(p_chain, p_sender, r.asset, 0, 0) s));
end
$$;

-- Books what an inclusion cost beside the payment, as holds in legs of their own: the fee, without
-- what the customer pays of it, from `network-fees:<native>`, and what a token moved without paying
-- from `shortfall:<asset>`. They settle or are cancelled with the inclusion that they belong to.
-- What cannot be booked now keeps the payment from going on until it can.
create or replace function chain_book_fee(
  g transfer_groups, w withdrawals, n attempt_inclusions, p_actor text
) returns void
language plpgsql as $$
declare
  c_native constant text := chain_native_asset(g.chain);
  c_fee constant numeric := n.fee - chain_customer_fee(w, n);
  c_lost constant numeric := n.moved
    - case when n.paid and not chain_is_inside(g.id) then w.amount else 0 end;
  v_leg smallint;
  v_answer jsonb;
begin
  perform ledger_insert_wallet('network-fees:' || c_native, 'holdfast', c_native, 'system', '{}');
  -- The first two are the principal's, also where there is none since none of it leaves the books.
  select coalesce(max(l.leg), 2) + 1 into v_leg from transfer_legs l where l.group_id = g.id;
  if c_fee > 0 then
    v_answer := ledger_write(g, false, '~fee:' || n.id, 'fee', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.legs_added',
      'HOLD', array[v_leg, v_leg + 1]::smallint[],
      array['network-fees:' || c_native, 'external:' || c_native], array[c_native, c_native],
      '{DEBIT,CREDIT}', array[c_fee, c_fee], null, true, true);
    if v_answer ->> 'outcome' <> 'done' then
      raise exception 'the fee of inclusion % cannot be booked: %', n.id,
        v_answer #>> '{refusal,detail}' using errcode = 'HF004';
    end if;
  end if;
  if c_lost > 0 then
    v_answer := ledger_write(g, false, '~lost:' || n.id, 'lose', p_actor,
      jsonb_build_object('inclusion', n.id::text, 'blockHash', n.block_hash), 'group.legs_added',
      'HOLD', array[v_leg + 2, v_leg + 3]::smallint[],
      array['shortfall:' || w.asset, 'external:' || w.asset], array[w.asset, w.asset],
      '{DEBIT,CREDIT}', array[c_lost, c_lost], null, true, true);
    if v_answer ->> 'outcome' <> 'done' then
      raise exception 'the loss of inclusion % cannot be booked: %', n.id,
        v_answer #>> '{refusal,detail}' using errcode = 'HF004';
    end if;
  end if;
  update attempt_inclusions set fee_leg = v_leg where id = n.id;
end
$$;

-- Books late inclusions that are final, each against what was booked by inclusions of the group
-- that are no longer there: `shortfall:<asset>` pays what left beyond that, or gets what did not
-- leave after all, and `network-fees:<native>` the difference in fees, also where a customer had
-- paid the fee. In a group of its own, `late:<inclusion>`; none where nothing differs.
--
-- Given back, and paid all the same: the withdrawal becomes `late_confirmed`. Settled, and its
-- nonce spent without paying: nobody was paid. Either way its sender pauses. Where the end is as it
-- was, the timeline says that another block has it. What cannot be booked now keeps the chain from
-- being read on, which is told.
create or replace function chain_book_late_payments(c chains) returns void
language plpgsql as $$
declare
  c_native constant text := chain_native_asset(c.id);
  g transfer_groups;
  l record;
  r record;
  v_took record;
  v_event text;
  v_why text;
  v_answer jsonb;
begin
  for l in
    select n.*, p.group_id, p.txid, p.sender, w.asset, t.client, t.status,
      b.moved as was_moved, b.fee as was_fee
    from attempt_inclusions n
    join withdrawal_attempts p on p.id = n.attempt_id and p.chain = c.id
    join withdrawals w on w.group_id = p.group_id
    join transfer_groups t on t.id = p.group_id
    join assets a on a.code = w.asset
    cross join lateral (
      select coalesce(sum(i.moved), 0) as moved, coalesce(sum(i.fee), 0) as fee
      from attempt_inclusions i
      join withdrawal_attempts o on o.id = i.attempt_id and o.group_id = p.group_id
      where not i.canonical and i.fee_leg is not null
    ) b
    where n.canonical and n.fee_leg is null and t.status <> 'IN_PROGRESS'
      and n.block_height <= chain_final_height(c, a.final)
    order by n.id for update of n
  loop
    select * into v_took from chain_take_late(l.group_id, l.id);
    select array_agg(v.wallet order by d.place, v.type) as wallets,
        array_agg(d.asset order by d.place, v.type) as assets,
        array_agg(v.type order by d.place, v.type) as types,
        array_agg(abs(d.amount) order by d.place, v.type) as amounts into r
      from (values
        (1, 'shortfall:' || l.asset, l.asset, l.moved - l.was_moved - v_took.taken),
        (2, 'network-fees:' || c_native, c_native, l.fee - l.was_fee)
      ) d(place, wallet, asset, amount)
      cross join lateral (values
        (d.wallet, case when d.amount > 0 then 'DEBIT' else 'CREDIT' end::leg_type),
        ('external:' || d.asset, case when d.amount > 0 then 'CREDIT' else 'DEBIT' end::leg_type)
      ) v(wallet, type)
      where d.amount <> 0;
    update attempt_inclusions i set fee_leg = null
      from withdrawal_attempts p
      where p.id = i.attempt_id and p.group_id = l.group_id and not i.canonical
        and i.fee_leg is not null;
    update attempt_inclusions set fee_leg = 0 where id = l.id;
    g := null;
    if r.wallets is not null then
      perform ledger_insert_wallet('network-fees:' || c_native, 'holdfast', c_native, 'system',
        '{}');
      g.id := 'late:' || l.id;
      g.kind := 'reversal';
      g.status := 'SETTLED';
      g.client := l.client;
      g.reference := l.txid;
      g.metadata := jsonb_build_object('late', l.group_id, 'txid', l.txid,
        'blockHash', l.block_hash);
      g.opened_by := '~late';
      v_answer := ledger_write(g, true, '~late', 'late', 'chain', g.metadata, 'group.settled',
        'IMMEDIATE', array(select generate_series(1, cardinality(r.wallets)))::smallint[],
        r.wallets, r.assets, r.types, r.amounts, null, true, true);
      if v_answer ->> 'outcome' <> 'done' then
        raise exception 'inclusion % of %, which had ended, cannot be booked: %', l.id, l.group_id,
          v_answer #>> '{refusal,detail}' using errcode = 'HF004';
      end if;
    end if;
    v_event := case when l.paid = (l.status = 'SETTLED') then 'included_again'
      when l.paid then 'late_confirmed' else 'late_unpaid' end;
    perform chain_fact(l.group_id, 'late:' || l.id, 'chain.' || v_event,
      jsonb_build_object('txid', l.txid, 'blockHash', l.block_hash, 'bookedBy', g.id));
    continue when v_event = 'included_again';
    if v_event = 'late_confirmed' then
      update withdrawals set state = 'late_confirmed', updated_at = clock_timestamp()
        where group_id = l.group_id;
      v_why := '%s was given back, and %s is in the chain all the same.';
    else
      v_why := '%s was settled, and now %s has its nonce, which does not pay it.';
    end if;
    insert into outbox (group_id, event, step_key, created_at)
      values (l.group_id, 'withdrawal.' || v_event, '~late:' || l.id, clock_timestamp());
    perform chain_pause_sender(c.id, l.sender, 'late_confirmed',
      concat_ws(' ', format(v_why, l.group_id, l.txid), v_took.beside));
  end loop;
end
$$;
