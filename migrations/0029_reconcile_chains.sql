-- What the coins on our own addresses must add up to at a block, and where they must lie.

-- A reconciliation looks at what the books and the chain say differently at a block: what is under
-- way, above that block, or orphaned.

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

-- The terms of the sum for one asset at block p_height, signed: what they add up to is what our
-- addresses must have there. All terms are of the snapshot of the statement that calls; those are
-- left out in which the books and the chain do not differ.
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
create function chain_terms(p_chain text, p_asset text, p_height bigint)
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

-- How many transactions of a sender are not ours, where it has sent p_nonce of them up to block
-- p_height. Those from before Holdfast paid from it do not count.
create function chain_foreign_spendings(
  p_chain text, p_sender text, p_nonce bigint, p_height bigint
) returns bigint
language sql stable
return (
  select count(*)
  from generate_series(
    coalesce((select min(s.nonce) + 1 from nonce_slots s
      where s.chain = p_chain and s.sender = p_sender and s.group_id is null
        and s.nonce = (select min(o.nonce) from nonce_slots o
          where o.chain = p_chain and o.sender = p_sender)), 0), p_nonce - 1) u(nonce)
  where not exists (
    select from withdrawal_attempts p
    join attempt_inclusions n on n.attempt_id = p.id and n.canonical
    where p.chain = p_chain and p.sender = p_sender and p.nonce = u.nonce
      and n.block_height <= p_height)
);

-- Followed chains as `GET /v1/chains` shows them.
create function chain_json(c chains) returns jsonb
language sql stable
return jsonb_build_object(
  'chain', c.id, 'height', c.head_height, 'cursor', c.cursor_height,
  -- A node that went back a few blocks has a head below the cursor: that is no lag.
  'lag', greatest(c.head_height - c.cursor_height, 0), 'reorgs', c.reorgs,
  'halts', (select coalesce(jsonb_agg(jsonb_build_object(
      'reason', h.reason, 'since', rfc3339(h.since), 'until', rfc3339(h.until)
    ) order by h.id), '[]')
    from chain_halts h where h.chain = c.id));
