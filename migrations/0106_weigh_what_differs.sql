-- A reconciliation looks at what the books and the chain say differently at a block: what is under
-- way, above that block, or orphaned. It read all deposits and payments that ever were to find
-- these, for each asset anew, and added all of them up to know what each address has.

-- What was credited or paid by blocks that are gone.
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_orphaned on chain_inclusions (chain)
  where credited_at is not null and not canonical;
-- squawk-ignore require-concurrent-index-creation
create index attempt_inclusions_orphaned on attempt_inclusions (attempt_id)
  where fee_leg is not null and not canonical;

-- Deposits that are there at block p_height and not credited, or credited and not there.
create function chain_deposits_off(p_chain text, p_height bigint)
returns table (txid text, ordinal text, asset text, address text, amount numeric, is_there boolean)
language sql stable
begin atomic
  select i.txid, i.ordinal, i.asset, i.to_address, i.amount, true from chain_inclusions i
    where i.chain = p_chain and i.canonical and i.credited_at is null
      and i.block_height <= p_height
  union all
  select i.txid, i.ordinal, i.asset, i.to_address, i.amount, false from chain_inclusions i
    where i.chain = p_chain and i.canonical and i.credited_at is not null
      and i.block_height > p_height
  union all
  select i.txid, i.ordinal, i.asset, i.to_address, i.amount, false from chain_inclusions i
    where i.chain = p_chain and not i.canonical and i.credited_at is not null;
end;

-- Payments that are there at block p_height and not settled, or settled and not there. One is
-- settled where its fee is booked and its group has ended.
create function chain_payments_off(p_chain text, p_height bigint)
returns table (
  group_id text, sender text, destination text, asset text, moved numeric, received numeric,
  fee numeric, is_there boolean
)
language sql stable
begin atomic
  select p.group_id, p.sender, p.destination, w.asset, o.moved, o.received, o.fee, o.is_there
  from (
    select n.attempt_id, n.moved, n.received, n.fee, true as is_there from attempt_inclusions n
      where n.canonical and n.fee_leg is null and n.block_height <= p_height
    union all
    select n.attempt_id, n.moved, n.received, n.fee, true
      from transfer_groups g
      join withdrawal_attempts a on a.group_id = g.id
      join attempt_inclusions n on n.attempt_id = a.id
      -- Whatever pays from an address of ours is of these kinds.
      where g.kind in ('withdrawal', 'collection', 'batch') and g.status = 'IN_PROGRESS'
        and n.canonical and n.fee_leg is not null and n.block_height <= p_height
    union all
    select n.attempt_id, n.moved, n.received, n.fee, false
      from attempt_inclusions n
      where n.canonical and n.fee_leg is not null and n.block_height > p_height
    union all
    select n.attempt_id, n.moved, n.received, n.fee, false
      from attempt_inclusions n
      where not n.canonical and n.fee_leg is not null
  ) o
  -- By key, one by one: these are few, and their tables hold all that ever was.
  cross join lateral (
    select a.* from withdrawal_attempts a where a.id = o.attempt_id and a.chain = p_chain limit 1
  ) p
  cross join lateral (
    select x.asset from withdrawals x where x.group_id = p.group_id limit 1
  ) w
  cross join lateral (
    select x.status from transfer_groups x where x.id = p.group_id limit 1
  ) g
  where o.is_there or g.status <> 'IN_PROGRESS';
end;

-- The terms as 0029 has them, of what differs alone.
create or replace function chain_terms(p_chain text, p_asset text, p_height bigint)
returns table (term text, amount numeric)
language sql stable
begin atomic
  select 'external', -s.settled from wallet_states s where s.wallet_id = 'external:' || p_asset
  union all
  select case when e.difference > 0 then 'depositsNotBooked' else 'depositsAhead' end,
    e.difference
  from (
    select sum(case when d.is_there then d.amount else -d.amount end) as difference
    from chain_deposits_off(p_chain, p_height) d
    where d.asset = p_asset
    group by d.txid, d.ordinal
  ) e
  where e.difference <> 0
  union all
  select t.term, t.difference
  from (
    select
      sum(case when o.is_there then -o.moved else o.moved end)
        -- What goes from one address of ours to another is not in it; its gas is.
        filter (where o.asset = p_asset) as payments,
      sum(case when o.is_there then -o.fee else o.fee end)
        filter (where p_asset = chain_native_asset(p_chain)) as fees
    from chain_payments_off(p_chain, p_height) o
    group by o.group_id
  ) d
  cross join lateral (values
    (case when d.payments < 0 then 'paymentsNotSettled' else 'paymentsAhead' end, d.payments),
    (case when d.fees < 0 then 'feesNotBooked' else 'feesAhead' end, d.fees)
  ) t(term, difference)
  where t.difference <> 0;
end;

-- What the stored chain says that each deposit address has at block p_height: what the books say
-- that lies there, and what differs. The first is kept (0095), and audited by all deposits and
-- collections that ever were (0096). Addresses that have nothing are left out.
create or replace function chain_known_coins(p_chain text, p_asset text, p_height bigint)
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
