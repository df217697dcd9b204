-- The common step in as few and as short statements as can be: one debit and one credit leg of the
-- same amount and asset between two strict wallets. `ledger_write` does the same for any step.
--
-- Where the step is not that simple, or something stands against it, nothing is written here, and
-- `ledger_write` does it or says what is wrong.
--
-- What costs is starting statements and preparing their expressions, not rows: hence single values
-- instead of rows and records, updates by the place that a lock keeps, and an answer that is
-- written as text.

-- The answer of such a step as text: what `done_json` says of a group with these two legs, to the
-- letter. Ids of wallets and codes of assets need no quoting.
--
-- d_leg        the debit leg's number, 1 or 2; the credit leg has the other one
-- p_settled, p_remaining   of each leg
-- p_reason, p_reference    null where there is none
-- p_expires_at, p_created_at, p_finished_at   as `json_time` says them
create function ledger_pair_answer(
  p_id text, p_status group_status, p_reason text, d_leg smallint, d_wallet text, c_wallet text,
  p_asset text, p_amount numeric, p_settled numeric, p_remaining numeric, p_expires_at text,
  p_created_at text, p_finished_at text, p_reference text, p_metadata jsonb
) returns text
language sql stable
return format(
  '{"group": {"id": %2$s, "kind": "transfer", "legs": ['
  '{"leg": 1, "type": "%6$s", "asset": "%5$s", "amount": "%7$s", "wallet": "%4$s", '
  '"settled": "%8$s", "remaining": "%9$s"}, '
  '{"leg": 2, "type": "%11$s", "asset": "%5$s", "amount": "%7$s", "wallet": "%10$s", '
  '"settled": "%8$s", "remaining": "%9$s"}], '
  '"reason": %3$s, "status": "%1$s", "metadata": %16$s, "reverses": null, "createdAt": %13$s, '
  '"expiresAt": %12$s, "reference": %15$s, "finishedAt": %14$s}, '
  '"outcome": "done", "groupStatus": "%1$s"}',
  p_status, to_json(p_id), coalesce(to_json(p_reason)::text, 'null'),
  case d_leg when 1 then d_wallet else c_wallet end, p_asset,
  case d_leg when 1 then 'DEBIT' else 'CREDIT' end,
  trim_scale(p_amount), trim_scale(p_settled), trim_scale(p_remaining),
  case d_leg when 1 then c_wallet else d_wallet end,
  case d_leg when 1 then 'CREDIT' else 'DEBIT' end,
  p_expires_at, p_created_at, p_finished_at, coalesce(to_json(p_reference)::text, 'null'),
  p_metadata);

-- First step of a transfer with one debit and one credit of the same amount, whose assets the
-- caller did not name: held, or settled at once.
-- d_leg  the debit leg's number, 1 or 2; the credit leg has the other one
create function ledger_open_transfer_pair(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_client text, p_immediate boolean, p_expires_in integer, p_reference text, p_metadata jsonb,
  p_accept_by timestamptz, d_wallet text, c_wallet text, d_leg smallint, p_amount numeric
) returns text
language plpgsql as $$
declare
  c_leg constant smallint := 3 - d_leg;
  d_place tid;
  d_settled numeric;
  d_held numeric;
  d_pending numeric;
  d_version bigint;
  d_at timestamptz;
  c_place tid;
  c_settled numeric;
  c_held numeric;
  c_pending numeric;
  c_version bigint;
  c_at timestamptz;
  v_asset text;
  v_possible boolean;
  v_at timestamptz;
  v_expires_at timestamptz;
  v_answer text;
begin
  perform ledger_lock_new(p_group_id);
  <<pair>>
  begin
    exit pair when clock_timestamp() > p_accept_by or p_amount <= 0;
    -- In the order of the wallets, as everybody locks them. A deferred wallet's row is shared by
    -- all steps and locked by none: where one is, this finds nothing. Nor where there are limits:
    -- those are locked first, and who had the wallets already met others who had the limits.
    if d_wallet collate "C" < c_wallet then
      select d.ctid, d.settled, d.held, d.pending_in, d.version, d.updated_at, d.asset,
          c.ctid, c.settled, c.held, c.pending_in, c.version, c.updated_at,
          d.asset = c.asset and d.status = 'OPEN' and c.status = 'OPEN'
            and min_scale(p_amount) <= d.scale and (d.settled - d.held >= p_amount or d.overdraft)
        into d_place, d_settled, d_held, d_pending, d_version, d_at, v_asset,
          c_place, c_settled, c_held, c_pending, c_version, c_at, v_possible
        from wallet_balances d, wallet_balances c
        where d.wallet_id = d_wallet and c.wallet_id = c_wallet
          and d.mode = 'strict' and c.mode = 'strict'
          and not exists (select from limits where 'transfer' = any(kinds))
        for update of d, c;
    else
      select d.ctid, d.settled, d.held, d.pending_in, d.version, d.updated_at, d.asset,
          c.ctid, c.settled, c.held, c.pending_in, c.version, c.updated_at,
          d.asset = c.asset and d.status = 'OPEN' and c.status = 'OPEN'
            and min_scale(p_amount) <= d.scale and (d.settled - d.held >= p_amount or d.overdraft)
        into d_place, d_settled, d_held, d_pending, d_version, d_at, v_asset,
          c_place, c_settled, c_held, c_pending, c_version, c_at, v_possible
        from wallet_balances c, wallet_balances d
        where d.wallet_id = d_wallet and c.wallet_id = c_wallet
          and d.mode = 'strict' and c.mode = 'strict'
          and not exists (select from limits where 'transfer' = any(kinds))
        for update of c, d;
    end if;
    exit pair when v_possible is not true;

    -- After the locks, and never before the newest entry of a wallet, whatever the clock does.
    v_at := greatest(clock_timestamp(), d_at, c_at);
    if p_immediate then
      insert into transfer_groups
          (id, kind, status, client, created_at, finished_at, reference, metadata, opened_by)
        values (p_group_id, 'transfer', 'SETTLED', p_client, v_at, v_at, p_reference, p_metadata,
          p_step_key)
        on conflict (id) do nothing;
      exit pair when not found;
      update wallet_balances
        set settled = settled + case ctid when d_place then -p_amount else p_amount end,
            version = version + 2, updated_at = v_at
        where ctid = any(array[d_place, c_place]);
      insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
          wallet_version, settled_after, held_after, pending_in_after, created_at)
        values
          (p_group_id, d_leg, d_wallet, v_asset, 'DEBIT'::leg_type, 'HOLD'::entry_status, -p_amount,
            p_step_key, d_version + 1, d_settled, d_held + p_amount, d_pending, v_at),
          (p_group_id, c_leg, c_wallet, v_asset, 'CREDIT', 'HOLD', p_amount,
            p_step_key, c_version + 1, c_settled, c_held, c_pending + p_amount, v_at),
          (p_group_id, d_leg, d_wallet, v_asset, 'DEBIT', 'SETTLED', -p_amount,
            p_step_key, d_version + 2, d_settled - p_amount, d_held, d_pending, v_at),
          (p_group_id, c_leg, c_wallet, v_asset, 'CREDIT', 'SETTLED', p_amount,
            p_step_key, c_version + 2, c_settled + p_amount, c_held, c_pending, v_at)
        order by 6, 2;
      v_answer := ledger_pair_answer(p_group_id, 'SETTLED', null, d_leg, d_wallet, c_wallet,
        v_asset, p_amount, p_amount, 0, 'null', json_time(v_at), json_time(v_at), p_reference,
        p_metadata);
      insert into operations
          (group_id, step_key, verb, actor, request, status, answer, created_at)
        values (p_group_id, p_step_key, 'transfer', p_actor, p_request, 'done', v_answer, v_at);
      insert into outbox (group_id, event, step_key, created_at)
        values (p_group_id, 'group.settled', p_step_key, v_at);
      return v_answer;
    end if;
    v_expires_at := v_at + make_interval(secs => p_expires_in);
    insert into transfer_groups
        (id, kind, status, client, expires_at, created_at, reference, metadata, opened_by)
      values (p_group_id, 'transfer', 'IN_PROGRESS', p_client, v_expires_at, v_at, p_reference,
        p_metadata, p_step_key)
      on conflict (id) do nothing;
    exit pair when not found;
    update wallet_balances
      set held = held + case ctid when d_place then p_amount else 0 end,
          pending_in = pending_in + case ctid when d_place then 0 else p_amount end,
          version = version + 1, updated_at = v_at
      where ctid = any(array[d_place, c_place]);
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      values
        (p_group_id, d_leg, d_wallet, v_asset, 'DEBIT'::leg_type, 'HOLD'::entry_status, -p_amount,
          p_step_key, d_version + 1, d_settled, d_held + p_amount, d_pending, v_at),
        (p_group_id, c_leg, c_wallet, v_asset, 'CREDIT', 'HOLD', p_amount,
          p_step_key, c_version + 1, c_settled, c_held, c_pending + p_amount, v_at)
      order by 2;
    v_answer := ledger_pair_answer(p_group_id, 'IN_PROGRESS', null, d_leg, d_wallet, c_wallet,
      v_asset, p_amount, 0, p_amount, json_time(v_expires_at), json_time(v_at), 'null',
        p_reference, p_metadata);
    insert into operations
        (group_id, step_key, verb, actor, request, status, answer, created_at)
      values (p_group_id, p_step_key, 'hold', p_actor, p_request, 'done', v_answer, v_at);
    insert into outbox (group_id, event, step_key, created_at)
      values (p_group_id, 'group.opened', p_step_key, v_at);
    return v_answer;
  end pair;
  return ledger_open_transfer(p_group_id, p_step_key, p_actor, p_admin, p_request, p_client,
    p_immediate, p_expires_in, p_reference, p_metadata, p_accept_by,
    case d_leg when 1 then array[d_wallet, c_wallet] else array[c_wallet, d_wallet] end,
    case d_leg when 1 then '{DEBIT,CREDIT}' else '{CREDIT,DEBIT}' end::leg_type[],
    array[p_amount, p_amount], '{null,null}');
end
$$;

-- Ends all that a transfer holds, where it is such a pair that nobody touched so far; else null, as
-- for a step that was decided before, and for a group that is not there or not open. It locks the
-- group.
-- p_status  SETTLED, which a deadline stands against, RELEASED or CANCELLED
create function ledger_end_pair(
  p_group_id text, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_status group_status, p_reason text
) returns text
language plpgsql as $$
declare
  v_open boolean;
  v_expires_at timestamptz;
  v_created_at timestamptz;
  v_reference text;
  v_metadata jsonb;
  v_settled numeric;
  v_amount numeric;
  v_asset text;
  d_leg smallint;
  d_wallet text;
  d_place tid;
  d_settled numeric;
  d_held numeric;
  d_pending numeric;
  d_version bigint;
  d_at timestamptz;
  c_leg smallint;
  c_wallet text;
  c_place tid;
  c_settled numeric;
  c_held numeric;
  c_pending numeric;
  c_version bigint;
  c_at timestamptz;
  v_at timestamptz;
  v_answer text;
begin
  select kind = 'transfer' and status = 'IN_PROGRESS', expires_at, created_at, reference, metadata
    into v_open, v_expires_at, v_created_at, v_reference, v_metadata
    from transfer_groups where id = p_group_id for update;
  -- The clock is asked here, since a list of columns is worked out before its row is waited for.
  if v_open is not true or (p_status = 'SETTLED' and v_expires_at <= clock_timestamp()) then
    return null;
  end if;
  select d.leg, d.wallet_id, c.leg, c.wallet_id, d.asset, d.amount,
      case p_status when 'SETTLED' then d.amount else 0 end
    into d_leg, d_wallet, c_leg, c_wallet, v_asset, v_amount, v_settled
    from transfer_legs d, transfer_legs c
    where d.group_id = p_group_id and c.group_id = p_group_id and d.leg in (1, 2)
      and c.leg = 3 - d.leg and d.type = 'DEBIT' and c.type = 'CREDIT' and d.amount = c.amount
      and d.wallet_id <> c.wallet_id and d.asset = c.asset
      and d.remaining = d.amount and c.remaining = c.amount
      and not exists (select from transfer_legs where group_id = p_group_id and leg = 3);
  if not found then
    return null;
  end if;
  -- In the order of the wallets, as `ledger_open_transfer_pair` locks them.
  if d_wallet collate "C" < c_wallet then
    select d.ctid, d.settled, d.held, d.pending_in, d.version, d.updated_at,
        c.ctid, c.settled, c.held, c.pending_in, c.version, c.updated_at
      into d_place, d_settled, d_held, d_pending, d_version, d_at,
        c_place, c_settled, c_held, c_pending, c_version, c_at
      from wallet_balances d, wallet_balances c
      where d.wallet_id = d_wallet and c.wallet_id = c_wallet
        and d.mode = 'strict' and c.mode = 'strict'
      for update of d, c;
  else
    select d.ctid, d.settled, d.held, d.pending_in, d.version, d.updated_at,
        c.ctid, c.settled, c.held, c.pending_in, c.version, c.updated_at
      into d_place, d_settled, d_held, d_pending, d_version, d_at,
        c_place, c_settled, c_held, c_pending, c_version, c_at
      from wallet_balances c, wallet_balances d
      where d.wallet_id = d_wallet and c.wallet_id = c_wallet
        and d.mode = 'strict' and c.mode = 'strict'
      for update of c, d;
  end if;
  if not found then
    return null;
  end if;

  v_at := greatest(clock_timestamp(), d_at, c_at);
  v_answer := ledger_pair_answer(p_group_id, p_status, p_reason, d_leg, d_wallet, c_wallet, v_asset,
    v_amount, v_settled, 0, json_time(v_expires_at), json_time(v_created_at), json_time(v_at),
    v_reference, v_metadata);
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (p_group_id, p_step_key, p_verb, p_actor, p_request, 'done', v_answer, v_at)
    on conflict (group_id, step_key) do nothing;
  if not found then
    return null;
  end if;
  update transfer_groups
    set status = p_status, reason = p_reason, finished_at = v_at, xid = pg_current_xact_id()
    where id = p_group_id;
  update wallet_balances
    set settled = settled + case ctid when d_place then -v_settled else v_settled end,
        held = held - case ctid when d_place then v_amount else 0 end,
        pending_in = pending_in - case ctid when d_place then 0 else v_amount end,
        version = version + 1, updated_at = v_at
    where ctid = any(array[d_place, c_place]);
  insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
      wallet_version, settled_after, held_after, pending_in_after, created_at)
    values
      (p_group_id, d_leg, d_wallet, v_asset,
        case p_status when 'SETTLED' then 'DEBIT' else 'CREDIT' end::leg_type,
        p_status::text::entry_status, v_amount - 2 * v_settled, p_step_key,
        d_version + 1, d_settled - v_settled, d_held - v_amount, d_pending, v_at),
      (p_group_id, c_leg, c_wallet, v_asset,
        case p_status when 'SETTLED' then 'CREDIT' else 'DEBIT' end::leg_type,
        p_status::text::entry_status, 2 * v_settled - v_amount, p_step_key,
        c_version + 1, c_settled + v_settled, c_held, c_pending - v_amount, v_at)
    order by 2;
  insert into outbox (group_id, event, step_key, created_at)
    values (p_group_id, 'group.' || lower(p_status::text), p_step_key, v_at);
  return v_answer;
end
$$;
