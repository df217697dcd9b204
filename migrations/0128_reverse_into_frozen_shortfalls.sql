-- A credit that nothing is behind is taken back also while an operator holds the shortfall's wallet
-- frozen. It was refused there, again and again, and the wallet that had got the coins stayed open
-- meanwhile and could spend what was left of them.

-- Books the opposite of a credit: the outside gets everything, what paid shortfalls is owed again,
-- the wallet gives p_taken, and `shortfall:<asset>` the rest. The caller holds all locks.
create or replace function chain_book_reversal(
  g transfer_groups, p_deposit_id text, p_wallet text, p_asset text, p_taken numeric,
  p_short numeric, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  -- Locked, so that a status that somebody changes just now is not written over.
  c_frozen constant text[] := array(select b.wallet_id from wallet_balances b
    where b.wallet_id in (p_wallet, 'shortfall:' || p_asset) and b.status = 'FROZEN'
    for update);
  r record;
  v_answer jsonb;
begin
  -- Legs bear the numbers of the legs that they take back; new ones come after them.
  select array_agg(i.leg order by i.leg)::smallint[] as legs,
      array_agg(i.wallet order by i.leg) as wallets,
      array_agg(p_asset) as assets, array_agg(i.type order by i.leg) as types,
      array_agg(i.part order by i.leg) as parts into r
    from (
      select l.leg, l.wallet_id as wallet,
        case l.type when 'DEBIT' then 'CREDIT' else 'DEBIT' end::leg_type as type,
        case when l.wallet_id = p_wallet then p_taken when l.leg = 2 then 0 else l.settled end
          as part
      from transfer_legs l where l.group_id = p_deposit_id
      union all
      -- A wallet that the coins were assigned to has no leg in the deposit.
      select max(l.leg) + 1, p_wallet, 'DEBIT', p_taken
      from transfer_legs l where l.group_id = p_deposit_id
      having not bool_or(l.wallet_id = p_wallet)
      union all
      select max(l.leg) + 2, 'shortfall:' || p_asset, 'DEBIT', p_short
      from transfer_legs l where l.group_id = p_deposit_id
    ) i where i.part > 0;
  -- A frozen wallet refuses new debits, these apart. Nobody sees it open: its row is locked.
  update wallet_balances set status = 'OPEN' where wallet_id = any(c_frozen);
  v_answer := ledger_write(g, true, '~reverse', 'reverse', p_actor, p_request, 'group.settled',
    'IMMEDIATE', r.legs, r.wallets, r.assets, r.types, r.parts, null, true, true);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'the credit of % cannot be taken back: %', p_deposit_id,
      v_answer #>> '{refusal,detail}' using errcode = 'HF004';
  end if;
  update wallet_balances set status = 'FROZEN' where wallet_id = any(c_frozen);
  update transfer_legs l set reversed = u.part
    from unnest(r.legs, r.parts) u(leg, part)
    where l.group_id = p_deposit_id and l.leg = u.leg;
  return v_answer;
end
$$;
