-- Assets, wallets and limits: made and changed in one call each, refusals as values.

create function asset_json(a assets) returns jsonb
language sql stable
return jsonb_build_object('code', a.code, 'scale', a.scale, 'chain', a.chain,
  'contract', a.contract, 'name', a.name, 'minDeposit', amount_text(a.min_deposit),
  'minWithdrawal', amount_text(a.min_withdrawal), 'withdrawalFee', amount_text(a.withdrawal_fee),
  'confirmations', a.confirmations,
  'final', coalesce(a.final, case when a.chain is not null then '"finalized"'::jsonb end),
  'depositsPaused', a.deposits_paused, 'withdrawalsPaused', a.withdrawals_paused,
  'createdAt', rfc3339(a.created_at));

create function refusal_json(p_code text, p_detail text) returns jsonb
language sql immutable
return jsonb_build_object('refusal', jsonb_build_object('code', p_code, 'detail', p_detail));

-- Writes a wallet and its balance row; nothing where the id is taken. True when it was made.
create function ledger_insert_wallet(
  p_id text, p_owner text, p_asset text, p_kind wallet_kind, p_metadata jsonb
) returns boolean
language plpgsql as $$
declare
  c_system constant boolean := is_system_kind(p_kind);
begin
  insert into wallets (id, owner, asset, kind, metadata)
    values (p_id, p_owner, p_asset, p_kind, p_metadata) on conflict do nothing;
  if not found then
    return false;
  end if;
  insert into wallet_balances (wallet_id, asset, scale, mode, overdraft)
    select p_id, a.code, a.scale,
      (case when c_system then 'deferred' else 'strict' end)::balance_mode,
      c_system
    from assets a where a.code = p_asset;
  return true;
end
$$;

-- What registers an asset, with the default of a chain's assets spelled out, as it is read: who
-- registers it again with what was read means the same.
create function asset_meaning(p_request jsonb) returns jsonb
language sql immutable
return case
  when p_request ->> 'chain' is not null and nullif(p_request -> 'final', 'null') is null
    then p_request || '{"final": "finalized"}' else p_request end;

-- p_request: the body as API.md has it. {asset, created} or {refusal}: ASSET_EXISTS.
create function ledger_create_asset(p_request jsonb) returns jsonb
language plpgsql as $$
declare
  c_code constant text := p_request ->> 'code';
  a assets;
begin
  insert into assets (code, scale, chain, contract, name, min_deposit, min_withdrawal,
      withdrawal_fee, confirmations, final, request)
    values (c_code, (p_request ->> 'scale')::smallint, p_request ->> 'chain',
      p_request ->> 'contract', p_request ->> 'name', (p_request ->> 'minDeposit')::numeric,
      (p_request ->> 'minWithdrawal')::numeric, (p_request ->> 'withdrawalFee')::numeric,
      (p_request ->> 'confirmations')::integer, nullif(p_request -> 'final', 'null'), p_request)
    on conflict do nothing returning * into a;
  if found then
    perform ledger_insert_wallet(k.kind || ':' || c_code, 'holdfast', c_code, k.kind::wallet_kind,
      '{}')
      from unnest(array['external', 'fees', 'shortfall', 'treasury', 'unattributed']) k(kind);
    return jsonb_build_object('asset', asset_json(a), 'created', true);
  end if;
  select * into a from assets where code = c_code;
  if not found then
    return refusal_json('ASSET_EXISTS', format('An asset of %s %s is registered already.',
      p_request ->> 'chain', coalesce(p_request ->> 'contract', '(native coin)')));
  end if;
  if asset_meaning(a.request) <> asset_meaning(p_request) then
    return refusal_json('ASSET_EXISTS',
      format('Asset %s was registered with other values: take another code.', c_code));
  end if;
  return jsonb_build_object('asset', asset_json(a), 'created', false);
end
$$;

-- p_patch: only the fields to change; null takes a value away. {asset} or {refusal}.
create function ledger_patch_asset(p_code text, p_patch jsonb) returns jsonb
language plpgsql as $$
declare
  a assets;
begin
  select * into a from assets where code = p_code for update;
  if not found then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_code));
  end if;
  update assets set
      min_deposit = case when p_patch ? 'minDeposit'
        then (p_patch ->> 'minDeposit')::numeric else min_deposit end,
      min_withdrawal = case when p_patch ? 'minWithdrawal'
        then (p_patch ->> 'minWithdrawal')::numeric else min_withdrawal end,
      withdrawal_fee = case when p_patch ? 'withdrawalFee'
        then (p_patch ->> 'withdrawalFee')::numeric else withdrawal_fee end,
      confirmations = case when p_patch ? 'confirmations'
        then (p_patch ->> 'confirmations')::integer else confirmations end,
      final = case when p_patch ? 'final' then nullif(p_patch -> 'final', 'null') else final end,
      deposits_paused = coalesce((p_patch ->> 'depositsPaused')::boolean, deposits_paused),
      withdrawals_paused = coalesce((p_patch ->> 'withdrawalsPaused')::boolean, withdrawals_paused)
    where code = p_code returning * into a;
  return jsonb_build_object('asset', asset_json(a));
end
$$;

-- {wallet, created} or {refusal}: ASSET_NOT_FOUND, WALLET_EXISTS, INVALID_REQUEST for an id that
-- belongs to an asset's own wallets.
create function ledger_create_wallet(
  p_id text, p_owner text, p_asset text, p_kind wallet_kind, p_metadata jsonb
) returns jsonb
language plpgsql as $$
declare
  w wallets;
  s wallet_states;
  v_created boolean;
begin
  if p_id ~ '^(cold|external|fees|network-fees|shortfall|treasury|unattributed):' then
    return refusal_json('INVALID_REQUEST',
      format('Wallet ids that begin as %s does are made with their asset.', p_id));
  end if;
  if not exists (select from assets where code = p_asset) then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  end if;
  v_created := ledger_insert_wallet(p_id, p_owner, p_asset, p_kind, p_metadata);
  select * into w from wallets where id = p_id;
  if (w.owner, w.asset, w.kind, w.metadata) is distinct from (p_owner, p_asset, p_kind, p_metadata)
  then
    return refusal_json('WALLET_EXISTS',
      format('Wallet %s was opened with other values: take another id.', p_id));
  end if;
  select * into s from wallet_states where wallet_id = p_id;
  return jsonb_build_object('wallet', wallet_json(w, s), 'created', v_created);
end
$$;

-- Freeze, unfreeze, close. {wallet} or {refusal}: WALLET_NOT_FOUND, WALLET_NOT_OPEN (closed for
-- good), WALLET_NOT_EMPTY. What it is already is no change.
create function ledger_set_wallet_status(
  p_id text, p_status wallet_status, p_reason text, p_actor text
) returns jsonb
language plpgsql as $$
declare
  w wallets;
  b wallet_balances;
  s wallet_states;
begin
  select * into b from wallet_balances where wallet_id = p_id for update;
  if not found then
    return refusal_json('WALLET_NOT_FOUND', format('There is no wallet %s.', p_id));
  end if;
  if b.status <> p_status then
    if b.status = 'CLOSED' then
      return refusal_json('WALLET_NOT_OPEN', format('Wallet %s is CLOSED for good.', p_id));
    end if;
    -- Entries of a deferred wallet are appended without its lock, so "empty" cannot be promised.
    if p_status = 'CLOSED' and b.mode = 'deferred' then
      return refusal_json('WALLET_NOT_EMPTY',
        format('%s is a wallet of the system and stays as long as its asset.', p_id));
    end if;
    if p_status = 'CLOSED' and (b.settled <> 0 or b.held <> 0 or b.pending_in <> 0) then
      return refusal_json('WALLET_NOT_EMPTY', format(
        'Wallet %s has %s %s settled, %s held and %s pending; all must be 0.', p_id,
        amount_text(b.settled), b.asset, amount_text(b.held), amount_text(b.pending_in)));
    end if;
    update wallet_balances set status = p_status where wallet_id = p_id;
    insert into wallet_status_changes (wallet_id, status, reason, actor)
      values (p_id, p_status, p_reason, p_actor);
  end if;
  select * into w from wallets where id = p_id;
  select * into s from wallet_states where wallet_id = p_id;
  return jsonb_build_object('wallet', wallet_json(w, s));
end
$$;

create function limit_json(l limits) returns jsonb
language sql stable
return jsonb_build_object('id', l.id, 'asset', l.asset, 'owner', l.owner, 'wallet', l.wallet_id,
  'window', l.span, 'amount', amount_text(l.amount), 'kinds', to_jsonb(l.kinds));

-- Makes or replaces a limit. {limit, created} or {refusal}: ASSET_NOT_FOUND, WALLET_NOT_FOUND,
-- ASSET_MISMATCH. One that is put again as it is has not changed.
create function ledger_put_limit(
  p_id text, p_asset text, p_owner text, p_wallet text, p_window text, p_amount numeric,
  p_kinds group_kind[]
) returns jsonb
language plpgsql as $$
declare
  l limits;
  w wallets;
  v_created boolean;
begin
  if not exists (select from assets where code = p_asset) then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  end if;
  if p_wallet is not null then
    select * into w from wallets where id = p_wallet;
    if not found then
      return refusal_json('WALLET_NOT_FOUND', format('There is no wallet %s.', p_wallet));
    elsif w.asset <> p_asset then
      return refusal_json('ASSET_MISMATCH', format('Wallet %s holds %s.', p_wallet, w.asset));
    end if;
  end if;
  v_created := not exists (select from limits where id = p_id);
  insert into limits (id, asset, owner, wallet_id, span, amount, kinds)
    values (p_id, p_asset, p_owner, p_wallet, p_window, p_amount, p_kinds)
    on conflict (id) do update
      set asset = excluded.asset, owner = excluded.owner, wallet_id = excluded.wallet_id,
          span = excluded.span, amount = excluded.amount, kinds = excluded.kinds,
          changed_at = case
            when (limits.asset, limits.owner, limits.wallet_id, limits.span, limits.amount,
                limits.kinds)
              is distinct from (excluded.asset, excluded.owner, excluded.wallet_id, excluded.span,
                excluded.amount, excluded.kinds)
            then clock_timestamp() else limits.changed_at end
    returning * into l;
  return jsonb_build_object('limit', limit_json(l), 'created', v_created);
end
$$;
