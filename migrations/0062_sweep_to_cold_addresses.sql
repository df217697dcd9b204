-- What is above the high mark of a hot wallet goes to a cold address, whose key is in reach of no
-- network. Such a sweep is a withdrawal of the wallet `cold:<asset>` and is paid as one: policies,
-- approvals and limits ask of it what they ask of any. What that wallet is below zero lies there.

create table sweeps (
  asset text collate "C" not null references assets,
  -- From 1: the group's id ends with it.
  number integer not null check (number > 0),
  -- Of the withdrawal, also of one that was refused.
  group_id text collate "C" not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (asset, number)
);

create trigger sweeps_stay before update or delete on sweeps
  for each row execute function refuse_change();

grant select, insert on sweeps to holdfast_app;

-- Cold storage is no way to anywhere but its address.
create function cold_destination_fault(p_wallet text, p_destination text) returns text
language sql stable
return case when starts_with(p_wallet, 'cold:') and not exists (select from treasury_rules r
    where 'cold:' || r.asset = p_wallet and r.cold_address = p_destination)
  then format('%s pays to the cold address of the treasury rule of %s alone.', p_wallet,
    substr(p_wallet, length('cold:') + 1)) end;

-- Replaces the body of the policy's migration.
create or replace function withdrawal_destination_fault(p_wallet text, p_destination text)
returns text
language sql stable
return coalesce(cold_destination_fault(p_wallet, p_destination),
  destination_list_fault(p_wallet, p_destination));

-- What of an asset the hot wallet has by the books and nobody waits for: without what open payments
-- will take, and without withdrawals that are still to be signed.
create function treasury_at_rest(p_chain text, p_sender text, p_asset text) returns numeric
language sql stable
return (select s.booked from chain_spendable(p_chain, p_sender, p_asset, 0, 0) s) - coalesce((
  select sum(w.amount) from withdrawals w
  where w.asset = p_asset and w.chain = p_chain and not chain_is_inside(w.group_id)
    and w.state in ('held', 'awaiting_approval', 'awaiting_funds')), 0);

-- Why a sweep to cold storage may not take so much of the hot wallet now, in a sentence, or null:
-- what withdrawals wait for stays there, and the low mark. Of every other payment null.
-- p_has  what the hot wallet may pay out by the books and on the chain
create function treasury_sweep_fault(w withdrawals, p_has numeric) returns text
language plpgsql stable as $$
declare
  c_low constant numeric := coalesce(
    (select r.low_water from treasury_rules r where r.asset = w.asset), 0);
  v_waits numeric;
begin
  if not starts_with(w.wallet_id, 'cold:') then
    return null;
  end if;
  select coalesce(sum(o.amount), 0) into v_waits from withdrawals o
    where o.asset = w.asset and o.chain = w.chain and o.group_id <> w.group_id
      and o.state in ('held', 'awaiting_approval', 'awaiting_funds')
      and not chain_is_inside(o.group_id);
  if p_has - w.amount >= v_waits + c_low then
    return null;
  end if;
  return format('the hot wallet keeps %s %s, and %s that withdrawals wait for', amount_text(c_low),
    w.asset, amount_text(v_waits));
end
$$;

-- Opens a sweep of an asset, where its hot wallet has more than the high mark: down to the middle
-- between the marks, so that the next deposit does not begin another one. One at a time; after one
-- that somebody refused, none for a day. It ends by itself where it is not signed within a day.
-- Answers the group's id, or null.
create function treasury_open_sweep(p_asset text) returns text
language plpgsql as $$
declare
  c_wallet constant text := 'cold:' || p_asset;
  c_expires_in constant integer := 86400;
  r treasury_rules;
  a assets;
  s sweeps;
  g transfer_groups;
  v_sender text;
  v_amount numeric;
  v_request jsonb;
  v_answer jsonb;
begin
  perform pg_advisory_xact_lock(hashtextextended('sweep ' || p_asset, 0));
  select * into r from treasury_rules where asset = p_asset;
  select * into a from assets where code = p_asset;
  v_sender := chain_hot_wallet(a.chain);
  select * into s from sweeps where asset = p_asset order by number desc limit 1;
  select * into g from transfer_groups where id = s.group_id;
  if r.cold_address is null or v_sender is null or a.withdrawals_paused
    or chain_is_halted(a.chain) or g.status = 'IN_PROGRESS'
    or (s.number is not null and g.status is distinct from 'SETTLED'
      and g.reason is distinct from 'EXPIRED'
      and s.created_at > clock_timestamp() - interval '1 day')
    or exists (select from sender_pauses o
      where o.chain = a.chain and o.sender = v_sender and o.until is null)
  then
    return null;
  end if;
  v_amount := treasury_at_rest(a.chain, v_sender, p_asset);
  if v_amount <= r.high_water then
    return null;
  end if;
  v_amount := trunc(v_amount - (r.high_water + coalesce(r.low_water, 0)) / 2, a.scale);
  s.number := coalesce(s.number, 0) + 1;
  s.group_id := concat_ws(':', 'withdrawal:chain:cold', p_asset, s.number);
  v_request := jsonb_build_object('wallet', c_wallet, 'amount', amount_text(v_amount),
    'destination', r.cold_address, 'feeMode', 'platform', 'maxFee', amount_text(r.max_fee),
    'riskMeta', null, 'expiresIn', c_expires_in, 'metadata', '{"purpose": "cold_sweep"}'::jsonb);
  perform ledger_insert_wallet(c_wallet, 'holdfast', p_asset, 'system', '{}');
  insert into sweeps (asset, number, group_id) values (p_asset, s.number, s.group_id);
  v_answer := ledger_open_withdrawal(s.group_id, '~sweep', 'treasury', true, v_request, 'treasury',
    c_wallet, v_amount, r.cold_address, 'platform', r.max_fee, null, c_expires_in,
    v_request -> 'metadata', null);
  if v_answer ->> 'outcome' = 'done' then
    insert into chain_tasks (chain, kind, group_id, inclusion_id)
      values (a.chain, 'sweep', s.group_id, 0);
  end if;
  return s.group_id;
end
$$;
