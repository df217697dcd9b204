-- The books of a chain in one statement, for whoever compares them with what our addresses have.

-- What `shortfall:<asset>` is short of: `owed` by wallets, which their deposits pay, and `lost`,
-- such as a payment that was made although it had been given back. That one nobody owes.
create function chain_shortfall(p_asset text) returns jsonb
language sql stable
return (
  select jsonb_build_object('total', amount_text(-s.settled), 'owed', amount_text(o.owed),
    'lost', amount_text(-s.settled - o.owed))
  from wallet_states s
  cross join (select coalesce(sum(f.remaining), 0) as owed from wallet_shortfalls f
    where f.asset = p_asset) o
  where s.wallet_id = 'shortfall:' || p_asset
);

-- What an asset's coins may be off by before its withdrawals are paused. No row: nothing may be
-- missing, and coins too many pause nothing, since any stranger can send some.
create table reconciliation_tolerances (
  asset text collate "C" primary key references assets,
  -- More missing than this pauses.
  missing numeric not null check (missing >= 0),
  -- More too many than this pauses; null: it never does.
  surplus numeric check (surplus >= 0),
  set_by text not null,
  set_at timestamptz not null default clock_timestamp()
);

-- Withdrawals of an asset that were paused by themselves: by whom and why. Nothing here ends a
-- pause; a person does, with PATCH /v1/assets/{code}.
create table asset_pauses (
  id bigint generated always as identity primary key,
  asset text collate "C" not null references assets,
  paused_by text not null,
  reason text not null,
  since timestamptz not null default clock_timestamp()
);

create index asset_pauses_by_asset on asset_pauses (asset, id);

create trigger asset_pauses_stay before update or delete on asset_pauses
  for each row execute function refuse_change();

grant select, insert on asset_pauses to holdfast_app;
grant select, insert, update, delete on reconciliation_tolerances to holdfast_app;

-- The last pause of an asset that is paused, or null where it is not, or a person paused it.
create function asset_pause_json(p_asset text) returns jsonb
language sql stable
return (
  select jsonb_build_object('by', s.paused_by, 'reason', s.reason, 'since', rfc3339(s.since))
  from asset_pauses s join assets a on a.code = s.asset and a.withdrawals_paused
  where s.asset = p_asset
  order by s.id desc limit 1
);

-- The books of a chain at its highest block that is stored and final, or at the cursor where the
-- node tells of no finality; null before the first block. Call it as one statement: then block and
-- books are of one moment.
--
-- {block: {height, hash}, hot: [address], deposit: [address], assets: [{asset, expected,
-- terms: {…}, known: {address: amount}, shortfall, tolerance: {missing, surplus}, pause}]}
create function chain_books(p_chain text) returns json
language sql stable
return (
  select json_build_object(
    'block', json_build_object('height', b.height, 'hash', b.hash),
    'hot', (select coalesce(json_agg(h.address order by h.address), '[]')
      from hot_addresses h where h.chain = p_chain),
    'deposit', (select coalesce(json_agg(d.address order by d.address), '[]')
      from deposit_addresses d where d.family = chain_family(p_chain) and not exists (
        select from hot_addresses h where h.chain = p_chain and h.address = d.address)),
    'assets', (
      select coalesce(json_agg(json_build_object('asset', a.code,
          'expected', x.expected, 'terms', x.terms,
          'known', (select coalesce(json_object_agg(k.address, amount_text(k.amount)), '{}')
            from chain_known_coins(p_chain, a.code, b.height) k),
          'shortfall', chain_shortfall(a.code),
          'tolerance', json_build_object('missing', amount_text(coalesce(t.missing, 0)),
            'surplus', amount_text(t.surplus)),
          'pause', asset_pause_json(a.code)) order by a.code), '[]')
      from assets a
      left join reconciliation_tolerances t on t.asset = a.code
      cross join lateral (
        select amount_text(sum(s.amount)) as expected,
          json_object_agg(s.term, amount_text(s.amount)) as terms
        from (select c.term, sum(c.amount) as amount
          from chain_terms(p_chain, a.code, b.height) c group by c.term) s
      ) x
      where a.chain = p_chain))
  from chains h
  join chain_blocks b on b.chain = h.id and b.canonical
    and b.height = coalesce(h.finalized_height, h.cursor_height)
  where h.id = p_chain
);

-- Sets what an asset may be off by. Null where there is no such asset on a chain.
create function chain_set_tolerance(
  p_asset text, p_missing numeric, p_surplus numeric, p_by text
) returns jsonb
language plpgsql as $$
begin
  if not exists (select from assets a where a.code = p_asset and a.chain is not null) then
    return null;
  end if;
  insert into reconciliation_tolerances (asset, missing, surplus, set_by)
    values (p_asset, p_missing, p_surplus, p_by)
    on conflict (asset) do update set missing = excluded.missing, surplus = excluded.surplus,
      set_by = excluded.set_by, set_at = clock_timestamp();
  return jsonb_build_object('asset', p_asset, 'missing', amount_text(p_missing),
    'surplus', amount_text(p_surplus));
end
$$;
