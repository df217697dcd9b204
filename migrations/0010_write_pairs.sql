-- The common step in as few statements as there are rows to write: one debit and one credit leg of
-- the same amount and asset between two strict wallets. `ledger_write` does the same for any step.
--
-- g         the group as it shall be after the step, as in `ledger_write`
-- p_move    HOLD: two new legs. IMMEDIATE: new legs, held and settled at once. SETTLED, RELEASED,
--           CANCELLED: the end of all that both legs still hold
-- p_amount  of each leg, above zero
--
-- Answers null, and has written nothing, where the step is not that simple or something stands
-- against it: then `ledger_write` does it, or says what is wrong. The caller holds the group's
-- lock.
create function ledger_write_pair(
  g transfer_groups, p_new boolean,
  p_step_key text, p_verb text, p_actor text, p_request jsonb, p_event text, p_move text,
  d_leg smallint, d_wallet text, c_leg smallint, c_wallet text, p_amount numeric,
  p_expires_in integer default null
) returns jsonb
language plpgsql as $$
declare
  c_immediate constant boolean := p_move = 'IMMEDIATE';
  c_back constant boolean := p_move in ('RELEASED', 'CANCELLED');
  c_settled constant numeric :=
    case when p_move in ('IMMEDIATE', 'SETTLED') then p_amount else 0 end;
  -- What becomes of the debit wallet's `held` and of the credit wallet's `pending_in`.
  c_open constant numeric :=
    case p_move when 'HOLD' then p_amount when 'IMMEDIATE' then 0 else -p_amount end;
  c_remaining constant numeric := case p_move when 'HOLD' then p_amount else 0 end;
  c_versions constant bigint := case when c_immediate then 2 else 1 end;
  r record;
  d wallet_balances;
  c wallet_balances;
  v_at timestamptz;
  v_debit jsonb;
  v_credit jsonb;
  v_answer jsonb;
begin
  -- In the order of the wallets, as everybody locks them. A deferred wallet's row is shared by all
  -- steps and locked by none: where one is, this finds nothing.
  if d_wallet collate "C" < c_wallet then
    select x, y into r from wallet_balances x, wallet_balances y
      where x.wallet_id = d_wallet and y.wallet_id = c_wallet
        and x.mode = 'strict' and y.mode = 'strict'
      for update;
    d := r.x;
    c := r.y;
  else
    select x, y into r from wallet_balances x, wallet_balances y
      where x.wallet_id = c_wallet and y.wallet_id = d_wallet
        and x.mode = 'strict' and y.mode = 'strict'
      for update;
    c := r.x;
    d := r.y;
  end if;
  if (d.asset = c.asset and (not p_new
    or d.status = 'OPEN' and c.status = 'OPEN' and min_scale(p_amount) <= d.scale
      and (d.settled - d.held >= p_amount or d.overdraft))) is not true
  then
    return null;
  end if;

  -- After the locks, and never before the newest entry of a wallet, whatever the clock does.
  v_at := greatest(clock_timestamp(), d.updated_at, c.updated_at);
  g.xid := pg_current_xact_id();
  if g.status <> 'IN_PROGRESS' then
    g.finished_at := v_at;
  end if;
  if p_new then
    g.created_at := v_at;
    g.expires_at := v_at + make_interval(secs => p_expires_in);
    insert into transfer_groups select g.*;
    insert into transfer_legs (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
      values (g.id, d_leg, d_wallet, d.asset, 'DEBIT', p_amount, c_settled, c_remaining),
        (g.id, c_leg, c_wallet, c.asset, 'CREDIT', p_amount, c_settled, c_remaining);
  else
    update transfer_groups
      set status = g.status, reason = g.reason, finished_at = g.finished_at, xid = g.xid
      where id = g.id;
    update transfer_legs set settled = settled + c_settled, remaining = remaining - p_amount
      where group_id = g.id;
  end if;
  update wallet_balances b
    set settled = b.settled + u.settled, held = b.held + u.held,
        pending_in = b.pending_in + u.pending_in, version = b.version + c_versions,
        updated_at = v_at
    from (values (d_wallet, -c_settled, c_open, 0), (c_wallet, c_settled, 0, c_open))
      u(wallet_id, settled, held, pending_in)
    where b.wallet_id = u.wallet_id;

  -- By leg, as `ledger_append` writes them.
  if c_immediate then
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      values
        (g.id, d_leg, d_wallet, d.asset, 'DEBIT'::leg_type, 'HOLD'::entry_status, -p_amount,
          p_step_key, d.version + 1, d.settled, d.held + p_amount, d.pending_in, v_at),
        (g.id, c_leg, c_wallet, c.asset, 'CREDIT', 'HOLD', p_amount,
          p_step_key, c.version + 1, c.settled, c.held, c.pending_in + p_amount, v_at),
        (g.id, d_leg, d_wallet, d.asset, 'DEBIT', 'SETTLED', -p_amount,
          p_step_key, d.version + 2, d.settled - p_amount, d.held, d.pending_in, v_at),
        (g.id, c_leg, c_wallet, c.asset, 'CREDIT', 'SETTLED', p_amount,
          p_step_key, c.version + 2, c.settled + p_amount, c.held, c.pending_in, v_at)
      order by 6, 2;
  else
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        wallet_version, settled_after, held_after, pending_in_after, created_at)
      values
        (g.id, d_leg, d_wallet, d.asset, case when c_back then 'CREDIT' else 'DEBIT' end::leg_type,
          p_move::entry_status, case when c_back then p_amount else -p_amount end, p_step_key,
          d.version + 1, d.settled - c_settled, d.held + c_open, d.pending_in, v_at),
        (g.id, c_leg, c_wallet, c.asset, case when c_back then 'DEBIT' else 'CREDIT' end::leg_type,
          p_move::entry_status, case when c_back then -p_amount else p_amount end, p_step_key,
          c.version + 1, c.settled + c_settled, c.held, c.pending_in + c_open, v_at)
      order by 2;
  end if;

  v_debit := leg_json(d_leg, d_wallet, d.asset, 'DEBIT', p_amount, c_settled, c_remaining);
  v_credit := leg_json(c_leg, c_wallet, c.asset, 'CREDIT', p_amount, c_settled, c_remaining);
  v_answer := done_json(g.status, transfer_json(g, case when d_leg < c_leg
    then jsonb_build_array(v_debit, v_credit) else jsonb_build_array(v_credit, v_debit) end));
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (g.id, p_step_key, p_verb, p_actor, p_request, 'done', v_answer, v_at);
  insert into outbox (group_id, event, step_key, created_at)
    values (g.id, p_event, p_step_key, v_at);
  return v_answer;
end
$$;

-- The first two legs of a new group, where they are such a pair: `ledger_write_pair`, else null.
create function ledger_open_pair(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb, p_event text,
  p_move text, p_wallets text[], p_types leg_type[], p_amounts numeric[], p_assets text[],
  p_expires_in integer
) returns jsonb
language plpgsql as $$
declare
  d constant smallint := case p_types[1] when 'DEBIT' then 1 else 2 end;
  c constant smallint := 3 - d;
begin
  if cardinality(p_wallets) <> 2 or p_types[1] = p_types[2] or p_wallets[1] = p_wallets[2]
    or p_amounts[1] <> p_amounts[2] or p_amounts[1] <= 0 or num_nonnulls(variadic p_assets) > 0
    or exists (
      select from limits where g.kind = any(kinds)
      union all select from transfer_groups where id = g.id)
  then
    return null;
  end if;
  return ledger_write_pair(g, true, p_step_key, p_verb, p_actor, p_request, p_event, p_move,
    d, p_wallets[d], c, p_wallets[c], p_amounts[1], p_expires_in);
end
$$;

-- The end of all that a group holds, where it is such a pair, untouched so far; else null.
-- p_move is also the status that the group ends with.
create function ledger_end_pair(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_move text, p_reason text
) returns jsonb
language plpgsql as $$
declare
  c_event constant text := 'group.' || lower(p_move);
  r record;
begin
  g.status := p_move;
  g.reason := p_reason;
  select a.type as a_type, a.wallet_id as a, b.wallet_id as b, a.amount as amount into r
    from transfer_legs a, transfer_legs b
    where a.group_id = g.id and a.leg = 1 and b.group_id = g.id and b.leg = 2
      and a.type <> b.type and a.amount = b.amount and a.wallet_id <> b.wallet_id
      and a.remaining = a.amount and b.remaining = b.amount
      and not exists (select from transfer_legs l where l.group_id = g.id and l.leg = 3);
  if not found then
    return null;
  end if;
  if r.a_type = 'DEBIT' then
    return ledger_write_pair(g, false, p_step_key, p_verb, p_actor, p_request, c_event, p_move,
      1::smallint, r.a, 2::smallint, r.b, r.amount);
  end if;
  return ledger_write_pair(g, false, p_step_key, p_verb, p_actor, p_request, c_event, p_move,
    2::smallint, r.b, 1::smallint, r.a, r.amount);
end
$$;
