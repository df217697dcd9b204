-- What custodians say: words that are about something else, hooks that came in other words, and
-- payments that no worker here can ask for.

-- Begins the payment: from this commit on the custodian may have it. Answers {result: 'begun',
-- payment}, the same for ever; {result: 'waiting', why}, where it may still be released; or
-- {result: 'ended'}. One that the caller cannot ask for is not begun: nobody could give it back.
-- p_known  the custodians that the caller is told of
drop function custody_begin(text);
create function custody_begin(p_group_id text, p_known text[]) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  select * into c from custody_payments where group_id = p_group_id for update;
  if g.status is distinct from 'IN_PROGRESS' then
    return '{"result": "ended"}';
  elsif c.began_at is not null then
    return jsonb_build_object('result', 'begun', 'payment', custody_json(p_group_id));
  elsif g.expires_at <= clock_timestamp() then
    perform ledger_give_back(g, '~expire:' || rfc3339(g.expires_at), 'expire', 'ledger',
      jsonb_build_object('expiresAt', rfc3339(g.expires_at)), 'CANCELLED', 'EXPIRED', true, w);
    return '{"result": "ended"}';
  elsif c.group_id is null then
    return jsonb_build_object('result', 'waiting', 'why', 'no custodian pays it');
  elsif w.state = 'awaiting_approval' then
    return jsonb_build_object('result', 'waiting', 'why', 'it is ' || w.state);
  end if;
  v_why := case when c.custodian <> all(p_known)
    then format('%s is not configured here: see CUSTODIANS', c.custodian)
    when (select a.withdrawals_paused from assets a where a.code = w.asset)
    then format('withdrawals of %s are paused', w.asset)
    when w.amount <> (select remaining from transfer_legs where group_id = p_group_id and leg = 1)
      then 'part of it was given back, and a custodian pays it whole: release the rest'
    else withdrawal_destination_fault(w.wallet_id, w.destination) end;
  if v_why is not null then
    perform custody_set_state(p_group_id, 'awaiting_funds', '~custody:waits',
      'withdrawal.awaiting_funds', jsonb_build_object('why', v_why));
    return jsonb_build_object('result', 'waiting', 'why', v_why);
  end if;
  update custody_payments set began_at = clock_timestamp(), updated_at = clock_timestamp()
    where group_id = p_group_id;
  perform custody_set_state(p_group_id, 'signing', '~custody:begin', 'withdrawal.signing',
    jsonb_build_object('custodian', c.custodian));
  return jsonb_build_object('result', 'begun', 'payment', custody_json(p_group_id));
end
$$;

-- Notes the custodian's word. `unknown` never takes the place of a word; a second reference for one
-- payment is kept out and told: {contradicts: true}. That a payment of another reference failed
-- says nothing of the first, which may be paid yet: of such a word only the transaction is kept.
create or replace function custody_record(
  p_group_id text, p_status text, p_reference text, p_txid text, p_detail text
) returns jsonb
language plpgsql as $$
declare
  c custody_payments;
  v_fails constant boolean := p_status in ('refused', 'failed', 'rejected');
  v_contradicts boolean;
  v_state text;
  v_open boolean;
begin
  select g.status = 'IN_PROGRESS' into v_open from transfer_groups g
    where g.id = p_group_id for update;
  select * into strict c from custody_payments where group_id = p_group_id for update;
  if p_status = 'unknown' and c.status is not null then
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', false);
  end if;
  v_contradicts := c.reference <> p_reference;
  if v_contradicts and v_fails then
    update custody_payments set txids = txids || p_txid, updated_at = clock_timestamp()
      where group_id = p_group_id and p_txid is not null and p_txid <> all(txids);
    insert into group_facts (group_id, key, event, actor, detail)
      values (p_group_id, concat_ws(':', '~custody', p_status, p_reference),
        'withdrawal.custody_' || p_status, 'custody',
        jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
          'insteadOf', c.reference, 'txid', p_txid, 'detail', p_detail)))
      on conflict (group_id, key) do nothing;
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', true);
  end if;
  update custody_payments
    set status = p_status, reference = coalesce(c.reference, p_reference), detail = p_detail,
        txids = case when p_txid is null or p_txid = any (c.txids) then c.txids
          else c.txids || p_txid end,
        failed_since = case when v_fails then coalesce(c.failed_since, clock_timestamp())
          when not v_open then c.failed_since end,
        updated_at = clock_timestamp()
    where group_id = p_group_id;
  v_state := case when p_status = 'unknown' then 'broadcast_unknown' when v_fails then 'stuck'
    when p_status = 'confirmed' then 'confirmed' else 'broadcast' end;
  if v_open then
    perform custody_set_state(p_group_id, v_state,
      concat_ws(':', '~custody', p_status, p_txid), 'withdrawal.custody_' || p_status,
      jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
        'txid', p_txid, 'detail', p_detail)));
  end if;
  return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', v_contradicts);
end
$$;

-- Why a person may not end a withdrawal that a custodian pays, as a stored refusal, or null. The
-- group's row is locked by it. One that ended before anybody was asked has ended as any other.
create or replace function custody_act_fault(
  p_group_id text, p_step_key text, p_verb text, p_actor text, p_request jsonb, p_gives_back boolean
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  c custody_payments;
begin
  select * into c from custody_payments where group_id = p_group_id;
  if not found then
    return null;
  end if;
  select * into g from transfer_groups where id = p_group_id for update;
  select * into c from custody_payments where group_id = p_group_id;
  if ledger_replay(p_group_id, p_step_key) is not null
    or (c.began_at is null and (p_gives_back or g.status <> 'IN_PROGRESS'))
  then
    return null;
  end if;
  return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, true,
    case when c.began_at is null then 'CHAIN_DECIDES' else 'MAY_BE_ON_CHAIN' end,
    format('%s pays %s; only its payment, or its failure, ends it.', c.custodian, g.id));
end
$$;

-- Payments that a delivery named in other words than its first ones, which `body` has.
alter table chain_hooks add column payments text[] not null default '{}';
grant update (payments) on chain_hooks to holdfast_app;

-- Stores a hook whose signature was right. Answers `taken`; `copy` where it had come before; or
-- `contradiction` where it had come before in other words: what those name is looked at as well.
-- Payments also where they were named before: a provider that gives all its words on a payment one
-- id says something new of it each time.
-- p_payments  ids of payments that it names; those of the first words stand in the body
drop function chain_take_hook(text, text, bytea, text[]);
create function chain_take_hook(
  p_source text, p_delivery_id text, p_body bytea, p_txids text[], p_payments text[]
) returns text
language plpgsql as $$
declare
  -- So many that no honest delivery has them: the row must not grow without end.
  c_most constant integer := 1000;
  h chain_hooks;
  v_new text[];
  v_payments text[];
begin
  insert into chain_hooks (source, delivery_id, body, body_hash, txids, open_txids)
    values (p_source, p_delivery_id, p_body, sha256(p_body), p_txids, p_txids)
    on conflict (source, delivery_id) do nothing;
  if found then
    return 'taken';
  end if;
  select * into strict h from chain_hooks c
    where c.source = p_source and c.delivery_id = p_delivery_id for update;
  if h.body_hash = sha256(p_body) then
    -- One that was given up gets another chance: the provider insists.
    update chain_hooks c
      set copies = c.copies + 1,
          opened_at = case when h.fault is null then c.opened_at else clock_timestamp() end,
          due_at = case when h.fault is null then c.due_at else clock_timestamp() end,
          tries = case when h.fault is null then c.tries else 0 end,
          finished_at = case when h.fault is null then c.finished_at end,
          fault = null
      where c.id = h.id;
    return 'copy';
  end if;
  v_new := case when cardinality(h.txids) < c_most
    then array(select unnest(p_txids) except select unnest(h.txids)) else '{}' end;
  v_payments := array(select unnest(p_payments) except select unnest(h.payments));
  if cardinality(h.payments) >= c_most then
    v_payments := '{}';
  end if;
  update chain_hooks c
    set contradictions = c.contradictions + 1, txids = c.txids || v_new,
        open_txids = c.open_txids || v_new, payments = c.payments || v_payments
    where c.id = h.id;
  if cardinality(v_new) + cardinality(p_payments) > 0 then
    update chain_hooks c
      set tries = 0, fault = null, opened_at = clock_timestamp(), due_at = clock_timestamp(),
          finished_at = null
      where c.id = h.id;
  end if;
  return 'contradiction';
end
$$;

-- Takes up to p_limit hooks that are due, oldest first, and puts their next time off: one second,
-- doubled with every try, at most five minutes. A reader that dies leaves them to the next one.
drop function chain_due_hooks(integer);
create function chain_due_hooks(p_limit integer)
returns table (
  id bigint, source text, delivery_id text, txids text[], payments text[], body bytea
)
language sql volatile
begin atomic
  with due as materialized (
    select h.id from chain_hooks h
    where h.finished_at is null and h.due_at <= statement_timestamp()
    order by h.due_at, h.id limit p_limit
    for update skip locked
  )
  update chain_hooks h
    set tries = h.tries + 1,
        due_at = clock_timestamp() + make_interval(secs => least(300, 2 ^ least(h.tries, 9)))
    from due where h.id = due.id
    returning h.id, h.source, h.delivery_id, h.open_txids, h.payments, h.body;
end;
