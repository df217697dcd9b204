create type entry_status as enum ('HOLD', 'SETTLED', 'RELEASED', 'CANCELLED');

-- Immutable signed rows. DEBIT is negative, CREDIT positive; HOLD and SETTLED have the type of
-- their leg, RELEASED and CANCELLED the opposite one.
--
-- No foreign keys: the statement trigger below compares each row with its leg, and
-- a key lock on shared wallets (`external:…`) would be taken by every transfer at once.
create table ledger_entries (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null,
  leg smallint not null,
  wallet_id text collate "C" not null,
  asset text collate "C" not null,
  type leg_type not null,
  status entry_status not null,
  amount numeric not null,
  -- The step that wrote it, `operations.step_key`.
  operation text collate "C" not null,
  -- Gapless per strict wallet; null, as the three balances after it, on a deferred one.
  wallet_version bigint,
  settled_after numeric,
  held_after numeric,
  pending_in_after numeric,
  -- Orders commits for whoever folds, seals or dispatches: below the snapshot's xmin all is known.
  xid xid8 not null default pg_current_xact_id(),
  created_at timestamptz not null
);

-- Told, not counted, as of `transfer_legs`.
alter table ledger_entries alter column group_id set (n_distinct = -0.2);

-- A group's rows, and that a step writes a leg's row of one status once only.
create unique index ledger_entries_once
  on ledger_entries (group_id, leg, status, operation);

-- A wallet's history by time, its balance as of a time, and what a limit counts today. Strict
-- wallets' rows rise in time, version and id alike.
create index ledger_entries_by_wallet on ledger_entries (wallet_id, created_at, id);

-- What a deferred wallet's checkpoint has not folded in yet.
create index ledger_entries_unfolded on ledger_entries (wallet_id, xid)
  where wallet_version is null;

create trigger ledger_entries_stay before update or delete on ledger_entries
  for each row execute function refuse_change();
create trigger ledger_entries_stay_all before truncate on ledger_entries
  for each statement execute function refuse_change();
-- `always`: also where a session replays as a replica.
alter table ledger_entries enable always trigger ledger_entries_stay;
alter table ledger_entries enable always trigger ledger_entries_stay_all;

grant select, insert on ledger_entries to holdfast_app;

-- The promises of the books, checked by the database itself for whoever inserts: the service, the
-- owner in psql, a migration.

-- All entries of a step are inserted by one statement, so this sees the step whole:
-- SETTLED rows sum to zero per group and asset; the group is open or being finished by this very
-- transaction; and each touched leg's entries agree with the leg row (wallet, asset, type; sum of
-- HOLD = amount, of SETTLED = settled, given back = amount - settled - remaining).
--
-- The agreement is seen in sums that follow from these three: of all amounts, of all with their
-- signs, of SETTLED. Look-ups are lateral with a limit, so that no statistics can turn them into
-- reads of a table.
create function check_entries() returns trigger
language plpgsql as $$
declare
  v_agree boolean;
  v_balanced boolean;
  r record;
begin
  select count(l.leg) = count(*) and bool_and(
      n.wallet_id = l.wallet_id and n.asset = l.asset
      and (n.type = l.type) = (n.status in ('HOLD', 'SETTLED'))
      and (g.status = 'IN_PROGRESS' or g.xid = pg_current_xact_id())
      and s.gross = 2 * l.amount - l.remaining and abs(s.net) = 2 * l.settled + l.remaining
      and coalesce(s.settled, 0) = l.settled),
    -- Nothing is settled, or it is of one group and one asset, which is what a step writes alone.
    bool_and(n.status <> 'SETTLED') or sum(case n.status when 'SETTLED' then n.amount end) = 0
      and min(n.group_id) = max(n.group_id) and min(n.asset) = max(n.asset)
    into v_agree, v_balanced
    from new_entries n
    left join lateral (
      select l.* from transfer_legs l where l.group_id = n.group_id and l.leg = n.leg limit 1
    ) l on true
    left join lateral (
      select g.status, g.xid from transfer_groups g where g.id = n.group_id limit 1
    ) g on true
    cross join lateral (
      select sum(abs(e.amount)) as gross, sum(e.amount) as net,
        sum(case e.status when 'SETTLED' then abs(e.amount) end) as settled
      from ledger_entries e where e.group_id = n.group_id and e.leg = n.leg
    ) s;
  if v_agree and v_balanced then
    return null;
  end if;
  select n.group_id, n.asset, sum(n.amount) as sum into r
    from new_entries n where n.status = 'SETTLED'
    group by n.group_id, n.asset having sum(n.amount) <> 0 limit 1;
  if found then
    raise exception 'SETTLED entries of group % sum to % %, not to 0', r.group_id, r.sum, r.asset
      using errcode = 'HF002', hint = 'Insert all rows of a settlement in one statement.';
  end if;
  if v_agree then
    return null;
  end if;
  select case
      when l.leg is null then format('entry of group %s has no leg %s', t.group_id, t.leg)
      when g.id is null then format('leg %s belongs to no group %s', t.leg, t.group_id)
      when g.status <> 'IN_PROGRESS' and g.xid <> pg_current_xact_id()
        then format('group %s is %s and takes no more entries', g.id, g.status)
      else format('entries of group %s leg %s do not agree with the leg', t.group_id, t.leg)
    end as fault into r
    from (select distinct n.group_id, n.leg from new_entries n) t
    left join lateral (
      select * from transfer_legs l where l.group_id = t.group_id and l.leg = t.leg limit 1
    ) l on true
    left join lateral (select * from transfer_groups g where g.id = t.group_id limit 1) g on true
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
  if found then
    raise exception '%', r.fault using errcode = 'HF002',
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
  -- By the least and the most, so that no statistics can turn it into a read of the table.
  if (select max(l.remaining) from transfer_legs l where l.group_id = new.id) > 0 then
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
