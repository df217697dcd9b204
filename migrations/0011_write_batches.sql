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
-- What a wallet has in the end. `place` is that of its row, which a lock keeps.
create type pair_balance as (
  place tid, settled numeric, held numeric, pending_in numeric, version bigint
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
set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
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
  v_statuses entry_status[];
  v_status entry_status;
  v_row integer;
  -- Its wallet as the call found it.
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
  -- The same after the items so far; place, amounts and version are null of a deferred one.
  w_id text := '';
  w_place tid;
  w_settled numeric;
  w_held numeric;
  w_pending_in numeric;
  w_version bigint;
  w_asset text;
  w_scale smallint;
  w_open boolean;
  -- What is written.
  v_assets text[];
  v_verb text;
  v_state group_status;
  v_expires_at timestamptz;
  v_finished_at timestamptz;
  v_expires_json text;
  v_created_json text;
  v_answer text;
  v_answers text[];
  v_steps pair_step[];
  v_entries pair_entry[];
  v_balances pair_balance[];
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
      if w_place is not null then
        v_balances := v_balances
          || row(w_place, w_settled, w_held, w_pending_in, w_version)::pair_balance;
      end if;
      if r_place is null then
        select asset, scale, status = 'OPEN' into r_asset, r_scale, r_open
          from wallet_balances where wallet_id = v_wallet and mode = 'deferred';
      end if;
      w_id := v_wallet;
      w_place := r_place;
      w_settled := r_settled;
      w_held := r_held;
      w_pending_in := r_pending_in;
      w_version := r_version;
      w_asset := r_asset;
      w_scale := r_scale;
      w_open := r_open;
      v_at := greatest(v_at, r_updated_at);
    end if;
    v_possible := v_possible and coalesce(v_assets[i], w_asset) = w_asset;
    v_assets[i] := w_asset;
    if i > c_opens then
      v_statuses := '{SETTLED}';
    else
      v_statuses := case when o_immediate[i] then '{HOLD,SETTLED}' else '{HOLD}' end;
      v_possible := v_possible and w_open and min_scale(v_settles) <= w_scale;
    end if;
    foreach v_status in array v_statuses loop
      w_version := w_version + 1;
      if v_status = 'HOLD' then
        v_row := 4 * i + v_leg;
        w_held := w_held + v_holds;
        w_pending_in := w_pending_in + v_awaits;
        if w_place is null then
          v_possible := v_possible and o_admins[i];
        elsif w_held > w_settled and v_type = 'DEBIT' and not r_overdraft then
          v_possible := false;
        end if;
      else
        v_row := 4 * i + 2 + v_leg;
        w_settled := w_settled + v_settles;
        w_held := w_held - v_holds;
        w_pending_in := w_pending_in - v_awaits;
      end if;
      v_entries[v_row] := row(p_group_ids[i], v_leg, v_wallet, w_asset, v_type, v_status,
        v_settles, p_step_keys[i], w_version, w_settled, w_held, w_pending_in)::pair_entry;
    end loop;
  end loop;
  if v_possible is not true then
    return null;
  end if;
  if w_place is not null then
    v_balances := v_balances
      || row(w_place, w_settled, w_held, w_pending_in, w_version)::pair_balance;
  end if;

  -- After the locks, and never before the newest entry of a wallet, whatever the clock does.
  v_at := greatest(clock_timestamp(), v_at);
  v_at_json := json_time(v_at);
  for i in 1..c_steps loop
    v_verb := 'settle';
    v_state := 'SETTLED';
    v_finished_at := v_at;
    v_settles := p_amounts[i];
    v_holds := 0;
    if i > c_opens then
      v_expires_json := s_expires_at[i];
      v_created_json := s_created_at[i];
    else
      v_verb := 'transfer';
      v_expires_at := v_at + make_interval(secs => o_expires_in[i]);
      v_expires_json := json_time(v_expires_at);
      v_created_json := v_at_json;
      if not o_immediate[i] then
        v_verb := 'hold';
        v_state := 'IN_PROGRESS';
        v_finished_at := null;
        v_settles := 0;
        v_holds := p_amounts[i];
      end if;
    end if;
    v_answer := ledger_pair_answer(p_group_ids[i], v_state, null, p_debit_legs[i], p_debits[i],
      p_credits[i], v_assets[i], p_amounts[i], v_settles, v_holds, v_expires_json, v_created_json,
      case when v_finished_at is null then 'null' else v_at_json end, p_references[i],
      p_metadata[i]);
    v_answers[i] := v_answer;
    v_steps[i] := row(p_group_ids[i], p_step_keys[i], v_verb, p_actors[i], p_requests[i], v_answer,
      v_state, o_clients[i], v_expires_at, v_finished_at, p_references[i], p_metadata[i]
      )::pair_step;
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
