-- Where a node tells of no final block, an asset whose rule asks for one had no height up to which
-- its coins are final, and since 0097 that was taken for "all of them": what is due was then asked
-- for at no block, which is an error, and nothing of any asset was collected any more.

-- Whether coins of an asset are to be collected now: some can be final, and the hot wallet wants
-- more of it, since it has less than the low mark, withdrawals wait for it, or there is no such mark.
create or replace function collection_is_wanted(r treasury_rules, p_chain text, p_sender text)
returns boolean
language plpgsql stable as $$
begin
  return exists (select from chains c join assets a on a.code = r.asset
      where c.id = p_chain and chain_final_height(c, a.final) is not null)
    and (r.low_water is null
      or exists (select from withdrawals w
        where w.asset = r.asset and w.state = 'awaiting_funds' and not chain_is_inside(w.group_id))
      or r.low_water > (
        select s.booked from chain_spendable(p_chain, p_sender, r.asset, 0, 0) s));
end
$$;
