-- Chainless deposits: opened, confirmed in parts, cancelled.

-- First step of a chainless deposit: `external:<asset>` DEBIT (leg 1), the wallet CREDIT (leg 2).
-- The same outside reference under another key answers with the first group.
create function ledger_open_deposit(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_client text, p_wallet text, p_amount numeric, p_txid text, p_ordinal integer, p_source text,
  p_metadata jsonb, p_accept_by timestamptz
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  a assets;
  d deposits;
  v_answer jsonb;
  v_code text;
  v_detail text;
begin
  select t.* into a from wallets w join assets t on t.code = w.asset where w.id = p_wallet;
  if p_txid is not null and a.code is not null then
    -- Two first reports of one outside payment wait for each other here.
    perform ledger_lock_new(concat_ws(' ', 'deposit', a.code, p_source, p_txid, p_ordinal));
  end if;
  perform ledger_lock_new(p_group_id);
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  g.id := p_group_id;
  g.kind := 'deposit';
  g.status := 'IN_PROGRESS';
  g.client := p_client;
  g.metadata := p_metadata;
  g.opened_by := p_step_key;
  g.chain := a.chain;
  v_answer := ledger_open_fault(g, p_step_key, 'deposit', p_actor, p_request, p_accept_by);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into d from deposits where asset = a.code and source = coalesce(p_source, '')
    and txid = p_txid and ordinal = coalesce(p_ordinal, 0);
  if found and d.wallet_id = p_wallet and d.amount = p_amount then
    v_answer := jsonb_build_object('outcome', 'done', 'group', group_json(d.group_id));
    v_answer := v_answer || jsonb_build_object('groupStatus', v_answer #> '{group,status}');
    insert into operations (group_id, step_key, verb, actor, request, status, answer, created_at)
      values (p_group_id, p_step_key, 'deposit', p_actor, p_request, 'done', v_answer,
        clock_timestamp());
    return v_answer;
  end if;
  if found then
    v_code := 'DEPOSIT_EXISTS';
    v_detail := format('%s was reported as %s %s to wallet %s in group %s.', p_txid,
      amount_text(d.amount), d.asset, d.wallet_id, d.group_id);
  elsif a.code is null then
    v_code := 'WALLET_NOT_FOUND';
    v_detail := format('There is no wallet %s.', p_wallet);
  elsif a.chain is not null then
    v_code := 'CHAIN_DECIDES';
    v_detail := format('Deposits of %s are read from %s.', a.code, a.chain);
  elsif a.deposits_paused then
    v_code := 'ASSET_PAUSED';
    v_detail := format('Deposits of %s are paused.', a.code);
  elsif p_amount < a.min_deposit then
    v_code := 'BELOW_MINIMUM';
    v_detail := format('The least deposit is %s %s.', amount_text(a.min_deposit), a.code);
  end if;
  if v_code is not null then
    return ledger_refuse(g, true, p_step_key, 'deposit', p_actor, p_request, true, v_code,
      v_detail);
  end if;
  if not p_admin and exists (
    select from wallet_balances where wallet_id = p_wallet and mode = 'deferred'
  ) then
    return ledger_refuse(g, true, p_step_key, 'deposit', p_actor, p_request, false, 'FORBIDDEN',
      format('Only an admin may name the system wallet %s.', p_wallet));
  end if;
  v_answer := ledger_write(g, true, p_step_key, 'deposit', p_actor, p_request, 'group.opened',
    'HOLD',
    '{1,2}', array['external:' || a.code, p_wallet], '{null,null}', '{DEBIT,CREDIT}',
    array[p_amount, p_amount], null, true, true);
  if p_txid is not null and v_answer ->> 'outcome' = 'done' then
    insert into deposits (group_id, wallet_id, asset, amount, source, txid, ordinal)
      values (p_group_id, p_wallet, a.code, p_amount, coalesce(p_source, ''), p_txid,
        coalesce(p_ordinal, 0));
  end if;
  return v_answer;
end
$$;

-- What stops an act that belongs to one kind alone, or null. Of another kind: WRONG_KIND; bound to
-- a chain: the chain decides; finished: GROUP_NOT_OPEN.
create function ledger_own_kind_fault(
  g transfer_groups, p_kind group_kind, p_step_key text, p_verb text, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  v_code text;
  v_detail text;
begin
  if g.kind <> p_kind then
    v_code := 'WRONG_KIND';
    v_detail := format('Group %s is a %s; %s acts on a %s.', g.id, g.kind, p_verb, p_kind);
  elsif g.chain is not null then
    v_code := case when g.kind = 'withdrawal' and ledger_signing_began(g.id)
      then 'MAY_BE_ON_CHAIN' else 'CHAIN_DECIDES' end;
    v_detail := format('What becomes of %s is decided on %s.', g.id, g.chain);
  elsif g.status <> 'IN_PROGRESS' then
    v_code := 'GROUP_NOT_OPEN';
    v_detail := format('Group %s is %s.', g.id, g.status);
  else
    return null;
  end if;
  return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, true, v_code, v_detail);
end
$$;

-- Confirms all that is pending of a chainless deposit, or p_amount of it.
create function ledger_confirm_deposit(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_amount numeric, p_final boolean
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_own_kind_fault(g, 'deposit', p_step_key, 'confirm', p_actor, p_request));
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_capture(g, p_step_key, 'confirm', p_actor, p_request,
    case when p_amount is not null then '{1,2}'::smallint[] end, array[p_amount, p_amount], p_final,
    true);
end
$$;

create function ledger_cancel_deposit(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_reason text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    ledger_own_kind_fault(g, 'deposit', p_step_key, 'cancel', p_actor, p_request));
  if v_answer is not null then
    return v_answer;
  end if;
  return ledger_give_back(g, p_step_key, 'cancel', p_actor, p_request, 'CANCELLED', p_reason, true);
end
$$;
