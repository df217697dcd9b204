-- What reconciliations found, and the pause that follows from it.
create table reconciliations (
  id bigint generated always as identity primary key,
  chain text collate "C" not null references chains,
  block_height bigint not null,
  block_hash text not null,
  balanced boolean not null,
  -- As `GET /v1/reconciliation` shows them under `chain`.
  lines jsonb not null,
  made_by text not null,
  created_at timestamptz not null default clock_timestamp()
);

create index reconciliations_by_chain on reconciliations (chain, id);

grant select, insert, delete on reconciliations to holdfast_app;

-- Notes what was found at a block, and pauses the withdrawals of each asset that is off by more
-- than it may be. Never lifts a pause. What is known already is announced once: an event
-- `alert.reconciliation_drift` comes with a pause, and again when the figures change.
--
-- p_lines  [{asset, missing, surplus, …}] of the block
-- Answers {recorded: false} where the block is no longer the stored one, else {recorded: true,
-- above: [asset], paused: [asset]}: those above their tolerance, and those that this call paused.
create function chain_record_reconciliation(
  p_chain text, p_height bigint, p_hash text, p_lines jsonb, p_by text
) returns jsonb
language plpgsql as $$
declare
  -- Long enough to see since when something is off; what was off is kept for ever.
  c_keep_balanced constant interval := '30 days';
  v_before jsonb;
  v_above text[] := '{}';
  v_paused text[] := '{}';
  v_is_new boolean;
  v_id bigint;
  l record;
begin
  -- One at a time, so that two runs do not announce the same thing twice. The watcher waits.
  perform from chains where id = p_chain for no key update;
  if not exists (select from chain_blocks b
    where b.chain = p_chain and b.height = p_height and b.hash = p_hash and b.canonical)
  then
    return '{"recorded": false}';
  end if;
  select r.lines into v_before from reconciliations r
    where r.chain = p_chain order by r.id desc limit 1;
  insert into reconciliations (chain, block_height, block_hash, balanced, lines, made_by)
    values (p_chain, p_height, p_hash, not exists (
      select from jsonb_to_recordset(p_lines) e(missing numeric, surplus numeric, unreadable text)
      where e.missing <> 0 or e.surplus <> 0 or e.unreadable is not null), p_lines, p_by)
    returning id into v_id;
  for l in
    select e.asset, e.missing, e.surplus
    from jsonb_to_recordset(p_lines) e(asset text, missing numeric, surplus numeric)
    join assets a on a.code = e.asset and a.chain = p_chain
    left join reconciliation_tolerances t on t.asset = e.asset
    where (e.missing > coalesce(t.missing, 0) or e.surplus > t.surplus)
      -- Where no hot wallet is known yet, what it has counts as missing, and nothing can be paid.
      and exists (select from hot_addresses h where h.chain = p_chain)
    order by e.asset
  loop
    v_above := v_above || l.asset;
    update assets set withdrawals_paused = true where code = l.asset and not withdrawals_paused;
    v_is_new := found;
    if v_is_new then
      v_paused := v_paused || l.asset;
      insert into asset_pauses (asset, paused_by, reason)
        values (l.asset, p_by, format('Reconciliation %s at block %s: %s missing, %s too many.',
          v_id, p_height, amount_text(l.missing), amount_text(l.surplus)));
    end if;
    if v_is_new or not exists (
      select from jsonb_to_recordset(v_before) e(asset text, missing numeric, surplus numeric)
      where e.asset = l.asset and e.missing = l.missing and e.surplus = l.surplus)
    then
      insert into outbox (group_id, event, step_key, created_at)
        values ('reconciliation:' || l.asset, 'alert.reconciliation_drift',
          '~reconciliation:' || v_id, clock_timestamp());
    end if;
  end loop;
  delete from reconciliations r
    where r.chain = p_chain and r.balanced and r.created_at < clock_timestamp() - c_keep_balanced;
  return jsonb_build_object('recorded', true, 'above', to_jsonb(v_above),
    'paused', to_jsonb(v_paused));
end
$$;
