-- The system wallets, whose checkpoints somebody has to keep: a few among millions of wallets.
-- squawk-ignore require-concurrent-index-creation
create index wallet_balances_deferred on wallet_balances (wallet_id) where mode = 'deferred';

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
