-- What is to be collected, and its beginning. Locks: the deposit address, then the new group.

-- Whether coins of an asset are to be collected now: some can be final, and the hot wallet wants
-- more of it, since it has less than the low mark, withdrawals wait for it, or there is no mark.
create function collection_is_wanted(r treasury_rules, p_chain text, p_sender text)
returns boolean
language plpgsql stable as $$
begin
  return exists (select from chains c join assets a on a.code = r.asset
      where c.id = p_chain and chain_final_height(c, a.final) is not null)
    and (r.low_water is null
      or exists (select from withdrawals w
        where w.asset = r.asset and w.state = 'awaiting_funds' and not chain_is_inside(w.group_id)
          and not starts_with(w.wallet_id, 'cold:'))
      or r.low_water > (
        select s.booked from chain_spendable(p_chain, p_sender, r.asset, 0, 0) s));
end
$$;

-- A payment of ours from or to this deposit address has not ended: one at a time, so that each sees
-- what the one before it left.
create function collection_is_open(p_chain text, p_address text) returns boolean
language sql stable
return exists (
  select from collections c
  join transfer_groups g on g.id = c.group_id and g.status = 'IN_PROGRESS'
  where c.chain = p_chain and c.address = p_address
);

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
create function collection_due(
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

-- Writes the group of a collection or a top-up, with the task that starts its saga. The caller
-- holds the lock of the deposit address. Answers the group's id.
create function collection_write(
  p_chain text, p_purpose text, p_asset text, p_address text, p_from text, p_to text,
  p_amount numeric, p_max_fee numeric
) returns text
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_no integer;
  v_request jsonb;
  v_answer jsonb;
begin
  select count(*) + 1 into v_no from collections o
    where o.chain = p_chain and o.address = p_address and o.asset = p_asset
      and o.purpose = p_purpose;
  v_request := jsonb_build_object('purpose', p_purpose, 'asset', p_asset,
    'amount', amount_text(p_amount), 'from', p_from, 'to', p_to,
    'maxFee', amount_text(p_max_fee));
  g.id := concat_ws(':', 'collection', case p_purpose when 'collect' then 'chain' else 'top-up' end,
    p_chain, p_address, p_asset, v_no);
  g.kind := 'collection';
  g.status := 'IN_PROGRESS';
  g.client := 'treasury';
  g.chain := p_chain;
  g.metadata := v_request;
  g.opened_by := '~collect';
  w.group_id := g.id;
  w.wallet_id := 'treasury:' || p_asset;
  w.asset := p_asset;
  w.chain := p_chain;
  w.destination := p_to;
  w.amount := p_amount;
  w.fee_mode := 'platform';
  w.max_fee := p_max_fee;
  w.state := 'held';
  insert into collections (group_id, purpose, chain, address, asset, number)
    values (g.id, p_purpose, p_chain, p_address, p_asset, v_no);
  v_answer := ledger_write(g, true, '~collect', 'collect', 'treasury', v_request, 'group.opened',
    'HOLD', '{}', '{}', '{}', '{}', '{}', null, true, true, null, w);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'collection % did not open: %', g.id, v_answer using errcode = 'HF004';
  end if;
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    values (p_chain, 'collect', g.id, 0);
  return g.id;
end
$$;

-- Opens a collection or a top-up, once: where another one of the address is open, or where what it
-- would take does not lie there any more, it answers null. Else the group's id.
--
-- p_address   the deposit address: sender of a collection, destination of a top-up
-- p_to        where it goes
-- p_max_fee   most that an attempt may cost; of a native coin, so much is left on the address
create function chain_open_collection(
  p_chain text, p_purpose text, p_asset text, p_address text, p_from text, p_to text,
  p_amount numeric, p_max_fee numeric
) returns text
language plpgsql as $$
declare
  c_takes constant numeric := p_amount
    + case when p_asset = chain_native_asset(p_chain) then p_max_fee else 0 end;
  c chains;
begin
  perform pg_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'collection', p_chain, p_address), 0));
  select * into c from chains where id = p_chain;
  if chain_is_halted(p_chain) or collection_is_open(p_chain, p_address)
    or (p_purpose = 'collect' and chain_lies_at(p_chain, p_address, p_asset,
      (select chain_final_height(c, a.final) from assets a where a.code = p_asset)) < c_takes)
  then
    return null;
  end if;
  return collection_write(p_chain, p_purpose, p_asset, p_address, p_from, p_to, p_amount,
    p_max_fee);
end
$$;

-- Ends a collection of which nothing was signed for so long: what it would have moved may be
-- another amount by now, at another price, and the next one begins by that. Answers whether it did.
create function chain_abandon_collection(p_group_id text, p_after integer) returns boolean
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status is distinct from 'IN_PROGRESS' or g.kind <> 'collection'
    or ledger_signing_began(g.id)
    or g.created_at + make_interval(secs => p_after) > clock_timestamp()
  then
    return false;
  end if;
  perform ledger_give_back(g, '~abandon', 'abandon', 'treasury', '{}', 'CANCELLED',
    'NOT_PAID_IN_TIME', true, w);
  return true;
end
$$;
