-- Rules of the treasury as the API keeps them, and what the hot wallet has, for the metrics.

create function treasury_rule_json(r treasury_rules) returns jsonb
language sql stable
return jsonb_build_object('asset', r.asset, 'minAmount', amount_text(r.min_amount),
  'maxFee', amount_text(r.max_fee), 'lowWater', amount_text(r.low_water),
  'highWater', amount_text(r.high_water), 'coldAddress', r.cold_address);

-- Makes or replaces an asset's rule. {rule} or {refusal}: ASSET_NOT_FOUND; WRONG_KIND where the
-- asset is on no chain; INVALID_REQUEST where the marks do not differ, or nothing says what is too
-- much for the hot wallet; DESTINATION_NOT_ALLOWED where the cold address is one of ours.
create function treasury_put_rule(
  p_asset text, p_min_amount numeric, p_max_fee numeric, p_low_water numeric, p_high_water numeric,
  p_cold_address text
) returns jsonb
language plpgsql as $$
declare
  a assets;
  r treasury_rules;
begin
  select * into a from assets where code = p_asset;
  if a.code is null then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  elsif a.chain is null then
    return refusal_json('WRONG_KIND', format('%s is on no chain: there is nothing to collect.',
      p_asset));
  elsif p_high_water <= p_low_water then
    return refusal_json('INVALID_REQUEST', 'highWater must be above lowWater.');
  elsif p_cold_address is not null and p_high_water is null then
    return refusal_json('INVALID_REQUEST', 'coldAddress needs a highWater.');
  elsif chain_destination_fault(a.chain, p_cold_address) is not null then
    return refusal_json('DESTINATION_NOT_ALLOWED',
      chain_destination_fault(a.chain, p_cold_address));
  elsif exists (select from deposit_addresses d
    where d.family = chain_family(a.chain) and d.address = lower(p_cold_address))
  then
    return refusal_json('DESTINATION_NOT_ALLOWED',
      'This is a deposit address of ours: what is paid to it would be somebody''s deposit.');
  end if;
  insert into treasury_rules (asset, min_amount, max_fee, low_water, high_water, cold_address)
    values (p_asset, p_min_amount, p_max_fee, p_low_water, p_high_water, p_cold_address)
    on conflict (asset) do update
      set min_amount = excluded.min_amount, max_fee = excluded.max_fee,
          low_water = excluded.low_water, high_water = excluded.high_water,
          cold_address = excluded.cold_address
    returning * into r;
  return jsonb_build_object('rule', treasury_rule_json(r));
end
$$;

-- Per asset with a rule, by the books: what the hot wallet has, and what lies on deposit addresses.
create function treasury_figures()
returns table (
  asset text, hot numeric, on_addresses numeric, low_water numeric, high_water numeric
)
language plpgsql stable as $$
begin
  return query
    select r.asset, h.booked, o.outside - h.booked, r.low_water, r.high_water
    from treasury_rules r
    join assets a on a.code = r.asset
    -- No deposit address has this name, so it stands for the hot wallets together.
    cross join lateral (select chain_booked_at(a.chain, 'hot', r.asset) as booked) h
    join lateral (
      select -s.settled as outside from wallet_states s where s.wallet_id = 'external:' || r.asset
    ) o on true
    order by r.asset;
end
$$;
