-- What a block has of a group that had ended before: a payment although it had been given back, or
-- the group's transaction again, in another block than the one that it was booked by. Proof and
-- finality before the end make that need a reorganisation deeper than what was final. It is booked
-- all the same, since the books say what the chain does.

-- What others that wait for a group take of what its late inclusion paid, and who of them had been
-- paid or given back before, in a sentence; see the batches' migrations, which replace this body.
create function chain_take_late(
  p_group_id text, p_inclusion_id bigint, out taken numeric, out beside text
)
language plpgsql as $$
begin
  taken := 0;
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
create function chain_book_late_payments(c chains) returns void
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

create function book_late_payments() returns trigger
language plpgsql as $$
begin
  perform chain_book_late_payments(new);
  return null;
end
$$;

-- With every block and every step of finality, in the transaction that stores it.
create trigger chains_book_late_payments
  after update of cursor_height, safe_height, finalized_height on chains
  for each row execute function book_late_payments();

-- Finds what was booked and is no longer there.
-- squawk-ignore require-concurrent-index-creation
create index attempt_inclusions_gone on attempt_inclusions (attempt_id)
  where not canonical and fee_leg is not null;

-- Transactions that ended a group and are in no block any more, and no other of its attempts is:
-- their bytes are valid still. A payment that had failed is left out, since it might pay now.
create function chain_gone_again(p_chain text, p_holder text)
returns table (group_id text, txid text, bytes text)
language sql stable
begin atomic
  select distinct p.group_id, p.txid, p.bytes
  from attempt_inclusions n
  join withdrawal_attempts p on p.id = n.attempt_id and p.chain = p_chain
  join transfer_groups g on g.id = p.group_id and g.status <> 'IN_PROGRESS'
  join chains c on c.id = p_chain and c.leased_by = p_holder
  where not n.canonical and n.fee_leg is not null and (n.paid or p.kind = 'cancel')
    and not chain_is_halted(p_chain)
    and not exists (
      select from withdrawal_attempts o
      join attempt_inclusions i on i.attempt_id = o.id and i.canonical
      where o.group_id = p.group_id);
end;
