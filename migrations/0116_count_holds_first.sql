-- Why new debit legs would exceed a limit, in a sentence, or null. Locks the limits' rows by id.
-- Counts today's principal legs (UTC) without what was given back: a withdrawal's leg 1, of other
-- kinds every debit leg. It is computed from the legs, so a limit made or changed later is exact.
--
-- All that was held today of those wallets is at least as much, and told by their entries alone.
-- Where even that is within the limit, the groups and legs, some three rows a hold, are not read:
-- a payout desk's limit took 45 ms a line after 5,000 lines.
create or replace function ledger_limit_fault(
  p_kind group_kind, p_legs smallint[], p_wallets text[], p_types leg_type[], p_amounts numeric[]
) returns text
language plpgsql as $$
declare
  r limits;
  v_asked numeric;
  v_used numeric;
  v_day timestamptz;
begin
  for r in
    select l.* from limits l
    where p_kind = any(l.kinds) and exists (
      select from unnest(p_wallets, p_types) u(wallet, type)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and w.asset = l.asset and (w.id = l.wallet_id or w.owner = l.owner))
    order by l.id for update
  loop
    select sum(u.amount) into v_asked
      from unnest(p_legs, p_wallets, p_types, p_amounts) u(leg, wallet, type, amount)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and (p_kind <> 'withdrawal' or u.leg = 1)
        and w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner);
    continue when v_asked is null;
    v_day := date_trunc('day', clock_timestamp(), 'UTC');
    select coalesce(sum(-e.amount), 0) into v_used
      from wallets w
      join ledger_entries e on e.wallet_id = w.id and e.created_at >= v_day
        and e.status = 'HOLD' and e.type = 'DEBIT'
      where w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner);
    continue when v_used + v_asked <= r.amount;
    select coalesce(sum(l.settled + l.remaining), 0) into v_used
      from wallets w
      join ledger_entries e on e.wallet_id = w.id and e.created_at >= v_day
        and e.status = 'HOLD' and e.type = 'DEBIT'
      join transfer_legs l on l.group_id = e.group_id and l.leg = e.leg
      join transfer_groups t on t.id = e.group_id
      where w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner)
        and t.kind = any(r.kinds) and (t.kind <> 'withdrawal' or e.leg = 1);
    if v_used + v_asked > r.amount then
      return format('Limit %s allows %s %s a day; %s is used, %s is asked.', r.id,
        amount_text(r.amount), r.asset, amount_text(v_used), amount_text(v_asked));
    end if;
  end loop;
  return null;
end
$$;
