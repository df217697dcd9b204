-- Lines of a payout run that leave for the outside. Such a line is a withdrawal: it goes through
-- all that one goes through, has its own saga, and is decided when that withdrawal has ended.

-- What a line says beside its amount.
create table payout_withdrawals (
  run_id text collate "C" not null,
  line integer not null,
  destination text not null,
  fee_mode text not null check (fee_mode in ('platform', 'customer')),
  -- Most that the payer pays for the network; null: the platform pays.
  max_fee numeric,
  -- Seconds from its hold on; null: no deadline.
  expires_in integer,
  primary key (run_id, line),
  foreign key (run_id, line) references payout_lines,
  constraint customers_say_how_much check ((fee_mode = 'customer') = (max_fee is not null))
);

-- Lines whose withdrawal is open: a row from its hold until its end is written down. A table of
-- their own, so that a long list whose lines are paid is not read again for the few that are not.
create table payout_held (
  run_id text collate "C" not null,
  line integer not null,
  -- Its saga was started. From here on it is the sweeper's, as every open group is.
  begun boolean not null default false,
  primary key (run_id, line),
  foreign key (run_id, line) references payout_withdrawals
) with (fillfactor = 50);

create trigger payout_withdrawals_stay before update or delete on payout_withdrawals
  for each row execute function refuse_change();

grant select, insert on payout_withdrawals to holdfast_app;
grant select, insert, delete on payout_held to holdfast_app;
grant update (begun) on payout_held to holdfast_app;

-- A line that was never tried has no group; one that goes outside shows its withdrawal's state.
create function payout_line_json(l payout_lines) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'line', l.line, 'wallet', l.wallet_id, 'destination', d.destination,
    'amount', amount_text(l.amount), 'feeMode', d.fee_mode, 'maxFee', amount_text(d.max_fee),
    'reference', l.reference, 'status', l.status, 'state', w.state, 'code', l.code,
    'detail', l.detail, 'groupId', g.id)
  from (values (case when l.status not in ('waiting', 'cancelled')
      then payout_group_id(l.run_id, l.line) end)) g(id)
    left join payout_withdrawals d
      on l.wallet_id is null and d.run_id = l.run_id and d.line = l.line
    left join withdrawals w on l.wallet_id is null and w.group_id = g.id
);

-- What whoever pays a line has to know of its destination.
create function payout_out_json(p_run_id text, p_line integer) returns jsonb
language sql stable
return (
  select jsonb_build_object('destination', d.destination, 'feeMode', d.fee_mode,
    'maxFee', amount_text(d.max_fee), 'expiresIn', d.expires_in)
  from payout_withdrawals d where d.run_id = p_run_id and d.line = p_line
);

-- Writes down where the lines of a new run go.
create function payout_note_destinations(p_run_id text, p_out jsonb) returns void
language sql volatile
begin atomic
  insert into payout_withdrawals (run_id, line, destination, fee_mode, max_fee, expires_in)
    select p_run_id, o.line, o.destination, o."feeMode", o."maxFee",
      (p_out ->> 'expiresIn')::integer
    from jsonb_to_recordset(p_out -> 'lines')
      o(line integer, destination text, "feeMode" text, "maxFee" numeric)
    order by o.line;
end;

-- Replaces the body of the runs' migration. What the caller wrote wrong comes first; what the books
-- and the policies say is an answer that stays. What changes from day to day (money, limits, new
-- rules) is asked again when it is the line's turn.
create or replace function payout_destination_faults(p_wallet text, p_out jsonb)
returns table (n bigint, pointer text, code text, rank integer, detail text)
language plpgsql stable as $$
declare
  a assets;
begin
  if p_out is null then
    return;
  end if;
  select t.* into a from wallets s join assets t on t.code = s.asset where s.id = p_wallet;
  if not found then
    return;
  end if;
  if a.withdrawals_paused then
    return query select 0::bigint, '/wallet', 'ASSET_PAUSED', 9,
      format('Withdrawals of %s are paused.', a.code);
  end if;
  return query
    select o.line::bigint, format('/lines/%s/%s', o.line - 1, f.field), f.code, f.rank, f.detail
    from jsonb_to_recordset(p_out -> 'lines') o(line integer, amount numeric, destination text,
        fault text, "feeMode" text, "maxFee" numeric)
      cross join lateral (
        select 'amount' as field, 'INVALID_AMOUNT' as code, 1 as rank,
            format('%s has %s decimals; %s has more.', a.code, a.scale, o.amount) as detail
          where min_scale(o.amount) > a.scale
        union all
        select 'maxFee', 'INVALID_AMOUNT', 1,
            format('%s has %s decimals; %s has more.', a.code, a.scale, o."maxFee")
          where min_scale(o."maxFee") > a.scale
        union all
        select 'destination', 'INVALID_DESTINATION', 2, o.fault where o.fault is not null
        union all
        select 'feeMode', 'INVALID_REQUEST', 3,
            'Only withdrawals of the native coin of a chain take feeMode customer.'
          where o."feeMode" = 'customer' and (a.chain is null or a.contract is not null)
        union all
        select 'destination', 'DESTINATION_NOT_ALLOWED', 7, x.why
          from (select coalesce(
            case when a.chain is not null then chain_destination_fault(a.chain, o.destination) end,
            withdrawal_destination_fault(p_wallet, o.destination)) as why) x
          where o.fault is null and x.why is not null
        union all
        select 'amount', 'BELOW_MINIMUM', 8,
            format('The least withdrawal is %s %s.', amount_text(a.min_withdrawal), a.code)
          where o.amount < a.min_withdrawal
        order by 3 limit 1
      ) f;
end
$$;
