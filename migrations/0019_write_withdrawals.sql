-- Withdrawals: opened on any asset; ended here where no chain decides.

-- Why a wallet's withdrawals may not go to a destination now, in a sentence, or null. The policy's
-- migrations replace this body by one that knows the rules.
create function withdrawal_destination_fault(p_wallet text, p_destination text) returns text
language plpgsql stable as $$
begin
  return null;
end
$$;

-- Why one more withdrawal would be too much at the same time, in a sentence, or null. Replaced too.
create function ledger_open_limit_fault(p_wallet text, p_amount numeric) returns text
language plpgsql as $$
begin
  return null;
end
$$;

-- Ends a withdrawal that waits for approval, where its deadline has come; answers whether. The
-- caller holds the group's lock.
create function withdrawal_expire_waiting(g transfer_groups, w withdrawals) returns boolean
language plpgsql as $$
begin
  if g.status <> 'IN_PROGRESS' or w.state is distinct from 'awaiting_approval'
    or g.expires_at is null or g.expires_at > clock_timestamp()
  then
    return false;
  end if;
  perform ledger_give_back(g, '~expire:' || rfc3339(g.expires_at), 'expire', 'ledger',
    jsonb_build_object('expiresAt', rfc3339(g.expires_at)), 'CANCELLED', 'EXPIRED', true, w);
  return true;
end
$$;

-- First step of a withdrawal, chainless or not: the wallet DEBIT amount (leg 1), `external:<asset>`
-- CREDIT (leg 2) and, where the asset has a fee, the wallet DEBIT fee (3), `fees:<asset>` CREDIT
-- (4). Where the customer pays the network, two more: the wallet DEBIT p_max_fee,
-- `external:<asset>` CREDIT, which the chain's steps settle in part.
create function ledger_open_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_client text, p_wallet text, p_amount numeric, p_destination text, p_fee_mode text,
  p_max_fee numeric, p_risk_meta jsonb, p_expires_in integer, p_metadata jsonb,
  p_accept_by timestamptz, p_reference text default null
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  a assets;
  w withdrawals;
  v_answer jsonb;
  v_code text;
  v_detail text;
  -- Who gets what of the wallet: a pair of legs each.
  v_payees text[];
  v_parts numeric[];
  r record;
begin
  perform ledger_lock_new(p_group_id);
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  select t.* into a from wallets s join assets t on t.code = s.asset where s.id = p_wallet;
  g.id := p_group_id;
  g.kind := 'withdrawal';
  g.status := 'IN_PROGRESS';
  g.client := p_client;
  g.reference := p_reference;
  g.metadata := p_metadata;
  g.opened_by := p_step_key;
  g.chain := a.chain;
  v_answer := ledger_open_fault(g, p_step_key, 'withdraw', p_actor, p_request, p_accept_by);
  if v_answer is not null then
    return v_answer;
  end if;
  if a.code is null then
    v_code := 'WALLET_NOT_FOUND';
    v_detail := format('There is no wallet %s.', p_wallet);
  elsif a.withdrawals_paused then
    v_code := 'ASSET_PAUSED';
    v_detail := format('Withdrawals of %s are paused.', a.code);
  elsif p_amount < a.min_withdrawal then
    v_code := 'BELOW_MINIMUM';
    v_detail := format('The least withdrawal is %s %s.', amount_text(a.min_withdrawal), a.code);
  elsif a.chain is not null and chain_destination_fault(a.chain, p_destination) is not null then
    v_code := 'DESTINATION_NOT_ALLOWED';
    v_detail := chain_destination_fault(a.chain, p_destination);
  elsif withdrawal_destination_fault(p_wallet, p_destination) is not null then
    v_code := 'DESTINATION_NOT_ALLOWED';
    v_detail := withdrawal_destination_fault(p_wallet, p_destination);
  elsif p_fee_mode = 'customer' and (a.chain is null or a.contract is not null
    or p_max_fee is null)
  then
    -- Not frozen, as no fault of a request is.
    return ledger_refuse(g, true, p_step_key, 'withdraw', p_actor, p_request, false,
      'INVALID_REQUEST', 'feeMode customer takes the native coin of a chain, and a maxFee.');
  end if;
  if v_code is null then
    v_detail := ledger_open_limit_fault(p_wallet, p_amount);
    v_code := case when v_detail is not null then 'LIMIT_EXCEEDED' end;
  end if;
  if v_code is not null then
    return ledger_refuse(g, true, p_step_key, 'withdraw', p_actor, p_request, true, v_code,
      v_detail);
  end if;
  if not p_admin and exists (
    select from wallet_balances where wallet_id = p_wallet and mode = 'deferred'
  ) then
    return ledger_refuse(g, true, p_step_key, 'withdraw', p_actor, p_request, false, 'FORBIDDEN',
      format('Only an admin may name the system wallet %s.', p_wallet));
  end if;
  w.group_id := p_group_id;
  w.wallet_id := p_wallet;
  w.asset := a.code;
  w.chain := a.chain;
  w.destination := p_destination;
  w.amount := p_amount;
  -- What goes to cold storage is no customer's withdrawal.
  w.fee := case when p_wallet <> 'cold:' || a.code then a.withdrawal_fee end;
  w.fee_mode := p_fee_mode;
  w.max_fee := p_max_fee;
  w.risk_meta := p_risk_meta;
  w.state := 'held';
  v_payees := array['external:' || a.code];
  v_parts := array[p_amount];
  if w.fee is not null then
    v_payees := v_payees || ('fees:' || a.code);
    v_parts := v_parts || w.fee;
  end if;
  if p_fee_mode = 'customer' then
    v_payees := v_payees || ('external:' || a.code);
    v_parts := v_parts || p_max_fee;
  end if;
  select array_agg(l.leg order by l.leg) as legs, array_agg(l.wallet order by l.leg) as wallets,
      array_agg(null::text) as assets, array_agg(l.type order by l.leg) as types,
      array_agg(l.amount order by l.leg) as amounts into r
    from unnest(v_payees, v_parts) with ordinality u(payee, amount, place)
    cross join lateral (values
      ((2 * u.place - 1)::smallint, p_wallet, 'DEBIT'::leg_type, u.amount),
      ((2 * u.place)::smallint, u.payee, 'CREDIT', u.amount)
    ) l(leg, wallet, type, amount);
  return ledger_write(g, true, p_step_key, 'withdraw', p_actor, p_request, 'group.opened', 'HOLD',
    r.legs, r.wallets, r.assets, r.types, r.amounts, null, true, true, p_expires_in, w);
end
$$;

-- Books that a chainless withdrawal arrived outside: all of it, or p_amount. The fee goes with the
-- last part; p_final gives the rest of the principal back.
create function ledger_finalize_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_amount numeric,
    p_final boolean,
  p_txid text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_answer jsonb;
  v_legs smallint[];
  v_amounts numeric[];
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_own_kind_fault(g, 'withdrawal', p_step_key, 'finalize', p_actor, p_request));
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  if withdrawal_expire_waiting(g, w) then
    select * into g from transfer_groups where id = p_group_id;
    return ledger_refuse(g, false, p_step_key, 'finalize', p_actor, p_request, true,
      'GROUP_NOT_OPEN', format('Group %s is %s: %s.', g.id, g.status, g.reason));
  elsif w.state = 'awaiting_approval' then
    return ledger_refuse(g, false, p_step_key, 'finalize', p_actor, p_request, true, 'WRONG_KIND',
      format('The withdrawal is awaiting_approval: %s.', withdrawal_waits_for(p_group_id)));
  end if;
  w.txid := coalesce(p_txid, w.txid);
  if p_amount is not null then
    select array_agg(l.leg), array_agg(l.part) into v_legs, v_amounts
      from (
        select t.leg, case when t.leg <= 2 then p_amount else t.remaining end as part
        from transfer_legs t
        where t.group_id = p_group_id and (t.leg <= 2 or (t.remaining > 0 and (p_final or exists (
          select from transfer_legs p
          where p.group_id = p_group_id and p.leg = 1 and p.remaining = p_amount))))
      ) l;
  end if;
  return ledger_capture(g, p_step_key, 'finalize', p_actor, p_request, v_legs, v_amounts, p_final,
    true, w);
end
$$;

-- Gives back a withdrawal: all that remains, the fee included, or p_amount of the principal. One
-- that is bound to a chain only while no signing began.
create function ledger_release_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_reason text, p_amount numeric, p_final boolean
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_answer jsonb;
  v_code text;
  v_detail text;
  v_left numeric;
  v_scale smallint;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  select l.remaining, a.scale into v_left, v_scale
    from transfer_legs l join assets a on a.code = l.asset
    where l.group_id = p_group_id and l.leg = 1;
  if g.kind <> 'withdrawal' then
    v_code := 'WRONG_KIND';
    v_detail := format('Group %s is a %s, not a withdrawal.', g.id, g.kind);
  elsif g.chain is not null and ledger_signing_began(g.id) then
    v_code := 'MAY_BE_ON_CHAIN';
    v_detail := format('Bytes of %s may be on %s; only the chain ends it.', g.id, g.chain);
  elsif g.status <> 'IN_PROGRESS' then
    v_code := 'GROUP_NOT_OPEN';
    v_detail := format('Group %s is %s.', g.id, g.status);
  elsif p_amount > v_left then
    v_code := 'AMOUNT_EXCEEDS_HELD';
    v_detail := format('Group %s still holds %s %s; %s is asked.', g.id, amount_text(v_left),
      w.asset, amount_text(p_amount));
  elsif min_scale(p_amount) > v_scale then
    return ledger_refuse(g, false, p_step_key, 'release', p_actor, p_request, false,
      'INVALID_AMOUNT', format('%s has %s decimals; %s has more.', w.asset, v_scale, p_amount));
  end if;
  if v_code is not null then
    return ledger_refuse(g, false, p_step_key, 'release', p_actor, p_request, true, v_code,
      v_detail);
  end if;
  if p_amount < v_left and not p_final and withdrawal_paid_whole_by(g) is not null then
    return ledger_refuse(g, false, p_step_key, 'release', p_actor, p_request, true, 'WRONG_KIND',
      format('%s is paid whole by %s: release all of it.', g.id, withdrawal_paid_whole_by(g)));
  end if;
  if p_amount is null or p_final or p_amount = v_left then
    return ledger_give_back(g, p_step_key, 'release', p_actor, p_request, 'RELEASED', p_reason,
      true, w);
  end if;
  return ledger_write(g, false, p_step_key, 'release', p_actor, p_request, 'group.reduced', 'MOVES',
    '{1,2}', array[w.wallet_id, 'external:' || w.asset], array[w.asset, w.asset], '{DEBIT,CREDIT}',
    array[p_amount, p_amount], '{RELEASED,RELEASED}', true, true);
end
$$;

-- A chainless withdrawal past its deadline: only the outside knows, so it is marked, not ended. One
-- that waits for approval cannot have been paid, and ends.
create function ledger_mark_stuck(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_expires_at timestamptz
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  if g.status <> 'IN_PROGRESS' then
    return ledger_refuse(g, false, p_step_key, 'markStuck', p_actor, p_request, false,
      'GROUP_NOT_OPEN', format('Group %s is %s.', g.id, g.status));
  end if;
  if g.kind <> 'withdrawal' or g.chain is not null or g.expires_at is null then
    return ledger_refuse(g, false, p_step_key, 'markStuck', p_actor, p_request, false,
      'WRONG_KIND', format('Group %s is not a chainless withdrawal with a deadline.', g.id));
  end if;
  if g.expires_at <> p_expires_at or g.expires_at > clock_timestamp() then
    return jsonb_build_object('outcome', 'not_due', 'expiresAt', rfc3339(g.expires_at),
      'groupStatus', g.status);
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  if w.state = 'awaiting_approval' then
    return ledger_give_back(g, p_step_key, 'expire', p_actor, p_request, 'CANCELLED', 'EXPIRED',
      true, w);
  end if;
  w.state := 'stuck';
  return ledger_write(g, false, p_step_key, 'markStuck', p_actor, p_request, 'withdrawal.stuck',
    'MOVES', '{}', '{}', '{}', '{}', '{}', '{}', true, true, null, w);
end
$$;
