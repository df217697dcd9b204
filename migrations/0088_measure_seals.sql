-- {number, hash, entries, sealedAt} of the last seal, all 0 or null before the first; `waiting`:
-- how many ids were given to entries since, which is as many entries or more; `oldestSeconds`: how
-- long ago the oldest entry was written that no seal has; `openTransactions`: how many transactions
-- began since the oldest did that still writes, which holds up the sealing of all that came after.
-- What each entry is compared with is worked out once, before.
create function seals_state() returns jsonb
language plpgsql security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
  -- The oldest is among the next ones: so many ids are a few pages.
  c_next constant integer := 10000;
  s seals;
  v_late_from bigint := 0;
  v_waiting bigint;
  v_oldest timestamptz;
begin
  select * into s from seals order by number desc limit 1;
  if found then
    v_late_from := late_from(s);
  end if;
  s.upto_id := coalesce(s.upto_id, 0);
  v_waiting := greatest(last_entry_id() - s.upto_id, 0);
  select min(e.created_at) into v_oldest from ledger_entries e
    where e.id > v_late_from
      and e.id <= s.upto_id + c_next
      and (e.id > s.upto_id or e.xid >= s.below);
  if v_oldest is null and v_waiting > c_next then
    select min(e.created_at) into v_oldest
      from ledger_entries e where e.id > s.upto_id + c_next;
  end if;
  return jsonb_build_object('number', coalesce(s.number, 0), 'hash', encode(s.hash, 'hex'),
    'entries', coalesce(s.total, 0), 'sealedAt', rfc3339(s.sealed_at), 'waiting', v_waiting,
    'oldestSeconds',
      coalesce(greatest(extract(epoch from clock_timestamp() - v_oldest), 0), 0),
    'openTransactions', (pg_snapshot_xmax(pg_current_snapshot())::text::numeric
      - pg_snapshot_xmin(pg_current_snapshot())::text::numeric));
end
$$;

revoke execute on function seals_state() from public;
grant execute on function seals_state() to holdfast_app;
