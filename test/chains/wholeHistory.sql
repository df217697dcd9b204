-- What 0029 and 0051 answer, the long way: from all deposits and payments that ever were.

-- The terms of the sum for one asset at block p_height, signed: what they add up to is what our
-- addresses must have there. All terms are of the snapshot of the statement that calls.
--
--     external            - settled(external): everything that the books say is not outside
--     depositsNotBooked   + deposits up to p_height that are not credited yet
--     depositsAhead       - deposits credited that are not there: above p_height, or orphaned since
--     paymentsNotSettled  - payments up to p_height that are not settled yet
--     paymentsAhead       + payments settled that are not there
--     feesNotBooked       - what we paid the network up to p_height, not settled yet
--     feesAhead           + such fees settled that are not there
--
-- Inclusions of one event, or of one group's attempts, are weighed against each other first: a
-- credit whose coins came again in another block is true to the chain.
create function whole_terms(p_chain text, p_asset text, p_height bigint)
returns table (term text, amount numeric)
language sql stable
begin atomic
  select 'external', -s.settled from wallet_states s where s.wallet_id = 'external:' || p_asset
  union all
  select case when e.difference > 0 then 'depositsNotBooked' else 'depositsAhead' end,
    e.difference
  from (
    select sum(case when i.credited_at is null then i.amount else -i.amount end) as difference
    from chain_inclusions i
    where i.chain = p_chain and i.asset = p_asset
      and (i.canonical and i.block_height <= p_height) <> (i.credited_at is not null)
    group by i.txid, i.ordinal
  ) e
  where e.difference <> 0
  union all
  select t.term, t.difference
  from (
    select
      sum(case when o.booked then o.moved else -o.moved end) as payments,
      sum(case when o.booked then o.fee else -o.fee end) as fees
    from (
      select p.group_id, n.canonical and n.block_height <= p_height as there,
        n.fee_leg is not null and g.status <> 'IN_PROGRESS' as booked,
        -- What goes from one address of ours to another is not in it; its gas is.
        case when w.asset = p_asset then n.moved else 0 end as moved,
        case when p_asset = chain_native_asset(p_chain) then n.fee else 0 end as fee
      from attempt_inclusions n
      join withdrawal_attempts p on p.id = n.attempt_id and p.chain = p_chain
      join transfer_groups g on g.id = p.group_id
      join withdrawals w on w.group_id = p.group_id
    ) o
    where o.there <> o.booked
    group by o.group_id
  ) d
  cross join lateral (values
    (case when d.payments < 0 then 'paymentsNotSettled' else 'paymentsAhead' end, d.payments),
    (case when d.fees < 0 then 'feesNotBooked' else 'feesAhead' end, d.fees)
  ) t(term, difference)
  where t.difference <> 0;
end;

-- What the stored chain says that each deposit address has at block p_height. Addresses that
-- nothing is known of are left out: they must have nothing.
create function whole_known_coins(p_chain text, p_asset text, p_height bigint)
returns table (address text, amount numeric)
language sql stable
begin atomic
  select m.address, sum(m.amount)
  from (
    select i.to_address as address, i.amount
    from chain_inclusions i
    where i.chain = p_chain and i.asset = p_asset and i.canonical and i.block_height <= p_height
    union all
    -- What we sent from it, and to it, ourselves.
    select x.address, x.amount
    from attempt_inclusions n
    join withdrawal_attempts p on p.id = n.attempt_id and p.chain = p_chain
    join withdrawals w on w.group_id = p.group_id
    cross join lateral (values
      (p.sender, -case when w.asset = p_asset then n.received + n.moved else 0 end
        - case when p_asset = chain_native_asset(p_chain) then n.fee else 0 end),
      (p.destination, case when w.asset = p_asset then n.received else 0 end)
    ) x(address, amount)
    where n.canonical and n.block_height <= p_height
  ) m
  join deposit_addresses d on d.address = m.address and d.family = chain_family(p_chain)
  group by m.address
  having sum(m.amount) <> 0;
end;

-- What ended collections took away from deposit addresses, without what ended top-ups brought; of
-- one address, or of all. Of the native coin also what their transactions cost.
create function whole_collected(p_chain text, p_asset text, p_address text default null)
returns numeric
language plpgsql stable as $$
declare
  c_native constant boolean := p_asset = chain_native_asset(p_chain);
begin
  return (
    select coalesce(sum(
      case when c.asset <> p_asset then 0
        when c.purpose = 'top_up' then -n.received
        else n.received + n.moved end
      + case when c_native and c.purpose = 'collect' then n.fee else 0 end), 0)
    from collections c
    join transfer_groups g on g.id = c.group_id and g.status <> 'IN_PROGRESS'
    join withdrawal_attempts p on p.group_id = c.group_id
    join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null
    where c.chain = p_chain and (p_address is null or c.address = p_address)
  );
end
$$;

-- What the books say that lies on a deposit address, of deposits up to block p_height; null: of all
-- that were credited.
create function whole_lies_at(
  p_chain text, p_address text, p_asset text, p_height bigint default null
) returns numeric
language plpgsql stable as $$
begin
  return coalesce((
    select sum(i.amount) from chain_inclusions i
    where i.to_address = p_address and i.chain = p_chain and i.asset = p_asset
      and i.credited_at is not null and (p_height is null or i.block_height <= p_height)
  ), 0) - whole_collected(p_chain, p_asset, p_address);
end
$$;

-- What the books say that an address of ours has of an asset.
create function whole_booked_at(p_chain text, p_address text, p_asset text)
returns numeric
language plpgsql stable as $$
begin
  if exists (select from deposit_addresses d
    where d.family = chain_family(p_chain) and d.address = p_address)
  then
    return whole_lies_at(p_chain, p_address, p_asset);
  end if;
  return (
    select -s.settled + whole_collected(p_chain, p_asset) - coalesce((
      select sum(i.amount) from chain_inclusions i
      where i.asset = p_asset and i.credited_at is not null), 0)
    from wallet_states s where s.wallet_id = 'external:' || p_asset);
end
$$;
