-- A seal notes which transactions had not begun (`next_xid`): by it later ones tell how far back an
-- entry may come late. It was the end of the snapshot, and that is no such bound: it is one beyond
-- the highest transaction that has *ended*. The one that has this number may be under way and have
-- written entries already. Where others passed these, with lower numbers and higher ids, and it
-- ended three seals later, nobody ever sealed them. The number of the transaction that seals is
-- such a bound: whoever was given an id before had a number already, since an entry wants its
-- group written first by the same transaction (0004).

-- Seals the next entries: those of p_ids ids, and what came late. Answers null where there are none
-- or where somebody else is sealing, else {number, hash, entries, more}.
--
-- It comes first in its transaction, so that this one's number is above all that have begun.
--
-- It has the owner's rights: nobody else may write seals. Plans are made anew each time, since the
-- same statement finds a handful of rows in an empty ledger and walks through all of an old one.
create or replace function ledger_seal(p_ids integer) returns jsonb
language plpgsql security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
declare
  -- "seal" in ASCII; nothing else of the ledger takes locks of two numbers with it.
  c_lock constant integer := 1936023916;
  s seals;
  n seals;
  v_last bigint;
  v_late_from bigint;
  v_until bigint;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'a seal is made by a transaction that has written nothing before'
      using errcode = 'HF004', hint = 'Call ledger_seal first, or in a transaction of its own.';
  end if;
  if not pg_try_advisory_xact_lock(c_lock, 0) then
    return null;
  end if;
  if (select q.seqcache from pg_sequence q
      where q.seqrelid = pg_get_serial_sequence('ledger_entries', 'id')::regclass) <> 1 then
    raise exception 'ids of entries are handed out in advance, so they may come late for ever'
      using errcode = 'HF004', hint = 'Alter the sequence of ledger_entries.id: cache 1.';
  end if;
  select * into s from seals order by number desc limit 1;
  if not found then
    s := row(0, decode(repeat('00', 32), 'hex'), 0, '0', '0', 0, 0, null, null,
      decode(repeat('00', 32), 'hex'), null);
  end if;
  perform check_transaction_counter(s.next_xid);
  -- All transactions below it have ended, in this snapshot and in every later one.
  n.below := pg_snapshot_xmin(pg_current_snapshot());
  v_last := last_entry_id();
  v_late_from := late_from(s);
  v_until := s.upto_id + p_ids;
  for i in 1..2 loop
    select count(*), max(e.id),
        sha256(string_agg(h.hash, ''::bytea
          order by e.id, e.group_id, e.leg, e.status, e.operation)),
        string_agg(substr(h.hash, 1, 4), ''::bytea
          order by e.id, e.group_id, e.leg, e.status, e.operation)
      into n.entries, n.number, n.entries_hash, n.marks
      from ledger_entries e cross join lateral (select entry_hash(e) as hash offset 0) h
      where e.id > v_late_from and e.id <= v_until and e.xid < n.below
        and (e.id > s.upto_id or e.xid >= s.below);
    exit when n.entries > 0 or v_until >= v_last;
    -- Of these ids none is decided: they are taken back, or their transactions are still open.
    select min(e.id) + p_ids - 1 into v_until
      from ledger_entries e where e.id > v_until and e.xid < n.below;
    exit when v_until is null;
  end loop;
  if n.entries = 0 then
    return null;
  end if;
  -- Behind the look at the last id: who was given one of these has a lower number.
  n.next_xid := pg_current_xact_id();
  n.upto_id := greatest(s.upto_id, n.number);
  n.number := s.number + 1;
  n.previous := s.hash;
  n.total := s.total + n.entries;
  n.sealed_at := clock_timestamp();
  n.hash := seal_hash(n);
  insert into seals select n.*;
  return jsonb_build_object('number', n.number, 'hash', encode(n.hash, 'hex'),
    'entries', n.entries, 'more', v_until < v_last);
end
$$;
