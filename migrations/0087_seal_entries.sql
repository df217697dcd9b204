-- A field in a hash: its length in bytes, a colon, the bytes, a comma (a netstring); one that is
-- not there is a dash. So no two lists of fields give the same text.
create function netstring(p text) returns text
language sql immutable parallel safe
return case when p is null then '-' else octet_length(p)::text || ':' || p || ',' end;

create function entry_hash(e ledger_entries) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat(
  netstring('holdfast-entry-1'), netstring(e.id::text), netstring(e.group_id),
  netstring(e.leg::text), netstring(e.wallet_id), netstring(e.asset), netstring(e.type::text),
  netstring(e.status::text), netstring(amount_text(e.amount)), netstring(e.operation),
  netstring(e.wallet_version::text), netstring(amount_text(e.settled_after)),
  netstring(amount_text(e.held_after)), netstring(amount_text(e.pending_in_after)),
  netstring(e.xid::text), netstring(rfc3339(e.created_at))), 'UTF8'));

create function seal_hash(s seals) returns bytea
language sql stable parallel safe
return sha256(convert_to(concat(
  netstring('holdfast-seal-1'), netstring(s.number::text), netstring(encode(s.previous, 'hex')),
  netstring(s.upto_id::text), netstring(s.below::text), netstring(s.next_xid::text),
  netstring(s.entries::text), netstring(s.total::text),
  netstring(encode(s.entries_hash, 'hex')), netstring(rfc3339(s.sealed_at))), 'UTF8'));

-- The highest id that was ever given to an entry, and 0 before the first.
create function last_entry_id() returns bigint
language sql volatile
return coalesce(
  pg_sequence_last_value(pg_get_serial_sequence('ledger_entries', 'id')::regclass), 0);

-- From where on an entry may come late, that is, belong to the seal after `s` with an id that `s`
-- had passed. An entry with an id of up to `upto_id` of a seal was written by a transaction that
-- had begun when it was made; of those whose transactions had all ended by the time of `s` none
-- comes any more. The last seal itself is left out: an id may be given a moment before its
-- transaction has a number.
create function late_from(s seals) returns bigint
language sql stable
return coalesce((
  select x.upto_id from seals x where x.number < s.number and x.next_xid <= s.below
  order by x.number desc limit 1), 0);

-- Seals the next entries: those of p_ids ids, and what came late. Answers null where there are none
-- or where somebody else is sealing, else {number, hash, entries, more}.
--
-- It comes first in its transaction, so that this one's number is above all that have begun. That
-- is the bound (`next_xid`) by which later seals tell how far back an entry may come late: who was
-- given an id before has a number already, since an entry wants its group written first by the same
-- transaction (0004). The end of the snapshot is no such bound, as it is one beyond the highest
-- transaction that has ended: the one of that number may be under way and have written.
--
-- It has the owner's rights: nobody else may write seals. Plans are made anew each time, since the
-- same statement finds a handful of rows in an empty ledger and walks through all of an old one.
create function ledger_seal(p_ids integer) returns jsonb
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

revoke execute on function ledger_seal(integer) from public;
grant execute on function ledger_seal(integer) to holdfast_app;
