-- A page of a wallet's groups took its holds one by one, until as many as it shows had matched what
-- was asked for. Of a wallet with two hundred thousand, of which few match, that took ten seconds.
-- They are taken in stretches now, and a page ends after so many (`src/ledger/walk.ts`); a wallet's
-- entries by type or status likewise.
--
-- A plan for wallets at large takes each for one of few entries. Of a busy one it would fetch all
-- and sort them; without bitmaps the order of the index is always the cheaper way.

-- The next holds of a wallet before a place, from the newest on.
create function next_holds(
  p_wallet text, p_before timestamptz, p_before_id bigint, p_limit integer
)
returns table (group_id text, created_at timestamptz, id bigint)
language sql stable rows 100 set enable_bitmapscan = off
begin atomic
  select e.group_id, e.created_at, e.id from ledger_entries e
  where e.wallet_id = p_wallet and e.status = 'HOLD'
    and (e.created_at, e.id) < (p_before, p_before_id)
  order by e.created_at desc, e.id desc limit p_limit;
end;

drop function next_hold(text, timestamptz, bigint);

-- The next entries of a wallet before a place, back to a time.
create function next_entries(
  p_wallet text, p_from timestamptz, p_before timestamptz, p_before_id bigint, p_limit integer
)
returns table (entry ledger_entries, created_at timestamptz, id bigint)
language sql stable rows 100 set enable_bitmapscan = off
begin atomic
  select e, e.created_at, e.id from ledger_entries e
  where e.wallet_id = p_wallet and e.created_at >= p_from
    and (e.created_at, e.id) < (p_before, p_before_id)
  order by e.created_at desc, e.id desc limit p_limit;
end;
