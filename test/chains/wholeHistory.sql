-- What 0029 and 0092 answer, the long way: from all deposits and payments that ever were.

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
