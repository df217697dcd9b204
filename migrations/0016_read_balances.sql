-- What entries do to a balance, summed: the one definition that folding, reading and auditing
-- share.
create function settled_of(e ledger_entries) returns numeric
language sql immutable parallel safe
return case when e.status = 'SETTLED' then e.amount else 0 end;

create function held_of(e ledger_entries) returns numeric
language sql immutable parallel safe
return case
  when e.status = 'HOLD' and e.type = 'DEBIT' then -e.amount
  when e.status = 'SETTLED' and e.type = 'DEBIT' then e.amount
  when e.status in ('RELEASED', 'CANCELLED') and e.type = 'CREDIT' then -e.amount
  else 0
end;

create function pending_in_of(e ledger_entries) returns numeric
language sql immutable parallel safe
return case
  when e.status = 'HOLD' and e.type = 'CREDIT' then e.amount
  when e.status = 'SETTLED' and e.type = 'CREDIT' then -e.amount
  when e.status in ('RELEASED', 'CANCELLED') and e.type = 'DEBIT' then e.amount
  else 0
end;

-- Every wallet's balance as it stands: a strict wallet's row is it; to a deferred wallet's
-- checkpoint the entries that are not folded in yet are added, in the same snapshot.
create view wallet_states as
select b.wallet_id, b.asset, b.scale, b.mode, b.overdraft, b.status,
  b.settled + x.settled as settled, b.held + x.held as held,
  b.pending_in + x.pending_in as pending_in, b.version + x.version as version
from wallet_balances b
cross join lateral (
  select coalesce(sum(settled_of(e)), 0) as settled, coalesce(sum(held_of(e)), 0) as held,
    coalesce(sum(pending_in_of(e)), 0) as pending_in, count(*) as version
  from ledger_entries e
  where b.mode = 'deferred' and e.wallet_id = b.wallet_id and e.wallet_version is null
    and e.xid >= b.folded_below
) x;

create function balance_json(p_settled numeric, p_held numeric, p_pending_in numeric) returns jsonb
language sql immutable
return jsonb_build_object('available', amount_text(p_settled - p_held),
  'pendingIn', amount_text(p_pending_in), 'held', amount_text(p_held),
  'settled', amount_text(p_settled));

create function wallet_json(w wallets, s wallet_states) returns jsonb
language sql stable
return jsonb_build_object('id', w.id, 'owner', w.owner, 'asset', w.asset, 'kind', w.kind,
  'status', s.status, 'balance', balance_json(s.settled, s.held, s.pending_in),
  'version', s.version, 'createdAt', rfc3339(w.created_at), 'metadata', w.metadata);

-- Folds what is decided of a deferred wallet into its checkpoint: all of it, or about p_most
-- entries, the oldest transactions first and each of them whole. Answers how many were folded; 0
-- where somebody else is at it.
create function ledger_fold(p_wallet_id text, p_most bigint default null) returns bigint
language plpgsql as $$
declare
  b wallet_balances;
  r record;
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_last xid8;
begin
  select * into b from wallet_balances
    where wallet_id = p_wallet_id and mode = 'deferred' for update skip locked;
  if not found then
    return 0;
  end if;
  if p_most is not null then
    -- The transaction in which the portion ends belongs to it, so there is always one.
    select e.xid into v_last from ledger_entries e
      where e.wallet_id = p_wallet_id and e.wallet_version is null
        and e.xid >= b.folded_below and e.xid < v_horizon
      order by e.xid offset greatest(p_most, 1) - 1 limit 1;
    if found then
      v_horizon := (v_last::text::numeric + 1)::text::xid8;
    end if;
  end if;
  select coalesce(sum(settled_of(e)), 0) as settled, coalesce(sum(held_of(e)), 0) as held,
      coalesce(sum(pending_in_of(e)), 0) as pending_in, count(*) as n,
      max(e.created_at) as newest into r
    from ledger_entries e
    where e.wallet_id = p_wallet_id and e.wallet_version is null
      and e.xid >= b.folded_below and e.xid < v_horizon;
  if r.n > 0 then
    update wallet_balances
      set settled = settled + r.settled, held = held + r.held,
        pending_in = pending_in + r.pending_in, version = version + r.n,
        folded_below = v_horizon, updated_at = greatest(updated_at, r.newest)
      where wallet_id = p_wallet_id;
  end if;
  return r.n;
end
$$;

-- Folds what can no longer change into the checkpoint of each system wallet, so that a balance of
-- one adds up what came since and not all there is: about p_most entries a call, so that it also
-- gets through the history of a database that nobody folded before. Writes each down once in
-- p_seconds, where it moved, so that its balance of an earlier time is as near. Answers how many
-- entries were folded.
create function ledger_checkpoint(p_seconds integer, p_most bigint default 1000000) returns bigint
language plpgsql as $$
declare
  v_wallet text;
  v_folded bigint := 0;
begin
  for v_wallet in
    select b.wallet_id from wallet_balances b where b.mode = 'deferred' order by b.wallet_id
  loop
    exit when v_folded >= p_most;
    v_folded := v_folded + ledger_fold(v_wallet, p_most - v_folded);
  end loop;
  insert into balance_snapshots
      (wallet_id, version, settled, held, pending_in, folded_below, taken_at)
    select b.wallet_id, b.version, b.settled, b.held, b.pending_in, b.folded_below,
      greatest(clock_timestamp(), b.updated_at)
    from wallet_balances b
    left join lateral (select s.version, s.taken_at from balance_snapshots s
      where s.wallet_id = b.wallet_id order by s.version desc limit 1) l on true
    where b.mode = 'deferred' and b.version > coalesce(l.version, 0)
      and coalesce(l.taken_at < clock_timestamp() - make_interval(secs => p_seconds), true)
    on conflict do nothing;
  return v_folded;
end
$$;

create table balance_snapshots (
  wallet_id text collate "C" not null,
  version bigint not null,
  settled numeric not null,
  held numeric not null,
  pending_in numeric not null,
  -- Deferred wallets: all entries of transactions below this are in it.
  folded_below xid8 not null,
  -- No entry that is in it is younger.
  taken_at timestamptz not null,
  primary key (wallet_id, version)
);
create trigger balance_snapshots_stay before update or delete on balance_snapshots
  for each row execute function refuse_change();
create trigger balance_snapshots_stay_all before truncate on balance_snapshots
  for each statement execute function refuse_change();

-- Writes down every balance as it stands; of wallets that did not move since the last time nothing.
-- Returns how many were written. Entries are neither moved nor removed.
create function ledger_snapshot() returns bigint
language plpgsql as $$
declare
  v_written bigint;
begin
  perform ledger_fold(b.wallet_id)
    from wallet_balances b where b.mode = 'deferred' order by b.wallet_id;
  insert into balance_snapshots
      (wallet_id, version, settled, held, pending_in, folded_below, taken_at)
    select b.wallet_id, b.version, b.settled, b.held, b.pending_in, b.folded_below,
      greatest(clock_timestamp(), b.updated_at)
    from wallet_balances b
    order by b.wallet_id
    on conflict do nothing;
  get diagnostics v_written = row_count;
  return v_written;
end
$$;

-- A wallet's balance as it stood at p_at (null: now), or null where there is no such wallet.
-- The share lock waits for the step that is writing a strict wallet now, so that two reads of the
-- same time agree. For a deferred wallet the caller waits first, until the snapshot's xmin has
-- passed every transaction that was running (see src/ledger/wallets.ts).
create function ledger_balance_at(p_wallet_id text, p_at timestamptz) returns jsonb
language plpgsql as $$
declare
  b wallet_balances;
  s balance_snapshots;
  r record;
  v_at timestamptz;
begin
  select * into b from wallet_balances where wallet_id = p_wallet_id for share;
  if not found then
    return null;
  end if;
  v_at := coalesce(p_at, clock_timestamp());
  if b.mode = 'strict' then
    select e.settled_after as settled, e.held_after as held, e.pending_in_after as pending_in,
        e.wallet_version as version into r
      from ledger_entries e where e.wallet_id = p_wallet_id and e.created_at <= v_at
      order by e.created_at desc, e.id desc limit 1;
  else
    select * into s from balance_snapshots
      where wallet_id = p_wallet_id and taken_at <= v_at order by version desc limit 1;
    select coalesce(s.settled, 0) + coalesce(sum(settled_of(e)), 0) as settled,
        coalesce(s.held, 0) + coalesce(sum(held_of(e)), 0) as held,
        coalesce(s.pending_in, 0) + coalesce(sum(pending_in_of(e)), 0) as pending_in,
        coalesce(s.version, 0) + count(*) as version into r
      from ledger_entries e
      where e.wallet_id = p_wallet_id and e.wallet_version is null and e.created_at <= v_at
        and e.xid >= coalesce(s.folded_below, '0');
  end if;
  return balance_json(coalesce(r.settled, 0), coalesce(r.held, 0), coalesce(r.pending_in, 0))
    || jsonb_build_object('at', rfc3339(v_at), 'version', coalesce(r.version, 0));
end
$$;

grant select, insert on balance_snapshots to holdfast_app;
grant select on wallet_states to holdfast_app;

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
