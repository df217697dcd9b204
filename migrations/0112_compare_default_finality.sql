-- An asset of a chain that was registered without `final` has the default, and says so when it is
-- read. Who registers it again with what was read was told that it has other values.

-- What registers an asset, with the default of a chain's assets spelled out.
create function asset_meaning(p_request jsonb) returns jsonb
language sql immutable
return case
  when p_request ->> 'chain' is not null and nullif(p_request -> 'final', 'null') is null
    then p_request || '{"final": "finalized"}' else p_request end;

-- p_request: the body as API.md has it. {asset, created} or {refusal}: ASSET_EXISTS.
create or replace function ledger_create_asset(p_request jsonb) returns jsonb
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
