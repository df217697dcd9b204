-- The promises of the books, checked by the database itself for whoever inserts: the service, the
-- owner in psql, a migration.

-- All entries of a step are inserted by one statement, so this sees the step whole:
-- SETTLED rows sum to zero per group and asset; the group is open or being finished by this very
-- transaction; and each touched leg's entries agree with the leg row (wallet, asset, type; sum of
-- HOLD = amount, of SETTLED = settled, given back = amount - settled - remaining).
create function check_entries() returns trigger
language plpgsql as $$
declare
  v_fault text;
begin
  select format('SETTLED entries of group %s sum to %s %s, not to 0',
      n.group_id, sum(n.amount), n.asset)
    into v_fault
    from new_entries n where n.status = 'SETTLED'
    group by n.group_id, n.asset having sum(n.amount) <> 0 limit 1;
  if v_fault is not null then
    raise exception '%', v_fault using errcode = 'HF002',
      hint = 'Insert all rows of a settlement in one statement.';
  end if;

  select case
      when l.leg is null then format('entry of group %s has no leg %s', t.group_id, t.leg)
      when g.id is null then format('leg %s belongs to no group %s', t.leg, t.group_id)
      when g.status <> 'IN_PROGRESS' and g.xid <> pg_current_xact_id()
        then format('group %s is %s and takes no more entries', g.id, g.status)
      else format('entries of group %s leg %s do not agree with the leg', t.group_id, t.leg)
    end into v_fault
    from (select distinct n.group_id, n.leg from new_entries n) t
    left join transfer_legs l on l.group_id = t.group_id and l.leg = t.leg
    left join transfer_groups g on g.id = t.group_id
    cross join lateral (
      select
        bool_and(e.wallet_id = l.wallet_id and e.asset = l.asset
          and (e.type = l.type) = (e.status in ('HOLD', 'SETTLED'))) as same,
        coalesce(sum(abs(e.amount)) filter (where e.status = 'HOLD'), 0) as held,
        coalesce(sum(abs(e.amount)) filter (where e.status = 'SETTLED'), 0) as settled,
        coalesce(sum(abs(e.amount)) filter (where e.status in ('RELEASED', 'CANCELLED')), 0) as back
      from ledger_entries e where e.group_id = t.group_id and e.leg = t.leg
    ) s
    where l.leg is null or g.id is null
      or (g.status <> 'IN_PROGRESS' and g.xid <> pg_current_xact_id())
      or not s.same or s.held <> l.amount or s.settled <> l.settled
      or s.back <> l.amount - l.settled - l.remaining
    limit 1;
  if v_fault is not null then
    raise exception '%', v_fault using errcode = 'HF002',
      hint = 'Write entries through the ledger functions.';
  end if;
  return null;
end
$$;

create trigger ledger_entries_agree after insert on ledger_entries
  referencing new table as new_entries
  for each statement execute function check_entries();
alter table ledger_entries enable always trigger ledger_entries_agree;

-- A finished group nets out: nothing of any leg is still held when the transaction that finishes it
-- commits. Deferred, because the group's row is written before its legs where it is new.
create function check_finished_group() returns trigger
language plpgsql as $$
begin
  if exists (select from transfer_legs l where l.group_id = new.id and l.remaining > 0) then
    raise exception 'group % cannot be %: a leg is still held', new.id, new.status
      using errcode = 'HF003';
  end if;
  return null;
end
$$;

create constraint trigger transfer_groups_net_out after insert or update on transfer_groups
  deferrable initially deferred
  for each row when (new.status <> 'IN_PROGRESS')
  execute function check_finished_group();
