-- Postgres numbers transactions by a counter of the cluster. A dump that is restored into a new
-- cluster brings rows that name high numbers where the next ones are low again. Then checkpoints of
-- deferred wallets would leave new entries out for ever (0016), and a seal could not tell which
-- entries are decided. Nothing of that can be mended row by row, but the counter can be raised.

-- The highest transaction that anything was decided by, as far as that was written down.
create function known_transactions() returns xid8
language sql stable
return greatest(
  (select s.next_xid from seals s order by s.number desc limit 1),
  (select b.folded_below from wallet_balances b where b.mode = 'deferred'
    order by b.folded_below desc limit 1),
  '0'::xid8);

-- Raises HF005 where the counter stands below p_known, with the command that raises it.
create function check_transaction_counter(p_known xid8) returns void
language plpgsql as $$
declare
  v_next xid8 := pg_snapshot_xmax(pg_current_snapshot());
begin
  if v_next < p_known then
    raise exception 'this server is at transaction %, and the books know of some up to %',
      v_next, p_known
      using errcode = 'HF005', hint = format(
        'They came from another server. Stop this one, run pg_resetwal --epoch=%s on its data, '
        'start it again; docs/seals.md says more.',
        -- A transaction's number is its epoch times 2^32 and a rest.
        div(p_known::text::numeric, 4294967296) + 1);
  end if;
end
$$;
