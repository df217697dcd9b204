-- Approval, refusal and the risk check of withdrawals: decided and stored under the group's lock.
-- Until then a withdrawal is `awaiting_approval`: nothing was signed or paid, so its deadline and
-- everybody who may give it back can end it.

-- Words of people whose saga is to be told, written with the word itself: whoever wrote it may die
-- before it tells, and a saga without a deadline would run on over a finished group. A row goes
-- when its saga was told, by whoever wrote it or by the sweeper.
create table saga_hints (
  id bigint generated always as identity primary key,
  group_id text collate "C" not null,
  created_at timestamptz not null default clock_timestamp()
);

create index saga_hints_by_group on saga_hints (group_id);

-- Rows come and go all the time, as of `outbox`.
alter table saga_hints set (autovacuum_vacuum_scale_factor = 0.01);

grant select, insert, delete on saga_hints to holdfast_app;

-- What a withdrawal waits for, in a sentence.
create function withdrawal_waits_for(p_group_id text) returns text
language sql stable
return (
  select case
    when p.risk = 'pending' then 'it waits for the risk check'
    else format('it waits for %s of %s approvals by clients other than %s',
      p.approvals_needed - v.given, p.approvals_needed, g.client)
  end
  from withdrawal_policies p
  join transfer_groups g on g.id = p.group_id
  cross join lateral (
    select count(*) as given from withdrawal_approvals a where a.group_id = p.group_id) v
  where p.group_id = p_group_id
);

-- Why nobody's word counts, as a refusal, or null. A withdrawal that no rule asked about takes a
-- word as well, as long as nothing of it was signed or paid. One at or past its deadline is ended
-- here first. The caller holds the group's lock.
create function withdrawal_word_fault(
  g transfer_groups, p_step_key text, p_verb text, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  w withdrawals;
  v_code text;
  v_detail text;
begin
  select * into w from withdrawals where group_id = g.id;
  if withdrawal_expire_waiting(g, w) then
    select * into g from transfer_groups where id = g.id;
  end if;
  if g.kind <> 'withdrawal' then
    v_code := 'WRONG_KIND';
    v_detail := format('Group %s is a %s, not a withdrawal.', g.id, g.kind);
  elsif g.status <> 'IN_PROGRESS' then
    v_code := 'GROUP_NOT_OPEN';
    v_detail := format('Group %s is %s%s.', g.id, g.status, coalesce(': ' || g.reason, ''));
  elsif g.chain is not null and ledger_signing_began(g.id) then
    v_code := 'MAY_BE_ON_CHAIN';
    v_detail := format('Bytes of %s may be on %s; only the chain ends it.', g.id, g.chain);
  elsif w.state <> 'awaiting_approval' and (p_verb = 'riskCheck'
    or w.state not in ('held', 'awaiting_funds')
    or exists (select from withdrawal_policies p where p.group_id = g.id))
  then
    v_code := 'WRONG_KIND';
    v_detail := format('The withdrawal is %s and waits for no approval.', w.state);
  else
    return null;
  end if;
  return ledger_refuse(g, false, p_step_key, p_verb, p_actor, p_request, true, v_code, v_detail);
end
$$;

-- One client's yes. The last one that is needed lets the withdrawal go on; where none is needed, it
-- is noted and changes nothing. What depends on who asks
-- is refused and not stored, so that the key stays free: FORBIDDEN for the client that asked for
-- the withdrawal and for one that has approved before; DESTINATION_NOT_ALLOWED where the address
-- may not be used any more.
--
-- p_actor  the client, as the API has authenticated it
create function ledger_approve(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_reason text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  p withdrawal_policies;
  v_answer jsonb;
  v_given integer;
  v_event text := 'withdrawal.approval_given';
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  if g.kind = 'withdrawal' and g.client = p_actor then
    return ledger_refuse(g, false, p_step_key, 'approve', p_actor, p_request, false, 'FORBIDDEN',
      format('%s asked for this withdrawal: another client must approve.', p_actor));
  end if;
  v_answer := withdrawal_word_fault(g, p_step_key, 'approve', p_actor, p_request);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into p from withdrawal_policies where group_id = p_group_id;
  if p.risk = 'pending' then
    -- Who approves shall know what the check says. Not stored: a minute later it is another answer.
    return ledger_refuse(g, false, p_step_key, 'approve', p_actor, p_request, false, 'WRONG_KIND',
      'The withdrawal waits for the risk check first; approve it when that has answered.');
  elsif exists (select from withdrawal_approvals a
    where a.group_id = p_group_id and a.client = p_actor)
  then
    return ledger_refuse(g, false, p_step_key, 'approve', p_actor, p_request, false, 'FORBIDDEN',
      format('%s has approved this withdrawal already: another client must.', p_actor));
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  if withdrawal_destination_fault(w.wallet_id, w.destination) is not null then
    -- It was taken from the list meanwhile. Not stored: it may come back.
    return ledger_refuse(g, false, p_step_key, 'approve', p_actor, p_request, false,
      'DESTINATION_NOT_ALLOWED', withdrawal_destination_fault(w.wallet_id, w.destination));
  end if;
  if p.group_id is not null then
    insert into withdrawal_approvals (group_id, client, reason)
      values (p_group_id, p_actor, p_reason);
  end if;
  select count(*) into v_given from withdrawal_approvals a where a.group_id = p_group_id;
  if v_given >= p.approvals_needed then
    w.state := 'held';
    v_event := 'withdrawal.approved';
  end if;
  insert into saga_hints (group_id) values (p_group_id);
  return ledger_write(g, false, p_step_key, 'approve', p_actor, p_request, v_event,
    'MOVES', '{}', '{}', '{}', '{}', '{}', '{}', true, true, null, w);
end
$$;

-- A no. All that is held goes back, with the reason; the client that asked may say it as well.
create function ledger_reject(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_reason text
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
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    withdrawal_word_fault(g, p_step_key, 'reject', p_actor, p_request));
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  insert into saga_hints (group_id) values (p_group_id);
  return ledger_give_back(g, p_step_key, 'reject', p_actor, p_request, 'CANCELLED', p_reason, true,
    w);
end
$$;

-- The risk check's verdict; the first one counts for ever. `deny` gives the money back, `review`
-- asks for one approval at least.
create function ledger_record_risk(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_verdict text, p_reason text
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  p withdrawal_policies;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := coalesce(ledger_replay(p_group_id, p_step_key),
    withdrawal_word_fault(g, p_step_key, 'riskCheck', p_actor, p_request));
  if v_answer is not null then
    return v_answer;
  end if;
  select * into w from withdrawals where group_id = p_group_id;
  update withdrawal_policies
    set risk = p_verdict, risk_reason = p_reason,
        approvals_needed = case p_verdict when 'review' then greatest(approvals_needed, 1)
          else approvals_needed end
    where group_id = p_group_id and risk = 'pending' returning * into p;
  if not found then
    return ledger_refuse(g, false, p_step_key, 'riskCheck', p_actor, p_request, false, 'WRONG_KIND',
      format('Withdrawal %s waits for no risk check.', p_group_id));
  end if;
  if p_verdict = 'deny' then
    return ledger_give_back(g, p_step_key, 'riskCheck', p_actor, p_request, 'CANCELLED',
      'RISK_DENIED', true, w);
  end if;
  if p.approvals_needed = 0 then
    w.state := 'held';
  end if;
  return ledger_write(g, false, p_step_key, 'riskCheck', p_actor, p_request,
    case w.state when 'held' then 'withdrawal.approved' else 'withdrawal.risk_checked' end,
    'MOVES', '{}', '{}', '{}', '{}', '{}', '{}', true, true, null, w);
end
$$;
