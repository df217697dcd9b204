create type entry_status as enum ('HOLD', 'SETTLED', 'RELEASED', 'CANCELLED');

-- Immutable signed rows. DEBIT is negative, CREDIT positive; HOLD and SETTLED have the type of
-- their leg, RELEASED and CANCELLED the opposite one.
--
-- No foreign keys: the statement trigger below finds the group and the leg of each row, and
-- a key lock on shared wallets (`external:…`) would be taken by every transfer at once.
create table ledger_entries (
  -- In the order of writing; a step finds an entry by its group or its wallet, never by this.
  id bigint generated always as identity,
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
  created_at timestamptz not null,
  -- A group's rows, and that a step writes a leg's row of one status once only.
  constraint ledger_entries_once primary key (group_id, leg, status, operation)
);

-- Told, not counted, as of `transfer_legs`.
alter table ledger_entries alter column group_id set (n_distinct = -0.2);

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

-- The promises of the books, kept by the database itself for whoever inserts: the service, the
-- owner in psql, a migration.
--
-- Legs are not written beside the entries, they follow from them: a HOLD makes its leg, a SETTLED
-- row moves so much from `remaining` to `settled`, one that gives back takes it off. So a leg and
-- its entries cannot differ, and nothing has to be added up again. Each row has to find
-- - a group that this very transaction has written, so that it holds its lock, and that is open, or
--   finished by this transaction (a finished one cannot be written again);
-- - its leg, with the same wallet, asset and type, that still holds as much; a HOLD: none yet;
-- and SETTLED rows sum to zero per group and asset. All entries of a step are inserted by one
-- statement, so this sees the step whole.
--
-- It has the owner's rights, since nobody else may write legs. Look-ups are by a limit of one, and
-- updates go by place, so that no statistics can turn them into reads of a table. A leg that is
-- held and settled at once is written once.
create function carry_entries() returns trigger
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
  v_rows bigint;
  v_first entry_status;
  v_last entry_status;
  v_settles boolean;
  v_uneven boolean;
  v_written boolean;
  -- Legs that were held and settled at once.
  v_whole bigint := 0;
  v_count bigint;
  r record;
begin
  select sum(s.rows), min(s.first), max(s.last), count(s.settled) > 0, bool_or(s.settled <> 0),
      count(g.written) = count(*)
    into v_rows, v_first, v_last, v_settles, v_uneven, v_written
    from (
      select n.group_id, count(*) as rows, min(n.status) as first, max(n.status) as last,
          sum(n.amount) filter (where n.status = 'SETTLED') as settled
        from new_entries n group by n.group_id, n.asset) s
      left join lateral (
        select true as written from transfer_groups
          where id = s.group_id and xid = pg_current_xact_id() limit 1) g on true;
  if not v_written then
    raise exception '%', (
        select case
            when g.id is null
              then format('entry of leg %s belongs to no group %s', n.leg, n.group_id)
            else format('group %s is %s, and this transaction has not written it', g.id, g.status)
          end
        from new_entries n left join transfer_groups g on g.id = n.group_id
        where g.id is null or g.xid <> pg_current_xact_id() limit 1)
      using errcode = 'HF002', hint = 'Write entries through the ledger functions.';
  end if;
  if v_first = 'HOLD' and v_settles then
    insert into transfer_legs (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
      select n.group_id, n.leg, n.wallet_id, n.asset, n.type, n.amount, n.amount, 0
      from (
        select group_id, leg, wallet_id, asset, type, max(abs(amount)) as amount
          from new_entries
          where status in ('HOLD', 'SETTLED') and (type = 'CREDIT') = (amount > 0)
          group by group_id, leg, wallet_id, asset, type
          having count(*) = 2 and min(status) <> max(status) and min(amount) = max(amount)
          order by group_id, leg) n;
    get diagnostics v_whole = row_count;
    v_rows := v_rows - 2 * v_whole;
  end if;
  if v_first = 'HOLD' and v_rows > 0 then
    insert into transfer_legs (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
      select n.group_id, n.leg, n.wallet_id, n.asset, n.type, abs(n.amount), 0, abs(n.amount)
      from new_entries n
      where n.status = 'HOLD' and (n.type = 'CREDIT') = (n.amount > 0)
        and (v_whole = 0 or (
          select true from transfer_legs x
            where x.group_id = n.group_id and x.leg = n.leg limit 1) is null);
    get diagnostics v_count = row_count;
    v_rows := v_rows - v_count;
  end if;
  if v_settles and v_rows > 0 then
    update transfer_legs l
      set settled = l.settled + abs(n.amount), remaining = l.remaining - abs(n.amount)
      from new_entries n
        cross join lateral (
          select x.ctid as place from transfer_legs x
            where x.group_id = n.group_id and x.leg = n.leg limit 1) x
      where n.status = 'SETTLED' and l.ctid = x.place and l.wallet_id = n.wallet_id
        and l.asset = n.asset and l.type = n.type and (n.type = 'CREDIT') = (n.amount > 0)
        and l.remaining >= abs(n.amount);
    get diagnostics v_count = row_count;
    v_rows := v_rows - v_count;
  end if;
  if v_last > 'SETTLED' and v_rows > 0 then
    update transfer_legs l set remaining = l.remaining - abs(n.amount)
      from new_entries n
        cross join lateral (
          select x.ctid as place from transfer_legs x
            where x.group_id = n.group_id and x.leg = n.leg limit 1) x
      where n.status > 'SETTLED' and l.ctid = x.place and l.wallet_id = n.wallet_id
        and l.asset = n.asset and l.type <> n.type and (n.type = 'CREDIT') = (n.amount > 0)
        and l.remaining >= abs(n.amount);
    get diagnostics v_count = row_count;
    v_rows := v_rows - v_count;
  end if;
  if v_rows <> 0 then
    raise exception '%', coalesce((
        select format('entry of group %s has no leg %s', n.group_id, n.leg)
        from new_entries n
          left join transfer_legs l on l.group_id = n.group_id and l.leg = n.leg
        where l.leg is null limit 1
      ), 'an entry does not fit its leg')
      using errcode = 'HF002', hint = 'Write entries through the ledger functions.';
  end if;
  if v_uneven then
    select n.group_id, n.asset, sum(n.amount) as sum into r
      from new_entries n where n.status = 'SETTLED'
      group by n.group_id, n.asset having sum(n.amount) <> 0 limit 1;
    raise exception 'SETTLED entries of group % sum to % %, not to 0', r.group_id, r.sum, r.asset
      using errcode = 'HF002', hint = 'Insert all rows of a settlement in one statement.';
  end if;
  return null;
end
$$;

create trigger ledger_entries_carry after insert on ledger_entries
  referencing new table as new_entries
  for each statement execute function carry_entries();
alter table ledger_entries enable always trigger ledger_entries_carry;
-- On a table of somebody's own it would write legs out of rows that are no entries.
revoke execute on function carry_entries() from public;

-- A finished group nets out: nothing of any leg is still held when the transaction that finishes it
-- commits. Deferred, because the group's row is written before its legs where it is new.
create function check_finished_group() returns trigger
language plpgsql as $$
declare
  v_leg smallint;
begin
  -- Planned for all it may find, and so read by the index; `exists` may read the table.
  select l.leg into v_leg from transfer_legs l where l.group_id = new.id and l.remaining > 0;
  if found then
    raise exception 'group % cannot be %: leg % is still held', new.id, new.status, v_leg
      using errcode = 'HF003';
  end if;
  return null;
end
$$;

create constraint trigger transfer_groups_net_out after insert or update on transfer_groups
  deferrable initially deferred
  for each row when (new.status <> 'IN_PROGRESS')
  execute function check_finished_group();
