-- A payment that a block took although its withdrawal had been given back. Proof before release
-- makes that need a reorganisation deeper than what was final; it is booked all the same, since the
-- coins are gone.

-- Books late inclusions that are final: `shortfall:<asset>` pays what left, `network-fees:<native>`
-- its fee, and the fees of inclusions that are no longer there come back. Each in a group of its
-- own, `late:<inclusion>`; the withdrawal becomes `late_confirmed`, its sender pauses.
create function chain_book_late_payments(c chains) returns void
language plpgsql as $$
declare
  c_native constant text := chain_native_asset(c.id);
  g transfer_groups;
  l record;
  r record;
begin
  for l in
    select n.*, p.group_id, p.txid, p.sender, w.asset, t.client
    from attempt_inclusions n
    join withdrawal_attempts p on p.id = n.attempt_id and p.chain = c.id
    join withdrawals w on w.group_id = p.group_id
    join transfer_groups t on t.id = p.group_id
    join assets a on a.code = w.asset
    where n.canonical and n.fee_leg is null and t.status in ('RELEASED', 'CANCELLED')
      and n.block_height <= chain_final_height(c, a.final)
    order by n.id for update of n
  loop
    select array_agg(o.wallet order by o.place, o.type) as wallets,
        array_agg(o.asset order by o.place, o.type) as assets,
        array_agg(o.type order by o.place, o.type) as types,
        array_agg(o.amount order by o.place, o.type) as amounts into r
      from (
        select u.place, u.wallet, u.asset, u.type, u.amount
        from (values
          (1, 'shortfall:' || l.asset, l.asset, 'DEBIT'::leg_type, l.moved),
          (1, 'external:' || l.asset, l.asset, 'CREDIT', l.moved),
          (2, 'network-fees:' || c_native, c_native, 'DEBIT', l.fee),
          (2, 'external:' || c_native, c_native, 'CREDIT', l.fee)
        ) u(place, wallet, asset, type, amount)
        where u.amount > 0
        union all
        select 2 + row_number() over (order by i.id), v.wallet, c_native, v.type, i.fee
        from attempt_inclusions i
        join withdrawal_attempts p on p.id = i.attempt_id and p.group_id = l.group_id
        cross join lateral (values
          ('external:' || c_native, 'DEBIT'::leg_type), ('network-fees:' || c_native, 'CREDIT')
        ) v(wallet, type)
        where not i.canonical and i.fee_leg > 0 and i.fee > 0
      ) o;
    update attempt_inclusions i set fee_leg = null
      from withdrawal_attempts p
      where p.id = i.attempt_id and p.group_id = l.group_id and not i.canonical and i.fee_leg > 0;
    update attempt_inclusions set fee_leg = 0 where id = l.id;
    g := null;
    g.id := 'late:' || l.id;
    g.kind := 'reversal';
    g.status := 'SETTLED';
    g.client := l.client;
    g.reference := l.txid;
    g.metadata := jsonb_build_object('late', l.group_id, 'txid', l.txid, 'blockHash', l.block_hash);
    g.opened_by := '~late';
    perform ledger_write(g, true, '~late', 'late', 'chain', g.metadata, 'group.settled',
      'IMMEDIATE', array(select generate_series(1, cardinality(r.wallets)))::smallint[], r.wallets,
      r.assets, r.types, r.amounts, null, true, true);
    if l.paid then
      update withdrawals set state = 'late_confirmed', updated_at = clock_timestamp()
        where group_id = l.group_id;
      insert into outbox (group_id, event, step_key, created_at)
        values (l.group_id, 'withdrawal.late_confirmed', '~late:' || l.id, clock_timestamp());
    end if;
    perform chain_fact(l.group_id, 'late:' || l.id, 'chain.late_confirmed',
      jsonb_build_object('txid', l.txid, 'blockHash', l.block_hash, 'bookedBy', g.id));
    perform chain_pause_sender(c.id, l.sender, 'late_confirmed',
      format('%s was given back, and %s is in the chain all the same.', l.group_id, l.txid));
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
