-- What a limit's day has taken is kept, so that a step under a limit costs the same however many
-- went before: a payout desk's own limit read some three rows of each earlier line of its day.

alter table limits add column changed_at timestamptz not null default now();

-- At least what a limit counts for one day: what was asked since it was counted, and nothing of it
-- given back, nor that a step was refused by something else. So a step within it is within the
-- limit; where the total says that it is not, all is counted again. Written under the lock of the
-- limit's row alone.
create table limit_totals (
  limit_id text collate "C" primary key references limits on delete cascade,
  day timestamptz not null,
  counted_at timestamptz not null,
  held numeric not null
) with (fillfactor = 50);

grant select, insert, update on limit_totals to holdfast_app;

-- Makes or replaces a limit. {limit, created} or {refusal}: ASSET_NOT_FOUND, WALLET_NOT_FOUND,
-- ASSET_MISMATCH.
create or replace function ledger_put_limit(
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
          changed_at = clock_timestamp()
    returning * into l;
  return jsonb_build_object('limit', limit_json(l), 'created', v_created);
end
$$;

-- Why new debit legs would exceed a limit, in a sentence, or null. Locks the limits' rows by id.
-- Counts today's principal legs (UTC) without what was given back: a withdrawal's leg 1, of other
-- kinds every debit leg.
--
-- A total is believed where it was counted five minutes after the limit was made or changed: a step
-- that was under way by then, and knew nothing of the limit, has long ended, which takes seconds
-- (statement_timeout). Until then each step counts the legs, so a limit is exact at once.
create or replace function ledger_limit_fault(
  p_kind group_kind, p_legs smallint[], p_wallets text[], p_types leg_type[], p_amounts numeric[]
) returns text
language plpgsql as $$
declare
  r limits;
  v_asked numeric;
  v_used numeric;
  v_now timestamptz;
  v_day timestamptz;
begin
  for r in
    select l.* from limits l
    where p_kind = any(l.kinds) and exists (
      select from unnest(p_wallets, p_types) u(wallet, type)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and w.asset = l.asset and (w.id = l.wallet_id or w.owner = l.owner))
    order by l.id for update
  loop
    select sum(u.amount) into v_asked
      from unnest(p_legs, p_wallets, p_types, p_amounts) u(leg, wallet, type, amount)
      join wallets w on w.id = u.wallet
      where u.type = 'DEBIT' and (p_kind <> 'withdrawal' or u.leg = 1)
        and w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner);
    continue when v_asked is null;
    v_now := clock_timestamp();
    v_day := date_trunc('day', v_now, 'UTC');
    update limit_totals t set held = t.held + v_asked
      where t.limit_id = r.id and t.day = v_day and t.held + v_asked <= r.amount
        and t.counted_at > r.changed_at + interval '5 minutes';
    continue when found;
    select coalesce(sum(l.settled + l.remaining), 0) into v_used
      from wallets w
      join ledger_entries e on e.wallet_id = w.id and e.created_at >= v_day
        and e.status = 'HOLD' and e.type = 'DEBIT'
      join transfer_legs l on l.group_id = e.group_id and l.leg = e.leg
      join transfer_groups t on t.id = e.group_id
      where w.asset = r.asset and (w.id = r.wallet_id or w.owner = r.owner)
        and t.kind = any(r.kinds) and (t.kind <> 'withdrawal' or e.leg = 1);
    if v_used + v_asked > r.amount then
      return format('Limit %s allows %s %s a day; %s is used, %s is asked.', r.id,
        amount_text(r.amount), r.asset, amount_text(v_used), amount_text(v_asked));
    end if;
    insert into limit_totals (limit_id, day, counted_at, held)
      values (r.id, v_day, v_now, v_used + v_asked)
      on conflict (limit_id) do update
        set day = excluded.day, counted_at = excluded.counted_at, held = excluded.held;
  end loop;
  return null;
end
$$;
