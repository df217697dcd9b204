-- What the coins on our own addresses must add up to at block p_height, for one asset:
--
--     - settled(external)                       everything that the books say is outside of them
--     + deposits up to p_height not credited    there, and not yet in the books
--     - deposits credited, not there            above p_height, or orphaned since
--     - payments up to p_height not settled     gone, and still in the books
--     + payments settled, not there             above p_height, or orphaned since
--     - fees likewise, of the native coin
--
-- One statement, so that all terms are of one snapshot.
create function chain_expected(p_asset text, p_height bigint) returns numeric
language sql stable
return (
  select -s.settled + coalesce(d.waiting, 0) - coalesce(d.ahead, 0) + coalesce(p.difference, 0)
  from wallet_states s
  cross join lateral (
    select
      sum(i.amount) filter (
        where i.canonical and i.block_height <= p_height and i.credited_at is null) as waiting,
      sum(i.amount) filter (
        where i.credited_at is not null and (not i.canonical or i.block_height > p_height)) as ahead
    from chain_inclusions i
    where i.asset = p_asset
      and (i.credited_at is null or not i.canonical or i.block_height > p_height)
  ) d
  cross join lateral (
    -- Per inclusion: what it took by the books, without what it took on the chain.
    select sum(case when booked then takes else 0 end - case when there then takes else 0 end)
      as difference
    from (
      select n.canonical and n.block_height <= p_height as there,
        n.fee_leg is not null and g.status <> 'IN_PROGRESS' as booked,
        case when w.asset = p_asset then n.moved else 0 end
          + case when p_asset = chain_native_asset(a.chain) then n.fee else 0 end as takes
      from attempt_inclusions n
      join withdrawal_attempts a on a.id = n.attempt_id
      join withdrawals w on w.group_id = a.group_id
      join transfer_groups g on g.id = a.group_id
    ) o
    where there <> booked
  ) p
  where s.wallet_id = 'external:' || p_asset
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
