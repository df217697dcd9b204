-- What lies on deposit addresses, kept as it changes: every signing asks what the hot wallets have
-- by the books, and so does every look for something to collect.

-- Of each address: what was credited, less what ended collections took, and what those cost.
create table deposit_address_balances (
  asset text collate "C" not null references assets,
  address text collate "C" not null,
  amount numeric not null,
  primary key (asset, address)
) with (fillfactor = 80);

-- What is to be collected, the most first.
create index deposit_address_balances_by_amount on deposit_address_balances (asset, amount)
  where amount > 0;

-- Of all addresses of an asset together.
-- In parts, so that credits of one asset seldom wait for each other: only their sum means anything.
create table deposit_address_totals (
  asset text collate "C" not null references assets,
  part smallint not null check (part between 0 and 15),
  amount numeric not null,
  primary key (asset, part)
) with (fillfactor = 50);

-- What an ended collection or top-up was counted with, so that counting it again changes nothing.
create table collection_counts (
  group_id text collate "C" primary key references collections,
  -- Of its asset, what was taken or (negative) brought as gas; of the native coin, what it cost.
  amount numeric not null,
  fee numeric not null
);

-- What the payments of an ended collection or top-up come to, in the same two terms.
create view collection_payments as
  select c.group_id, c.chain, c.address, c.asset,
      sum(case c.purpose when 'top_up' then -n.received else n.received + n.moved end) as amount,
      coalesce(sum(n.fee) filter (where c.purpose = 'collect'), 0) as fee
    from collections c
    join transfer_groups g on g.id = c.group_id and g.status <> 'IN_PROGRESS'
    join withdrawal_attempts p on p.group_id = c.group_id
    join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null
    group by c.group_id;

-- Everything that changed what lies on deposit addresses: what is kept is the sum of it.
create view deposit_address_moves as
  select i.asset, i.to_address as address, i.amount from chain_inclusions i
    where i.credited_at is not null
  union all
  select p.asset, p.address, -p.amount from collection_payments p
  union all
  select chain_native_asset(p.chain), p.address, -p.fee from collection_payments p
    where chain_native_asset(p.chain) is not null;

grant select on deposit_address_balances, deposit_address_totals, collection_counts,
  collection_payments, deposit_address_moves to holdfast_app;

-- Adds to an address's balance and to its asset's total. It has no rights of its own: only the
-- functions below may, which have the owner's. They run when a transaction commits, so that none of
-- these rows is locked for longer than that takes.
create function deposit_address_gain(
  p_asset text, p_address text, p_number bigint, p_amount numeric
) returns void
language sql volatile
begin atomic
  insert into deposit_address_balances as b (asset, address, amount)
    values (p_asset, p_address, p_amount)
    on conflict (asset, address) do update set amount = b.amount + excluded.amount;
  insert into deposit_address_totals as t (asset, part, amount)
    values (p_asset, p_number % 16, p_amount)
    on conflict (asset, part) do update set amount = t.amount + excluded.amount;
end;

create function total_credited_deposit() returns trigger
language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
  perform deposit_address_gain(new.asset, new.to_address, new.id,
    case when new.credited_at is null then -new.amount else new.amount end);
  return null;
end
$$;
create constraint trigger chain_inclusions_total after update of credited_at on chain_inclusions
  deferrable initially deferred for each row
  when ((old.credited_at is null) <> (new.credited_at is null))
  execute function total_credited_deposit();
-- The service credits what it has stored before; whoever puts credits in by hand is counted too.
create constraint trigger chain_inclusions_total_new after insert on chain_inclusions
  deferrable initially deferred for each row when (new.credited_at is not null)
  execute function total_credited_deposit();

-- Counts a collection anew when it ends, and when a payment of it is booked or taken back.
create function total_ended_collection() returns trigger
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
  c collections;
  v_amount numeric;
  v_fee numeric;
  v_was_amount numeric;
  v_was_fee numeric;
begin
  if tg_table_name = 'withdrawals' then
    select * into c from collections k where k.group_id = new.group_id for update;
  else
    select k.* into c from withdrawal_attempts p join collections k on k.group_id = p.group_id
      where p.id = new.attempt_id for update of k;
  end if;
  if not found then
    return null;
  end if;
  -- One row, or none before the end.
  select coalesce(sum(p.amount), 0), coalesce(sum(p.fee), 0) into v_amount, v_fee
    from collection_payments p where p.group_id = c.group_id;
  insert into collection_counts as k (group_id, amount, fee) values (c.group_id, v_amount, v_fee)
    on conflict (group_id) do update set amount = excluded.amount, fee = excluded.fee
    returning with (old as was) coalesce(was.amount, 0), coalesce(was.fee, 0)
    into v_was_amount, v_was_fee;
  perform deposit_address_gain(d.asset, c.address, c.number, d.amount)
    from (values (c.asset, v_was_amount - v_amount),
      (chain_native_asset(c.chain), v_was_fee - v_fee)) d(asset, amount)
    where d.amount <> 0 and d.asset is not null order by d.asset;
  return null;
end
$$;
-- Not on the groups themselves: every step of a transfer would parse the condition.
create constraint trigger withdrawals_total after update of state on withdrawals
  deferrable initially deferred for each row
  when (new.state in ('settled', 'released') and new.state <> old.state)
  execute function total_ended_collection();
create constraint trigger attempt_inclusions_total after update of fee_leg on attempt_inclusions
  deferrable initially deferred for each row
  when ((old.fee_leg is null) <> (new.fee_leg is null))
  execute function total_ended_collection();
-- On a table of somebody's own they would count what was never credited or collected.
revoke execute on function total_credited_deposit(), total_ended_collection() from public;

-- What the books say that lies on a deposit address, of deposits up to block p_height; null: of all
-- that were credited. What is kept, less what came above that block.
create function chain_lies_at(
  p_chain text, p_address text, p_asset text, p_height bigint default null
) returns numeric
language plpgsql stable as $$
begin
  return coalesce((
    select b.amount from deposit_address_balances b
    where b.asset = p_asset and b.address = p_address
  ), 0) - coalesce((
    -- Each half is few rows of an index: blocks above, and credits that no block bears out now.
    select sum(o.amount) from (
      select i.amount from chain_inclusions i
        where i.canonical and i.chain = p_chain and i.block_height > p_height
          and i.to_address = p_address and i.asset = p_asset and i.credited_at is not null
      union all
      select i.amount from chain_inclusions i
        where not i.canonical and i.credited_at is not null and i.chain = p_chain
          and i.block_height > p_height and i.to_address = p_address and i.asset = p_asset
    ) o
  ), 0);
end
$$;

-- Replaces the body of the signing's migration.
create or replace function chain_booked_at(p_chain text, p_address text, p_asset text)
returns numeric
language plpgsql stable as $$
begin
  if exists (select from deposit_addresses d
    where d.family = chain_family(p_chain) and d.address = p_address)
  then
    return chain_lies_at(p_chain, p_address, p_asset);
  end if;
  return (
    select -s.settled - coalesce((
      select sum(t.amount) from deposit_address_totals t where t.asset = p_asset), 0)
    from wallet_states s where s.wallet_id = 'external:' || p_asset);
end
$$;

-- What the stored chain says that each deposit address has at block p_height: what the books say
-- that lies there, and what differs. The first is kept, and audited by all deposits and
-- collections that ever were. Addresses that have nothing are left out.
create function chain_known_coins(p_chain text, p_asset text, p_height bigint)
returns table (address text, amount numeric)
language sql stable
begin atomic
  select m.address, sum(m.amount)
  from (
    select b.address, b.amount from deposit_address_balances b
      where b.asset = p_asset and b.amount <> 0
    union all
    select d.address, case when d.is_there then d.amount else -d.amount end
      from chain_deposits_off(p_chain, p_height) d where d.asset = p_asset
    union all
    -- What we sent from it, and to it, ourselves.
    select x.address, case when o.is_there then x.amount else -x.amount end
      from chain_payments_off(p_chain, p_height) o
      cross join lateral (values
        (o.sender, -case when o.asset = p_asset then o.received + o.moved else 0 end
          - case when p_asset = chain_native_asset(p_chain) then o.fee else 0 end),
        (o.destination, case when o.asset = p_asset then o.received else 0 end)
      ) x(address, amount)
  ) m
  cross join lateral (
    select from deposit_addresses d
      where d.family = chain_family(p_chain) and d.address = m.address limit 1
  ) d
  group by m.address
  having sum(m.amount) <> 0;
end;

-- Where what is kept of deposit addresses is not what deposits and collections come to.
create function ledger_audit_deposit_addresses() returns setof audit_fault
language sql stable
begin atomic
  with derived as (
    select m.asset, m.address, sum(m.amount) as amount from deposit_address_moves m
      group by m.asset, m.address
  )
  select concat_ws(' ', coalesce(b.asset, d.asset), coalesce(b.address, d.address)),
      format('what is kept is %s, deposits and collections come to %s',
        amount_text(coalesce(b.amount, 0)), amount_text(coalesce(d.amount, 0)))
    from deposit_address_balances b
    full join derived d on d.asset = b.asset and d.address = b.address
    where coalesce(b.amount, 0) <> coalesce(d.amount, 0)
  union all
  select a.code, format('addresses have %s, and all together %s', amount_text(b.amount),
      amount_text(t.amount))
    from assets a
    cross join lateral (select coalesce(sum(k.amount), 0) as amount
      from deposit_address_balances k where k.asset = a.code) b
    cross join lateral (select coalesce(sum(k.amount), 0) as amount
      from deposit_address_totals k where k.asset = a.code) t
    where b.amount <> t.amount;
end;
