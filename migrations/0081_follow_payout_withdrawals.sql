-- Withdrawals of payout runs from their hold to their end. Called with the run's row locked, as all
-- that writes a run. Locks: the run, groups by id, balances; nobody who holds a group waits for a
-- run.

-- Replaces the body of the runs' migration: where the open withdrawals are.
-- sent: being signed, or signed; only the chain or the custodian ends those.
create or replace function payout_progress(r payout_runs) returns jsonb
language sql stable
return case
  when r.held = 0 then
    '{"awaitingApproval": 0, "awaitingFunds": 0, "ready": 0, "sent": 0, "stuck": 0}'::jsonb
  else (
    select jsonb_build_object(
      'awaitingApproval', count(*) filter (where w.state = 'awaiting_approval'),
      'awaitingFunds', count(*) filter (where w.state = 'awaiting_funds'),
      'ready', count(*) filter (where w.state = 'held'),
      'sent', count(*) filter (where w.state not in ('awaiting_approval', 'awaiting_funds', 'held',
        'stuck', 'settled', 'released', 'late_confirmed')),
      'stuck', count(*) filter (where w.state = 'stuck'))
    from payout_held h
      cross join lateral (
        select x.state from withdrawals x
        where x.group_id = payout_group_id(h.run_id, h.line) limit 1
      ) w
    where h.run_id = r.id)
end;

-- Lines that have just become held are looked after from here on.
create function payout_note_held(r payout_runs) returns void
language sql volatile
begin atomic
  insert into payout_held (run_id, line)
    select l.run_id, l.line from payout_lines l
    where l.run_id = r.id and l.line > r.decided_to and l.line <= r.claimed_to
      and l.status = 'held'
    on conflict do nothing;
end;

-- Writes down which withdrawals have ended and how. What arrived counts as paid, also where the
-- rest was given back.
create function payout_record_ended(r payout_runs) returns payout_runs
language plpgsql as $$
declare
  v_settled integer;
  v_released integer;
  v_paid numeric;
begin
  with ended as materialized (
    select h.line, g.status, coalesce(g.reason, g.status::text) as reason, p.settled as paid
    from payout_held h
      cross join lateral (
        select * from transfer_groups x where x.id = payout_group_id(h.run_id, h.line) limit 1
      ) g
      cross join lateral (
        select x.settled from transfer_legs x where x.group_id = g.id and x.leg = 1 limit 1
      ) p
    where h.run_id = r.id and g.status <> 'IN_PROGRESS'
  ), forgotten as (
    delete from payout_held h using ended e where h.run_id = r.id and h.line = e.line
  ), written as (
    update payout_lines l
      set status = case e.status when 'SETTLED' then 'settled' else 'released' end
            ::payout_line_status,
        -- Words of ours are codes; those that a person typed are none.
        code = case when e.status = 'SETTLED' then null
          when e.reason ~ '^[A-Z][A-Z_]*$' then e.reason else e.status::text end,
        detail = case
          when e.status = 'SETTLED' then null
          when e.reason = 'REVERTED' then 'The chain reverted the payment; the amount came back.'
          when e.reason = 'EXPIRED' then 'Its deadline came before it was signed.'
          when e.reason = 'RISK_DENIED' then 'The risk check said no.'
          when e.reason = 'PAYOUT_RUN_CANCELLED' then 'The run was cancelled before it was signed.'
          else format('The withdrawal was given back: %s', e.reason) end
      from ended e where l.run_id = r.id and l.line = e.line
      returning l.status, e.paid
  )
  select count(*) filter (where w.status = 'settled'),
      count(*) filter (where w.status = 'released'), coalesce(sum(w.paid), 0)
    into v_settled, v_released, v_paid from written w;
  if v_settled + v_released > 0 then
    update payout_runs p
      set settled = p.settled + v_settled, released = p.released + v_released,
        held = p.held - v_settled - v_released, paid = p.paid + v_paid
      where p.id = r.id returning * into r;
  end if;
  return r;
end
$$;

-- Withdrawals that are held and whose saga nobody has started, up to p_most, in the form of lines
-- to be paid: opening one again answers what it answered. p_begun: those that were started.
create function payout_unbegun(r payout_runs, p_begun integer[], p_most integer) returns jsonb
language plpgsql as $$
begin
  update payout_held h set begun = true
    where h.run_id = r.id and h.line = any(p_begun) and not h.begun;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'wallet', null,
      'amount', amount_text(l.amount), 'reference', coalesce(l.reference, r.reference),
      'groupId', payout_group_id(r.id, l.line), 'out', payout_out_json(r.id, l.line))
      order by l.line), '[]')
    from (
      select h.line from payout_held h where h.run_id = r.id and not h.begun
      order by h.line limit p_most
    ) h
      cross join lateral (
        select * from payout_lines x where x.run_id = r.id and x.line = h.line limit 1
      ) l
  );
end
$$;

-- Whether more of a run may be held now. Each withdrawal that could be signed and is not asks the
-- node again and again, so thousands of them would only keep each other waiting.
create function payout_may_hold_more(r payout_runs) returns boolean
language sql stable
return (
  select count(*) < 1000
  from payout_held h
    cross join lateral (
      select x.* from withdrawals x
      where x.group_id = payout_group_id(h.run_id, h.line) limit 1
    ) w
  where h.run_id = r.id and w.chain is not null and w.state in ('held', 'awaiting_funds')
);

-- Whether nothing of a withdrawal can have left. Of one without a chain and without a custodian
-- somebody outside may have paid what nobody has told so far, unless it was not even approved.
create function payout_is_here(w withdrawals) returns boolean
language sql stable
return w.state = 'awaiting_approval' or (w.state in ('held', 'awaiting_funds')
  and (w.chain is not null
    or exists (select from custody_payments c where c.group_id = w.group_id)));

-- Gives back withdrawals of a run that is being cancelled, some of those that can be; answers how
-- many. As many as a transaction can bear: each is some ten statements.
create function payout_give_back(r payout_runs) returns integer
language plpgsql as $$
declare
  c_most constant integer := 200;
  c_reason constant text := 'PAYOUT_RUN_CANCELLED';
  v_ids text[];
  v_id text;
  v_answer jsonb;
  v_count integer := 0;
begin
  v_ids := array(
    select w.group_id
    from payout_held h
      cross join lateral (
        select x.* from withdrawals x
        where x.group_id = payout_group_id(h.run_id, h.line) limit 1
      ) w
    where h.run_id = r.id and payout_is_here(w)
    order by h.line limit c_most);
  -- All of them before the first balance: whoever settles one has its group, and waits for that.
  perform from transfer_groups g where g.id = any(v_ids) order by g.id for update;
  foreach v_id in array v_ids loop
    -- Looked at again under its lock: it may have been signed, or have ended.
    if exists (select from withdrawals w join transfer_groups g on g.id = w.group_id
      where w.group_id = v_id and g.status = 'IN_PROGRESS' and payout_is_here(w))
    then
      v_answer := ledger_release_withdrawal(v_id, '~payoutCancelled', 'saga',
        jsonb_build_object('reason', c_reason, 'amount', null, 'final', true), c_reason, null,
        true);
      if v_answer ->> 'outcome' <> 'done' then
        raise exception '% is not given back: %', v_id, v_answer using errcode = 'HF004';
      end if;
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end
$$;

-- From here on nothing more of a run is held. Answers its row: with nothing held where all could
-- be given back at once.
create function payout_stop(r payout_runs, p_reason text) returns payout_runs
language plpgsql as $$
begin
  perform payout_give_back(r);
  r := payout_record_ended(r);
  if r.held > 0 then
    update payout_runs p
      set status = 'CANCELLING', reason = p_reason, claimed_to = p.lines, decided_to = p.lines,
        cancelled = p.lines - p.settled - p.refused - p.released - p.held
      where p.id = r.id returning * into r;
  end if;
  return r;
end
$$;

-- The answer to whoever cancelled a run of which withdrawals are still open.
create function payout_note_cancelling(
  r payout_runs, p_step_key text, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  c_at constant timestamptz := clock_timestamp();
  c_answer constant jsonb := jsonb_build_object('outcome', 'done', 'run', payout_run_json(r));
begin
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (r.id, p_step_key, 'cancelPayoutRun', p_actor, p_request, 'done', c_answer, c_at);
  insert into outbox (group_id, event, step_key, created_at)
    values (r.id, 'payout_run.cancelling', p_step_key, c_at);
  return c_answer;
end
$$;

-- Withdrawals that a cancelled run has given back: their sagas do not know it.
create function payout_given_back(p_run_id text) returns table (group_id text)
language sql stable
begin atomic
  select payout_group_id(l.run_id, l.line) from payout_lines l
    where l.run_id = p_run_id and l.status = 'released' and l.code = 'PAYOUT_RUN_CANCELLED';
end;
