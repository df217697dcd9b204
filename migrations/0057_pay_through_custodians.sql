-- Withdrawals that a custodian pays, from the moment on when it may have them to their end. Locks:
-- the group, its payment, balances.

-- A payment as its saga needs it.
create function custody_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object('groupId', c.group_id, 'custodian', c.custodian, 'asset', w.asset,
    'scale', a.scale, 'amount', amount_text(w.amount), 'destination', w.destination,
    'chain', c.chain, 'contract', c.contract, 'began', c.began_at is not null,
    'status', c.status, 'reference', c.reference, 'txids', to_jsonb(c.txids))
  from custody_payments c
  join withdrawals w on w.group_id = c.group_id
  join assets a on a.code = w.asset
  where c.group_id = p_group_id
);

-- Moves the withdrawal on and writes a line of its timeline. The caller holds the group's lock.
create function custody_set_state(
  p_group_id text, p_state text, p_key text, p_event text, p_detail jsonb
) returns void
language sql volatile
begin atomic
  update withdrawals set state = p_state, updated_at = clock_timestamp()
    where group_id = p_group_id and state <> p_state;
  insert into group_facts (group_id, key, event, actor, detail)
    values (p_group_id, p_key, p_event, 'custody', p_detail)
    on conflict (group_id, key) do nothing;
end;

-- Begins the payment: from this commit on the custodian may have it. Answers {result: 'begun',
-- payment}, the same for ever; {result: 'waiting', why}, where it may still be released; or
-- {result: 'ended'}. One that the caller cannot ask for is not begun: nobody could give it back.
-- p_known  the custodians that the caller is told of
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
