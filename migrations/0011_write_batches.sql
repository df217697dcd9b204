-- Many steps in one transaction: of many at once, each costs a third of what it costs alone.

-- What a step writes beside its entries.
create type pair_step as (
  group_id text, step_key text, verb text, actor text, request jsonb, answer text,
  status group_status, client text, expires_at timestamptz, finished_at timestamptz,
  reference text, metadata jsonb
);
create type pair_entry as (
  group_id text, leg smallint, wallet_id text, asset text, type leg_type, status entry_status,
  amount numeric, operation text, wallet_version bigint, settled_after numeric, held_after numeric,
  pending_in_after numeric
);

-- Opens pairs, held or settled at once, and settles pairs that nobody touched so far. Answers in
-- the order of the steps, those that open first; null, and nothing is written, where something
-- stands against one of them. Either way it has locked all strict wallets; the caller holds the
-- locks of the groups.
--
-- p_…  an element a step
-- o_…  an element a step that opens
-- s_…  by the number of a step that settles: of its group, the place of the row, and times as
--      `json_time` says them
--
-- What costs is starting statements and preparing their expressions, not rows: hence rows are made
-- in variables, and each table takes all of its own at once. Rows are found by key, one by one, and
-- updated by their place, whatever the statistics say: a plan that was made while a table was small
-- would read all of it for ever.
create function ledger_write_pairs(
  p_group_ids text[], p_step_keys text[], p_actors text[], p_requests jsonb[],
  p_debits text[], p_credits text[], p_debit_legs smallint[], p_amounts numeric[],
  p_references text[], p_metadata jsonb[],
  o_admins boolean[], o_clients text[], o_immediate boolean[], o_expires_in integer[],
  s_places tid[], s_expires_at text[], s_created_at text[]
) returns text[]
language plpgsql
as $$
declare
  c_steps constant integer := cardinality(p_group_ids);
  c_opens constant integer := cardinality(o_admins);
  v_possible boolean := true;
  v_at timestamptz := '-infinity';
  v_at_json text;
  i integer;
  -- An item, which is a leg of a step: what it adds to its wallet, settled or held.
  v_leg smallint;
  v_type leg_type;
  v_wallet text;
  v_settles numeric;
  v_holds numeric;
  v_awaits numeric;
  -- Its wallet as the call found it; place, amounts and version are null of a deferred one.
  r_place tid;
  r_settled numeric;
  r_held numeric;
  r_pending_in numeric;
  r_version bigint;
  r_asset text;
  r_scale smallint;
  r_open boolean;
  r_overdraft boolean;
  r_updated_at timestamptz;
  d_asset text;
  d_scale smallint;
  d_open boolean;
  -- The same after the items so far.
  w_number integer := 0;
  w_id text := '';
  w_settled numeric;
  w_held numeric;
  w_pending_in numeric;
  w_version bigint;
  -- What is written.
  v_assets text[];
  v_expires_at timestamptz;
  v_answers text[];
  v_steps pair_step[];
  v_entries pair_entry[];
  v_balances new_balance[];
begin
  -- In the order of the wallets, as everybody locks them.
  for i, v_leg, v_type, v_wallet, v_settles, v_holds, v_awaits, r_place, r_settled, r_held,
      r_pending_in, r_version, r_asset, r_scale, r_open, r_overdraft, r_updated_at in
    select u.*, b.*
      from (
        select n, p_debit_legs[n] as leg, 'DEBIT'::leg_type, p_debits[n] collate "C" as wallet_id,
            -p_amounts[n], p_amounts[n], 0
          from generate_series(1, c_steps) n
        union all
        select n, 3 - p_debit_legs[n], 'CREDIT', p_credits[n] collate "C", p_amounts[n], 0,
            p_amounts[n]
          from generate_series(1, c_steps) n
        order by wallet_id, n
      ) u
      -- A deferred wallet's row is shared by all steps and locked by none.
      left join lateral (
        select ctid, settled, held, pending_in, version, asset, scale, status = 'OPEN', overdraft,
            updated_at
          from wallet_balances where wallet_id = u.wallet_id and mode = 'strict' limit 1
          for update) b on true
  loop
    if v_wallet <> w_id then
      w_id := v_wallet;
      w_number := w_number + 1;
      w_settled := r_settled;
      w_held := r_held;
      w_pending_in := r_pending_in;
      w_version := r_version;
      v_at := greatest(v_at, r_updated_at);
      if r_place is null then
        select asset, scale, status = 'OPEN' into d_asset, d_scale, d_open
          from wallet_balances where wallet_id = v_wallet and mode = 'deferred';
      end if;
    end if;
    if r_place is null then
      r_asset := d_asset;
      r_scale := d_scale;
      r_open := d_open and o_admins[i];
    end if;
    v_possible := v_possible and coalesce(v_assets[i], r_asset) = r_asset
      and (i > c_opens or r_open and min_scale(v_settles) <= r_scale);
    v_assets[i] := r_asset;
    if i <= c_opens then
      w_version := w_version + 1;
      w_held := w_held + v_holds;
      w_pending_in := w_pending_in + v_awaits;
      v_possible := v_possible
        and (v_holds = 0 or r_overdraft or w_held <= w_settled or r_place is null);
      v_entries[4 * i + v_leg] := row(p_group_ids[i], v_leg, v_wallet, r_asset, v_type, 'HOLD',
        v_settles, p_step_keys[i], w_version, w_settled, w_held, w_pending_in)::pair_entry;
    end if;
    if i > c_opens or o_immediate[i] then
      w_version := w_version + 1;
      w_settled := w_settled + v_settles;
      w_held := w_held - v_holds;
      w_pending_in := w_pending_in - v_awaits;
      v_entries[4 * i + 2 + v_leg] := row(p_group_ids[i], v_leg, v_wallet, r_asset, v_type,
        'SETTLED', v_settles, p_step_keys[i], w_version, w_settled, w_held, w_pending_in
        )::pair_entry;
    end if;
    if r_place is not null then
      v_balances[w_number]
        := row(r_place, w_settled, w_held, w_pending_in, w_version)::new_balance;
    end if;
  end loop;
  if v_possible is not true then
    return null;
  end if;

  -- After the locks, and never before the newest entry of a wallet, whatever the clock does.
  v_at := greatest(clock_timestamp(), v_at);
  v_at_json := json_time(v_at);
  for i in 1..c_steps loop
    if i > c_opens then
      v_answers[i] := ledger_pair_answer(p_group_ids[i], 'SETTLED', null, p_debit_legs[i],
        p_debits[i], p_credits[i], v_assets[i], p_amounts[i], p_amounts[i], 0, s_expires_at[i],
        s_created_at[i], v_at_json, p_references[i], p_metadata[i]);
      v_steps[i] := row(p_group_ids[i], p_step_keys[i], 'settle', p_actors[i], p_requests[i],
        v_answers[i], 'SETTLED', null, null, null, null, null)::pair_step;
      continue;
    end if;
    v_expires_at := v_at + make_interval(secs => o_expires_in[i]);
    if o_immediate[i] then
      v_answers[i] := ledger_pair_answer(p_group_ids[i], 'SETTLED', null, p_debit_legs[i],
        p_debits[i], p_credits[i], v_assets[i], p_amounts[i], p_amounts[i], 0,
        json_time(v_expires_at), v_at_json, v_at_json, p_references[i], p_metadata[i]);
      v_steps[i] := row(p_group_ids[i], p_step_keys[i], 'transfer', p_actors[i], p_requests[i],
        v_answers[i], 'SETTLED', o_clients[i], v_expires_at, v_at, p_references[i], p_metadata[i]
        )::pair_step;
    else
      v_answers[i] := ledger_pair_answer(p_group_ids[i], 'IN_PROGRESS', null, p_debit_legs[i],
        p_debits[i], p_credits[i], v_assets[i], p_amounts[i], 0, p_amounts[i],
        json_time(v_expires_at), v_at_json, 'null', p_references[i], p_metadata[i]);
      v_steps[i] := row(p_group_ids[i], p_step_keys[i], 'hold', p_actors[i], p_requests[i],
        v_answers[i], 'IN_PROGRESS', o_clients[i], v_expires_at, null, p_references[i],
        p_metadata[i])::pair_step;
    end if;
  end loop;

  if c_opens > 0 then
    insert into transfer_groups (id, kind, status, client, expires_at, created_at, finished_at,
        reference, metadata, opened_by)
      select group_id, 'transfer', status, client, expires_at, v_at, finished_at, reference,
          metadata, step_key
        from unnest(v_steps) where client is not null;
  end if;
  if c_steps > c_opens then
    update transfer_groups g
      set status = 'SETTLED', reason = null, finished_at = v_at, xid = pg_current_xact_id()
      from unnest(s_places) place where g.ctid = place;
  end if;
  update wallet_balances b
    set settled = u.settled, held = u.held, pending_in = u.pending_in, version = u.version,
        updated_at = v_at
    from unnest(v_balances) u where b.ctid = u.place;
  insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
      wallet_version, settled_after, held_after, pending_in_after, created_at)
    select u.*, v_at from unnest(v_entries) u where u.group_id is not null;
  insert into operations (group_id, step_key, verb, actor, request, status, answer, created_at)
    select group_id, step_key, verb, actor, request, 'done', answer, v_at from unnest(v_steps);
  insert into outbox (group_id, event, step_key, created_at)
    select group_id, case verb when 'hold' then 'group.opened' else 'group.settled' end, step_key,
        v_at
      from unnest(v_steps);
  return v_answers;
end
$$;
