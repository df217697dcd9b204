-- Writing a step: what it appends, what its wallets have in the end, and the primitive itself.

-- An item of a step: of a leg, an amount above zero, what becomes of it, and what its wallet has
-- after it, which is null on a deferred one.
create type step_item as (
  leg smallint, wallet_id text, asset text, type leg_type, amount numeric, status entry_status,
  version bigint, settled numeric, held numeric, pending_in numeric
);
-- What a wallet has in the end. `place` is that of its row, which a lock keeps.
create type new_balance as (
  place tid, settled numeric, held numeric, pending_in numeric, version bigint
);

-- The primitive under every verb: books one step of one group, whole, or refuses it.
--
-- The caller holds the group's lock (the row, or the advisory lock of `ledger_lock_new` for a group
-- that is not there yet), has found no operation under the step's key, and has checked the kind.
--
-- g           the group as it shall be after the step: status, reason, metadata …; times are set
--             here
-- p_new       true: insert g; false: g exists, update it where its status is now a finished one
-- p_step_key, p_verb, p_actor, p_request   for the operation's row
-- p_event     what the outbox announces, such as `group.settled`
-- p_move      HOLD: the items are new legs. IMMEDIATE: new legs, held and settled at once.
--             MOVES: the items end holds of legs that exist, as p_statuses says
-- p_legs, p_wallets, p_types, p_amounts    one item an element; an amount that is not above zero
--             is refused, whoever let it come this far
-- p_assets    HOLD, IMMEDIATE: what the caller expects, null elements allowed; MOVES: the legs'
-- p_statuses  MOVES: SETTLED, RELEASED or CANCELLED per item; a leg may have one item of each
-- p_admin     may name deferred wallets (system, external, fees …) in a new leg
-- p_freeze    store a refusal
-- p_expires_in  seconds from the step to the (new) deadline; null: none, or as it is
-- p_withdrawal  a withdrawal's row as it shall be, or null: inserted with a new group, else its
--             state and txid are updated
--
-- Locks limit rows by id, then strict wallets' balance rows by wallet id; all checks come after the
-- locks, in the order: existence, state, asset, balance of the group, limit, funds.
create function ledger_write(
  g transfer_groups, p_new boolean,
  p_step_key text, p_verb text, p_actor text, p_request jsonb, p_event text,
  p_move text, p_legs smallint[], p_wallets text[], p_assets text[], p_types leg_type[],
  p_amounts numeric[], p_statuses entry_status[],
  p_admin boolean, p_freeze boolean,
  p_expires_in integer default null, p_withdrawal withdrawals default null
) returns text
language plpgsql as $$
declare
  c_new_legs constant boolean := p_move <> 'MOVES';
  c_immediate constant boolean := p_move = 'IMMEDIATE';
  n constant integer := coalesce(cardinality(p_legs), 0);
  -- Items in the order of their wallets.
  v_order integer[];
  k integer := 1;
  k_first integer;
  i integer;
  r record;
  v_assets text[] := p_assets;
  v_amount numeric;
  v_status entry_status := 'HOLD';
  v_settled numeric;
  v_held numeric;
  v_pending numeric;
  v_version bigint;
  v_type leg_type;
  v_settles boolean;
  v_balances new_balance[];
  -- Of an immediate group the holds, then what settles them. Null until the wallet was looked at.
  v_items step_item[] := array_fill(null::step_item,
    array[case when c_immediate then 2 * n else n end]);
  -- The fault that is told: the one of the lowest rank.
  v_rank integer := 100;
  v_code text;
  v_detail text;
  v_limit text;
  v_unbalanced text;
  v_found integer := 0;
  v_at timestamptz := '-infinity';
  v_answer text;
begin
  -- NaN is above all numbers to Postgres: a balance that had got it would never be one again.
  if 0 >= any(p_amounts) or 'Infinity' <= any(p_amounts) then
    if not p_new then
      select * into g from transfer_groups where id = g.id;
    end if;
    return ledger_refuse(g, p_new, p_step_key, p_verb, p_actor, p_request, false,
      'INVALID_AMOUNT', 'An amount must be a number greater than zero.');
  end if;

  if c_new_legs and exists (select from limits) then
    v_limit := ledger_limit_fault(g.kind, p_legs, p_wallets, p_types, p_amounts);
  end if;

  v_order := case
    when n < 2 then array[1]
    when n = 2 and p_wallets[1] collate "C" <= p_wallets[2] then array[1, 2]
    when n = 2 then array[2, 1]
    else (select array_agg(u.i order by u.w collate "C", u.i)
          from unnest(p_wallets) with ordinality u(w, i))
  end;

  for r in
    select b.ctid as place, b.* from wallet_balances b
    where b.wallet_id = any(p_wallets) and b.mode = 'strict'
    order by b.wallet_id for update
  loop
    v_at := greatest(v_at, r.updated_at);
    v_settled := r.settled;
    v_held := r.held;
    v_pending := r.pending_in;
    v_version := r.version;
    while p_wallets[v_order[k]] <> r.wallet_id loop
      k := k + 1;
    end loop;
    k_first := k;
    while k <= n loop
      i := v_order[k];
      exit when p_wallets[i] <> r.wallet_id;
      k := k + 1;
      v_found := v_found + 1;
      v_amount := p_amounts[i];
      v_type := p_types[i];
      if c_new_legs then
        if v_type = 'DEBIT' then
          v_held := v_held + v_amount;
        else
          v_pending := v_pending + v_amount;
        end if;
        if r.status = 'CLOSED' or (r.status = 'FROZEN' and v_type = 'DEBIT') then
          if v_rank > 2 then
            v_rank := 2;
            v_code := 'WALLET_NOT_OPEN';
            v_detail := format('Wallet %s is %s.', r.wallet_id, r.status);
          end if;
        elsif v_assets[i] <> r.asset then
          if v_rank > 3 then
            v_rank := 3;
            v_code := 'ASSET_MISMATCH';
            v_detail := format('Wallet %s holds %s, the leg says %s.',
              r.wallet_id, r.asset, v_assets[i]);
          end if;
        end if;
        if min_scale(v_amount) > r.scale then
          v_rank := 0;
          v_code := 'INVALID_AMOUNT';
          v_detail := format('%s has %s decimals; %s has more.', r.asset, r.scale, v_amount);
        end if;
        v_assets[i] := r.asset;
      else
        v_status := p_statuses[i];
        v_settles := v_status = 'SETTLED';
        if v_type = 'DEBIT' then
          v_held := v_held - v_amount;
          if v_settles then
            v_settled := v_settled - v_amount;
          end if;
        else
          v_pending := v_pending - v_amount;
          if v_settles then
            v_settled := v_settled + v_amount;
          end if;
        end if;
      end if;
      v_version := v_version + 1;
      v_items[i] := row(p_legs[i], r.wallet_id, v_assets[i], v_type, v_amount, v_status,
        v_version, v_settled, v_held, v_pending)::step_item;
    end loop;
    if v_settled < v_held and not r.overdraft and v_rank > 6 then
      v_rank := 6;
      v_code := 'INSUFFICIENT_FUNDS';
      v_detail := format('Wallet %s has %s %s available; %s is required.', r.wallet_id,
        amount_text(r.settled - r.held), r.asset, amount_text(v_held - r.held));
    end if;
    if c_immediate then
      for m in k_first..k - 1 loop
        i := v_order[m];
        v_amount := p_amounts[i];
        v_type := p_types[i];
        if v_type = 'DEBIT' then
          v_held := v_held - v_amount;
          v_settled := v_settled - v_amount;
        else
          v_pending := v_pending - v_amount;
          v_settled := v_settled + v_amount;
        end if;
        v_version := v_version + 1;
        v_items[n + i] := row(p_legs[i], r.wallet_id, v_assets[i], v_type, v_amount, 'SETTLED',
          v_version, v_settled, v_held, v_pending)::step_item;
      end loop;
    end if;
    v_balances := v_balances
      || row(r.place, v_settled, v_held, v_pending, v_version)::new_balance;
  end loop;

  if c_new_legs and v_found < n then
    -- What is left is deferred, or not there at all.
    for m in 1..n loop
      continue when (v_items[m]).version is not null;
      select b.wallet_id, b.asset, b.scale, b.status into r
        from wallet_balances b where b.wallet_id = p_wallets[m];
      if not found then
        if v_rank > 1 then
          v_rank := 1;
          v_code := 'WALLET_NOT_FOUND';
          v_detail := format('There is no wallet %s.', p_wallets[m]);
        end if;
      elsif not p_admin then
        v_rank := 0;
        v_code := 'FORBIDDEN';
        v_detail := format('Only an admin may name the system wallet %s in a leg.', p_wallets[m]);
      elsif r.status = 'CLOSED' or (r.status = 'FROZEN' and p_types[m] = 'DEBIT') then
        if v_rank > 2 then
          v_rank := 2;
          v_code := 'WALLET_NOT_OPEN';
          v_detail := format('Wallet %s is %s.', r.wallet_id, r.status);
        end if;
      elsif v_assets[m] <> r.asset then
        if v_rank > 3 then
          v_rank := 3;
          v_code := 'ASSET_MISMATCH';
          v_detail := format('Wallet %s holds %s, the leg says %s.',
            r.wallet_id, r.asset, v_assets[m]);
        end if;
      elsif min_scale(p_amounts[m]) > r.scale then
        v_rank := 0;
        v_code := 'INVALID_AMOUNT';
        v_detail := format('%s has %s decimals; %s has more.', r.asset, r.scale, p_amounts[m]);
      end if;
      v_assets[m] := r.asset;
    end loop;
  end if;

  if v_rank > 4 and (c_immediate or 'SETTLED' = any(p_statuses)) then
    v_unbalanced := ledger_unbalanced(v_assets, p_types, p_amounts, p_statuses, c_immediate);
    if v_unbalanced is not null then
      v_rank := 4;
      v_code := 'UNBALANCED_GROUP';
      v_detail := v_unbalanced;
    end if;
  end if;
  if v_limit is not null and v_rank > 5 then
    v_rank := 5;
    v_code := 'LIMIT_EXCEEDED';
    v_detail := v_limit;
  end if;
  if v_code is not null then
    if not p_new then
      select * into g from transfer_groups where id = g.id;
    end if;
    return ledger_refuse(g, p_new, p_step_key, p_verb, p_actor, p_request,
      p_freeze and v_rank > 0, v_code, v_detail);
  end if;

  -- After the locks, and never before the newest entry of a wallet, whatever the clock does.
  v_at := greatest(clock_timestamp(), v_at);
  g := ledger_write_group(g, p_new, v_at, p_expires_in, p_withdrawal);

  if n > 0 then
    update wallet_balances b
      set settled = u.settled, held = u.held, pending_in = u.pending_in, version = u.version,
          updated_at = v_at
      from unnest(v_balances) u where b.ctid = u.place;
    if v_found < n then
      for m in 1..n loop
        continue when (v_items[m]).version is not null;
        v_items[m] := row(p_legs[m], p_wallets[m], v_assets[m], p_types[m], p_amounts[m],
          coalesce(p_statuses[m], 'HOLD'), null, null, null, null)::step_item;
        if c_immediate then
          v_items[n + m] := row(p_legs[m], p_wallets[m], v_assets[m], p_types[m], p_amounts[m],
            'SETTLED', null, null, null, null)::step_item;
        end if;
      end loop;
    end if;
    -- All in one statement, so that its trigger sees the step whole. HOLD and SETTLED have the type
    -- of their leg, what gives back the opposite one.
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      select g.id, u.leg, u.wallet_id, u.asset,
          case when (u.type = 'CREDIT') = (u.status <= 'SETTLED') then 'CREDIT' else 'DEBIT'
            end::leg_type,
          u.status,
          case when (u.type = 'CREDIT') = (u.status <= 'SETTLED') then u.amount else -u.amount end,
          p_step_key, u.version, u.settled, u.held, u.pending_in, v_at
        from unnest(v_items) u;
  end if;

  v_answer := done_text(g);
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (g.id, p_step_key, p_verb, p_actor, p_request, 'done', v_answer, v_at);
  insert into outbox (group_id, event, step_key, created_at)
    values (g.id, p_event, p_step_key, v_at);
  return v_answer;
end
$$;
