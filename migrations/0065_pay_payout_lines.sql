-- Lines of a run that were handed out and have no outcome, with the places of their rows. They are
-- looked up one by one: a plan that a session made while the table was small would read all of a
-- list for each lot of it, and such a plan lasts.
create function payout_lines_out(p_run_id text, p_after integer, p_to integer)
returns table (place tid, line integer, wallet_id text, amount numeric, reference text)
language sql stable
begin atomic
  select l.place, l.line, l.wallet_id, l.amount, l.reference
    from generate_series(p_after + 1, p_to) n
      cross join lateral (
        select x.ctid as place, x.* from payout_lines x
        where x.run_id = p_run_id and x.line = n limit 1
      ) l
    where l.status = 'waiting';
end;

-- Writes down what became of the lines that were handed out: the ledger's own operation of each
-- line's group says it, so nobody's word is taken for it. Call it with the run's row locked; it
-- answers the row as it is then. A line without an operation is left as it is; a run without such
-- lines is done. A line whose withdrawal was opened is held until that has ended.
create function ledger_record_payout_lines(r payout_runs) returns payout_runs
language plpgsql as $$
declare
  v_settled integer;
  v_refused integer;
  v_held integer;
  v_paid numeric;
  v_first_waiting integer;
begin
  with decided as materialized (
    select l.place, o.status, o.verb,
        case o.status when 'refused' then o.answer::jsonb -> 'refusal' end as refusal
    from payout_lines_out(r.id, r.decided_to, r.claimed_to) l
      cross join lateral (
        select * from operations x
        where x.group_id = payout_group_id(r.id, l.line) and x.step_key = r.opened_by limit 1
      ) o
  ), written as (
    update payout_lines l
      set status = case when d.status <> 'done' then 'refused' when d.verb = 'withdraw' then 'held'
          else 'settled' end::payout_line_status,
        code = d.refusal ->> 'code', detail = d.refusal ->> 'detail'
      from decided d where l.ctid = d.place
      returning l.status, l.amount
  )
  select count(*) filter (where w.status = 'settled'), count(*) filter (where w.status = 'refused'),
      count(*) filter (where w.status = 'held'),
      coalesce(sum(w.amount) filter (where w.status = 'settled'), 0)
    into v_settled, v_refused, v_held, v_paid from written w;
  if v_held > 0 then
    perform payout_note_held(r);
  end if;
  select min(l.line) into v_first_waiting
    from payout_lines_out(r.id, r.decided_to, r.claimed_to) l;
  update payout_runs p
    set settled = p.settled + v_settled, refused = p.refused + v_refused, held = p.held + v_held,
      paid = p.paid + v_paid, decided_to = coalesce(v_first_waiting - 1, p.claimed_to)
    where p.id = r.id returning * into r;
  if r.held > 0 then
    r := payout_record_ended(r);
  end if;
  -- Of one that is being cancelled every line has its outcome but those that are held.
  if r.settled + r.refused + r.released + r.cancelled = r.lines then
    perform ledger_finish_payout_run(r, '~finish', 'finishPayoutRun', 'saga', '{}',
      case r.status when 'CANCELLING' then 'CANCELLED' else 'DONE' end::payout_run_status,
      r.reason);
    select * into r from payout_runs where id = r.id;
  end if;
  return r;
end
$$;

-- Ends a run whose lines all have their outcome, once, and announces it.
create function ledger_finish_payout_run(
  r payout_runs, p_step_key text, p_verb text, p_actor text, p_request jsonb,
  p_status payout_run_status, p_reason text
) returns jsonb
language plpgsql as $$
declare
  v_at timestamptz := clock_timestamp();
  v_answer jsonb;
begin
  update payout_runs p
    set status = p_status, reason = p_reason, finished_at = v_at, claimed_to = p.lines,
      decided_to = p.lines, cancelled = p.lines - p.settled - p.refused - p.released
    where p.id = r.id returning * into r;
  v_answer := jsonb_build_object('outcome', 'done', 'run', payout_run_json(r));
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (r.id, p_step_key, p_verb, p_actor, p_request, 'done', v_answer, v_at);
  insert into outbox (group_id, event, step_key, created_at)
    values (r.id, 'payout_run.' || lower(p_status::text), p_step_key, v_at);
  return v_answer;
end
$$;

-- Brings a run's outcomes up to date and hands out the next lines: all that are out without an
-- outcome, withdrawals that are held and whose saga nobody has started, and new ones until p_most
-- are out. Whoever pays them may die at any moment: they are handed out again, and a line that was
-- paid already says so when it is paid again. Of a run that is being cancelled it gives back what
-- can be, some at a time.
--
-- p_begun  lines whose sagas the caller has started
-- Answers besides the run: lines, and gaveBack, how many withdrawals were released by this call.
create function ledger_advance_payout_run(p_run_id text, p_most integer, p_begun integer[])
returns jsonb
language plpgsql as $$
declare
  r payout_runs;
  v_out bigint;
  v_gave_back integer := 0;
  v_lines jsonb := '[]';
begin
  select * into r from payout_runs where id = p_run_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  if r.status = 'CANCELLING' then
    v_gave_back := payout_give_back(r);
  end if;
  if r.finished_at is null then
    r := ledger_record_payout_lines(r);
  end if;
  if r.held > 0 then
    v_lines := payout_unbegun(r, p_begun, p_most);
  end if;
  if r.status = 'RUNNING' then
    select count(*) + jsonb_array_length(v_lines) into v_out
      from payout_lines_out(r.id, r.decided_to, r.claimed_to) l;
    if r.held = 0 or payout_may_hold_more(r) then
      update payout_runs p
        set claimed_to = least(p.lines, p.claimed_to + greatest(p_most - v_out, 0)::integer)
        where p.id = r.id returning * into r;
    end if;
    select v_lines || coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'wallet', l.wallet_id,
        'amount', amount_text(l.amount), 'reference', coalesce(l.reference, r.reference),
        'groupId', payout_group_id(r.id, l.line), 'out', case when l.wallet_id is null
          then payout_out_json(r.id, l.line) end) order by l.line), '[]')
      into v_lines
      from payout_lines_out(r.id, r.decided_to, r.claimed_to) l;
  end if;
  return jsonb_build_object('outcome', 'done', 'run', payout_run_json(r),
    'stepKey', r.opened_by, 'client', r.client, 'admin', r.admin, 'gaveBack', v_gave_back,
    'lines', v_lines);
end
$$;

-- Ends a run before all is paid: what is paid stays, the rest is not paid any more. A line that is
-- out at this moment is either paid by now, or its group is closed before anybody can pay it, so
-- the answer is final. Withdrawals that may be on their way come to their own end first, and the
-- run is CANCELLING until they have; the others are given back.
create function ledger_cancel_payout_run(
  p_run_id text, p_step_key text, p_actor text, p_request jsonb, p_reason text, p_freeze boolean
) returns jsonb
language plpgsql as $$
declare
  r payout_runs;
  v_answer jsonb;
begin
  select * into r from payout_runs where id = p_run_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_run_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  if r.status = 'RUNNING' then
    -- Each line's payment either ends before its lock is ours, or begins after we are done.
    perform ledger_lock_new(u.id) from (
        select payout_group_id(r.id, l.line) as id
        from payout_lines_out(r.id, r.decided_to, r.claimed_to) l
        order by id
      ) u;
    r := ledger_record_payout_lines(r);
  end if;
  if r.status <> 'RUNNING' then
    v_answer := jsonb_build_object('outcome', 'refused', 'frozen', p_freeze,
      'refusal', jsonb_build_object('code', 'GROUP_NOT_OPEN', 'detail',
        format('Payout run %s is %s; nothing of it is waiting.', r.id, r.status)));
    if p_freeze then
      insert into operations
          (group_id, step_key, verb, actor, request, status, answer, created_at)
        values (r.id, p_step_key, 'cancelPayoutRun', p_actor, p_request, 'refused', v_answer,
          clock_timestamp());
    end if;
    return v_answer;
  end if;
  perform ledger_tombstone(payout_group_id(r.id, l.line), '~cancelled', p_actor, p_request,
      case when l.wallet_id is null then 'withdrawal' else 'transfer' end::group_kind, r.client,
      'PAYOUT_RUN_CANCELLED')
    from payout_lines_out(r.id, r.decided_to, r.claimed_to) l;
  update payout_lines l set status = 'cancelled'
    where l.run_id = r.id and l.line > r.decided_to and l.status = 'waiting';
  if r.held > 0 then
    r := payout_stop(r, p_reason);
  end if;
  if r.held > 0 then
    return payout_note_cancelling(r, p_step_key, p_actor, p_request);
  end if;
  return ledger_finish_payout_run(r, p_step_key, 'cancelPayoutRun', p_actor, p_request,
    'CANCELLED', p_reason);
end
$$;
