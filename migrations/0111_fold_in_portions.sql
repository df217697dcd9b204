drop function ledger_fold(text);

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

drop function ledger_checkpoint(integer);

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
