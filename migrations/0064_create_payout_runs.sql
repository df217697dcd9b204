-- A payout run: a list of lines, each money from one wallet to one receiver. Every line is paid, or
-- refused, as a group of its own: an immediate transfer where it names a wallet, a withdrawal where
-- it names a destination (0080). These tables say how far the list is.

-- CANCELLING: nothing more is begun, and some withdrawals have not ended.
create type payout_run_status as enum ('RUNNING', 'CANCELLING', 'DONE', 'CANCELLED');
-- held: its withdrawal is open. released: its withdrawal gave the money back.
create type payout_line_status as enum
  ('waiting', 'held', 'settled', 'refused', 'released', 'cancelled');

create table payout_runs (
  id text collate "C" primary key,
  client text not null,
  -- Whether the one who asked may name system wallets; its lines are paid with the same right.
  admin boolean not null,
  status payout_run_status not null default 'RUNNING',
  -- Why it was cancelled.
  reason text,
  wallet_id text collate "C" not null references wallets,
  asset text collate "C" not null references assets,
  total numeric not null,
  paid numeric not null default 0,
  reference text,
  metadata jsonb not null,
  -- The step that opened it. Every line's first step has this key too, in its own group.
  opened_by text collate "C" not null,
  lines integer not null check (lines between 1 and 10000),
  settled integer not null default 0,
  refused integer not null default 0,
  cancelled integer not null default 0,
  held integer not null default 0,
  released integer not null default 0,
  -- Lines up to here were handed out to be paid, and may be under way at this moment.
  claimed_to integer not null default 0,
  -- Lines up to here all have their outcome or are held, so nobody pays them again.
  decided_to integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  constraint marks_in_order check (0 <= decided_to and decided_to <= claimed_to
    and claimed_to <= lines),
  constraint paid_within_total check (0 <= paid and paid <= total),
  constraint end_has_its_time
    check ((status in ('RUNNING', 'CANCELLING')) = (finished_at is null)),
  constraint end_has_all_lines
    check (least(settled, refused, cancelled, held, released) >= 0
      and settled + refused + cancelled + held + released <= lines
      and (status = 'RUNNING' or settled + refused + cancelled + held + released = lines)
      and (finished_at is null or held = 0)),
  constraint only_cancelled_leave_lines
    check (cancelled = 0 or status in ('CANCELLING', 'CANCELLED'))
) with (fillfactor = 70);

-- The list of all runs, newest first.
create index payout_runs_by_creation on payout_runs (created_at, id);

-- The sweeper walks the runs that are under way, oldest first.
create index payout_runs_open on payout_runs (created_at, id) where finished_at is null;

create table payout_lines (
  run_id text collate "C" not null references payout_runs,
  line integer not null check (line between 1 and 10000),
  -- Null: it goes to a destination, which stands in `payout_withdrawals`.
  wallet_id text collate "C",
  amount numeric not null check (amount > 0),
  reference text,
  status payout_line_status not null default 'waiting',
  -- Why it was refused: a problem's code, and its sentence; or why its money came back.
  code text,
  detail text,
  primary key (run_id, line),
  constraint refusals_say_why
    check ((status in ('refused', 'released')) = (code is not null and detail is not null))
) with (fillfactor = 85);

create trigger payout_runs_stay before delete on payout_runs
  for each row execute function refuse_change();
create trigger payout_runs_finish_once before update on payout_runs
  for each row when (old.finished_at is not null) execute function refuse_change();
create trigger payout_runs_keep_identity
  before update of id, client, admin, wallet_id, asset, total, opened_by, lines on payout_runs
  for each row execute function refuse_change();
create trigger payout_lines_stay before delete on payout_lines
  for each row execute function refuse_change();
create trigger payout_lines_decided_once before update on payout_lines
  for each row
  when (old.status <> 'waiting'
    and not (old.status = 'held' and new.status in ('settled', 'released')))
  execute function refuse_change();
create trigger payout_lines_keep_identity
  before update of run_id, line, wallet_id, amount, reference on payout_lines
  for each row execute function refuse_change();

grant select, insert on payout_runs, payout_lines to holdfast_app;
grant update (status, reason, paid, settled, refused, cancelled, held, released, claimed_to,
  decided_to, finished_at) on payout_runs to holdfast_app;
grant update (status, code, detail) on payout_lines to holdfast_app;

-- The group of a line: `payout:<client>:<key>:<line>` of `payoutRun:<client>:<key>`. No
-- key of a client makes such an id: those begin with the kind of their group.
create function payout_group_id(p_run_id text, p_line integer) returns text
language sql immutable
return 'payout:' || substr(p_run_id, length('payoutRun:') + 1) || ':' || p_line;

-- How many of a run's open withdrawals are where. The withdrawals' migration replaces this body.
create function payout_progress(r payout_runs) returns jsonb
language plpgsql stable as $$
begin
  return null;
end
$$;

create function payout_run_json(r payout_runs) returns jsonb
language sql stable
return jsonb_build_object(
  'id', r.id, 'status', r.status, 'reason', r.reason, 'wallet', r.wallet_id, 'asset', r.asset,
  'total', amount_text(r.total), 'paid', amount_text(r.paid), 'reference', r.reference,
  'metadata', r.metadata,
  'lines', jsonb_build_object('total', r.lines, 'settled', r.settled, 'refused', r.refused,
    'waiting', r.lines - r.settled - r.refused - r.cancelled - r.held - r.released,
    'held', r.held, 'released', r.released, 'cancelled', r.cancelled),
  'withdrawals', payout_progress(r),
  'createdAt', rfc3339(r.created_at), 'finishedAt', rfc3339(r.finished_at));

-- What is wrong with the lines that name a destination, a fault a line at most; n is the line's
-- number, or 0 for the run itself. The withdrawals' migration replaces this body.
--
-- p_out  {expiresIn, lines: [{line, amount, destination, fault, feeMode, maxFee}]}; fault: what is
--        wrong with the destination, by whoever knows the chain
create function payout_destination_faults(p_wallet text, p_out jsonb)
returns table (n bigint, pointer text, code text, rank integer, detail text)
language plpgsql stable as $$
begin
end
$$;

-- What is wrong with a list before anything of it moved: its first 100 faults in their order, how
-- many there are, and the code under which all of them are told. What the caller wrote wrong comes
-- before what the books say; only the latter is an answer that its key keeps.
create function ledger_payout_fault(
  p_wallet text, p_admin boolean, p_wallets text[], p_amounts numeric[], p_out jsonb
) returns table (code text, frozen boolean, faults bigint, errors jsonb)
language sql stable
begin atomic
  with payer as (
    select w.asset, w.kind from (values (1)) one(row) left join wallets w on w.id = p_wallet
  ), item as (
    select u.n, u.wallet, u.amount, w.asset, w.kind, a.scale, p.asset as payer_asset
    from payer p, unnest(p_wallets, p_amounts) with ordinality u(wallet, amount, n)
      left join lateral (select * from wallets x where x.id = u.wallet limit 1) w on true
      left join lateral (select * from assets x where x.code = w.asset limit 1) a on true
    where u.wallet is not null
  ), fault as (
    select 0::bigint as n, '/wallet' as pointer, f.*
    from payer p, lateral (
      select 'FORBIDDEN' as code, 4 as rank,
          format('%s is a wallet of kind %s; naming it needs the scope admin.', p_wallet, p.kind)
            as detail
        where is_system_kind(p.kind) and not p_admin
      union all
      select 'WALLET_NOT_FOUND', 5, format('There is no wallet %s.', p_wallet)
        where p.asset is null
    ) f
    union all
    select i.n, format('/lines/%s/%s', i.n - 1, f.field), f.code, f.rank, f.detail
    from item i, lateral (
      select 'amount' as field, 'INVALID_AMOUNT' as code, 1 as rank,
          format('%s has %s decimals; %s has more.', i.asset, i.scale, i.amount) as detail
        where min_scale(i.amount) > i.scale
      union all
      select 'wallet', 'INVALID_REQUEST', 3, 'The wallet that pays cannot be paid.'
        where i.wallet = p_wallet
      union all
      select 'wallet', 'FORBIDDEN', 4,
          format('%s is a wallet of kind %s; naming it needs the scope admin.', i.wallet, i.kind)
        where is_system_kind(i.kind) and not p_admin
      union all
      select 'wallet', 'WALLET_NOT_FOUND', 5, format('There is no wallet %s.', i.wallet)
        where i.asset is null
      union all
      select 'wallet', 'ASSET_MISMATCH', 6,
          format('Wallet %s holds %s, the payer holds %s.', i.wallet, i.asset, i.payer_asset)
        where i.asset <> i.payer_asset
      order by 3 limit 1
    ) f
    union all
    select f.n, f.pointer, f.code, f.rank, f.detail
      from payout_destination_faults(p_wallet, p_out) f
  )
  select (array_agg(f.code order by f.rank))[1], min(f.rank) > 4, count(*),
      (select jsonb_agg(jsonb_build_object('pointer', g.pointer, 'detail', g.detail) order by g.n)
        from (select * from fault order by n limit 100) g)
    from fault f having count(*) > 0;
end;

-- Opens a run: all of its lines, or none and the reasons. Nothing is held and nothing moves here.
--
-- p_wallets  null where a line names a destination
-- p_out      what those lines say, see `payout_destination_faults`; null where there is none
create function ledger_open_payout_run(
  p_run_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb, p_client text,
  p_wallet text, p_wallets text[], p_amounts numeric[], p_references text[],
  p_reference text, p_metadata jsonb, p_out jsonb
) returns jsonb
language plpgsql as $$
declare
  r payout_runs;
  v_fault record;
  v_answer jsonb;
begin
  perform ledger_lock_new(p_run_id);
  v_answer := ledger_replay(p_run_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_fault from ledger_payout_fault(p_wallet, p_admin, p_wallets, p_amounts, p_out);
  if found then
    v_answer := jsonb_build_object('outcome', 'refused', 'frozen', v_fault.frozen,
      'refusal', jsonb_build_object('code', v_fault.code, 'errors', v_fault.errors,
        'detail', case when v_fault.faults = 1 then v_fault.errors #>> '{0,detail}'
          else format('%s fields are at fault, and nothing was paid; `errors` names %s.',
            v_fault.faults, case when v_fault.faults > 100 then 'the first 100' else 'each' end)
        end));
    if v_fault.frozen then
      insert into operations
          (group_id, step_key, verb, actor, request, status, answer, created_at)
        values (p_run_id, p_step_key, 'openPayoutRun', p_actor, p_request, 'refused', v_answer,
          clock_timestamp());
    end if;
    return v_answer;
  end if;
  insert into payout_runs
      (id, client, admin, wallet_id, asset, total, reference, metadata, opened_by, lines)
    select p_run_id, p_client, p_admin, w.id, w.asset, (select sum(a) from unnest(p_amounts) a),
      p_reference, p_metadata, p_step_key, cardinality(p_wallets)
    from wallets w where w.id = p_wallet
    returning * into strict r;
  insert into payout_lines (run_id, line, wallet_id, amount, reference)
    select p_run_id, u.n, u.wallet, u.amount, u.reference
    from unnest(p_wallets, p_amounts, p_references) with ordinality u(wallet, amount, reference, n)
    order by u.n;
  if p_out is not null then
    perform payout_note_destinations(r.id, p_out);
  end if;
  v_answer := jsonb_build_object('outcome', 'done', 'run', payout_run_json(r));
  insert into operations
      (group_id, step_key, verb, actor, request, status, answer, created_at)
    values (r.id, p_step_key, 'openPayoutRun', p_actor, p_request, 'done', v_answer, r.created_at);
  insert into outbox (group_id, event, step_key, created_at)
    values (r.id, 'payout_run.opened', p_step_key, r.created_at);
  return v_answer;
end
$$;
