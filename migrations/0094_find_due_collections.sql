-- Deposit addresses that may be collected from: what lies there in final blocks is the rule's
-- minimum or more, and nobody has to look at them first. The assets take turns, so that none that
-- cannot be collected keeps the others waiting. Native coins of addresses that have enough of a
-- token come last of theirs, since the tokens need them for gas.
--
-- Of each asset it goes through the addresses that have enough, the most first, until it has found
-- p_limit: what was collected long ago is not looked at.
--
-- p_except        what is left alone, as '<address> <asset>'
-- amount, native  what the books say that lies there up to block `height`, of the asset and of the
--                 native coin
create or replace function collection_due(
  p_chain text, p_sender text, p_limit integer, p_except text[] default '{}'
)
returns table (
  address text, asset text, amount numeric, native numeric, height bigint, min_amount numeric,
  max_fee numeric
)
language plpgsql stable as $$
declare
  c_native constant text := chain_native_asset(p_chain);
begin
  if chain_is_halted(p_chain) or c_native is null then
    return;
  end if;
  return query
    with wanted as materialized (
      select r.asset, r.min_amount, r.max_fee, chain_final_height(c, a.final) as height
        from treasury_rules r
        join assets a on a.code = r.asset and a.chain = p_chain and not a.withdrawals_paused
        join chains c on c.id = p_chain
        where collection_is_wanted(r, p_chain, p_sender)
    ), due as (
      select d.address as place, w.asset as code, d.lies, w.height, w.min_amount, w.max_fee,
          w.asset = c_native and exists (
            select from treasury_rules t
              join assets a on a.code = t.asset and a.chain = p_chain and a.contract is not null
                and not a.withdrawals_paused
              join deposit_address_balances b on b.asset = t.asset and b.address = d.address
                and b.amount >= t.min_amount
          ) as has_tokens
        from wanted w
        cross join lateral (
          select b.address, l.lies
            from deposit_address_balances b
            cross join lateral (
              select chain_lies_at(p_chain, b.address, w.asset, w.height) as lies) l
            where b.asset = w.asset and b.amount > 0 and b.amount >= w.min_amount
              and concat_ws(' ', b.address, w.asset) <> all(p_except)
              and not collection_is_open(p_chain, b.address)
              and not exists (select from sender_pauses s
                where s.chain = p_chain and s.sender = b.address and s.until is null)
              and l.lies >= w.min_amount
            order by b.amount desc limit p_limit
        ) d
    ), turns as (
      select d.*, row_number() over (
        partition by d.code order by d.has_tokens, d.lies desc, d.place
      ) as turn
      from due d
    ), first as (
      select t.* from turns t order by t.turn, t.code = c_native, t.lies desc, t.place
        limit p_limit
    )
    select f.place, f.code, f.lies, chain_lies_at(p_chain, f.place, c_native, f.height),
      f.height, f.min_amount, f.max_fee
    from first f order by f.turn, f.code = c_native, f.lies desc, f.place;
end
$$;

-- What the books say that lies on a deposit address, of deposits up to block p_height; null: of all
-- that were credited. What is kept, less what came above that block.
create or replace function chain_lies_at(
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

-- It went through all collections of a chain, and nobody asks for it any more.
drop function chain_collected(text, text, text);
-- Nor for the sum of all deposits of an asset.
-- squawk-ignore require-concurrent-index-deletion
drop index chain_inclusions_credited_by_asset;
