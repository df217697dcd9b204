-- What lies on deposit addresses, kept as it changes. To know what the hot wallets have by the
-- books, every signing added up all deposits and collections that ever were, and so did every look
-- for something to collect.

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

grant select on deposit_address_balances, deposit_address_totals, collection_counts to holdfast_app;

-- The functions that count have the owner's rights: nobody else may write totals. They run when a
-- transaction commits, so that none of their rows is locked for longer than that takes.
create function total_credited_deposit() returns trigger
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
  c_amount constant numeric :=
    case when new.credited_at is null then -new.amount else new.amount end;
begin
  insert into deposit_address_balances as b (asset, address, amount)
    values (new.asset, new.to_address, c_amount)
    on conflict (asset, address) do update set amount = b.amount + excluded.amount;
  insert into deposit_address_totals as t (asset, part, amount)
    values (new.asset, new.id % 16, c_amount)
    on conflict (asset, part) do update set amount = t.amount + excluded.amount;
  return null;
end
$$;
create constraint trigger chain_inclusions_total after update of credited_at on chain_inclusions
  deferrable initially deferred for each row
  when ((old.credited_at is null) <> (new.credited_at is null))
  execute function total_credited_deposit();
create constraint trigger chain_inclusions_total_new after insert on chain_inclusions
  deferrable initially deferred for each row when (new.credited_at is not null)
  execute function total_credited_deposit();

-- Counts a collection anew where its group has ended: when it ends, and when a payment of it was
-- booked or taken back after that.
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
  d record;
begin
  if tg_table_name = 'transfer_groups' then
    select * into c from collections k where k.group_id = new.id for update;
  else
    select k.* into c from withdrawal_attempts p join collections k on k.group_id = p.group_id
      where p.id = new.attempt_id for update of k;
  end if;
  if not found
    or exists (select from transfer_groups g where g.id = c.group_id and g.status = 'IN_PROGRESS')
  then
    return null;
  end if;
  select coalesce(sum(case c.purpose when 'top_up' then -n.received else n.received + n.moved end),
        0),
      coalesce(sum(n.fee) filter (where c.purpose = 'collect'), 0)
    into v_amount, v_fee
    from withdrawal_attempts p
    join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null
    where p.group_id = c.group_id;
  insert into collection_counts as k (group_id, amount, fee) values (c.group_id, v_amount, v_fee)
    on conflict (group_id) do update set amount = excluded.amount, fee = excluded.fee
    returning with (old as was) coalesce(was.amount, 0), coalesce(was.fee, 0)
    into v_was_amount, v_was_fee;
  for d in
    select v.asset, sum(v.amount) as amount
      from (values (c.asset, v_was_amount - v_amount),
        (chain_native_asset(c.chain), v_was_fee - v_fee)) v(asset, amount)
      where v.amount <> 0 and v.asset is not null
      group by v.asset order by v.asset
  loop
    insert into deposit_address_balances as b (asset, address, amount)
      values (d.asset, c.address, d.amount)
      on conflict (asset, address) do update set amount = b.amount + excluded.amount;
    insert into deposit_address_totals as t (asset, part, amount)
      values (d.asset, c.number % 16, d.amount)
      on conflict (asset, part) do update set amount = t.amount + excluded.amount;
  end loop;
  return null;
end
$$;
create constraint trigger transfer_groups_total after update of status on transfer_groups
  deferrable initially deferred for each row
  when (new.kind = 'collection' and new.status <> old.status)
  execute function total_ended_collection();
create constraint trigger attempt_inclusions_total after update of fee_leg on attempt_inclusions
  deferrable initially deferred for each row
  when ((old.fee_leg is null) <> (new.fee_leg is null))
  execute function total_ended_collection();

insert into collection_counts (group_id, amount, fee)
  select c.group_id,
      coalesce(sum(case c.purpose when 'top_up' then -n.received else n.received + n.moved end), 0),
      coalesce(sum(n.fee) filter (where c.purpose = 'collect'), 0)
    from collections c
    join transfer_groups g on g.id = c.group_id and g.status <> 'IN_PROGRESS'
    left join (withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null)
      on p.group_id = c.group_id
    group by c.group_id;
insert into deposit_address_balances (asset, address, amount)
  select d.asset, d.address, sum(d.amount)
    from (
      select i.asset, i.to_address, i.amount from chain_inclusions i
        where i.credited_at is not null
      union all
      select c.asset, c.address, -k.amount
        from collection_counts k join collections c using (group_id)
      union all
      select chain_native_asset(c.chain), c.address, -k.fee
        from collection_counts k join collections c using (group_id)
    ) d(asset, address, amount)
    where d.asset is not null group by d.asset, d.address;
insert into deposit_address_totals (asset, part, amount)
  select b.asset, 0, sum(b.amount) from deposit_address_balances b group by b.asset;

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
