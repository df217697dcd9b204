-- How a custodian's payment ends, and what is looked for afterwards.

-- Settles a payment: by an event in a final block that no other withdrawal was settled by, or,
-- where no chain is looked at, by the custodian's word (p_paid null). Else {outcome: 'waiting'}.
create function custody_settle(p_group_id text, p_paid jsonb) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_answer jsonb;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  v_answer := ledger_replay(p_group_id, '~final');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status <> 'IN_PROGRESS' or c.began_at is null then
    v_why := 'it is not under way';
  else
    v_why := custody_take_event(c, p_paid);
  end if;
  if v_why is not null then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status, 'why', v_why);
  end if;
  w.txid := coalesce(p_paid ->> 'txid', c.txids[cardinality(c.txids)]);
  w.state := 'settled';
  return ledger_capture(g, '~final', 'settle', c.custodian, jsonb_strip_nulls(jsonb_build_object(
    'custodian', c.custodian, 'reference', c.reference, 'txid', w.txid,
    'blockHash', p_paid -> 'blockHash')), null, null, true, true, w);
end
$$;

-- Notes that a transaction was seen that may pay: the failure of its payment has to stand as long
-- from here on.
create function custody_note_under_way(p_group_id text) returns void
language sql volatile
begin atomic
  update custody_payments c set failed_since = clock_timestamp()
    where c.group_id = p_group_id and c.failed_since is not null
      and exists (select from transfer_groups g
        where g.id = c.group_id and g.status = 'IN_PROGRESS');
end;

-- Gives back what the custodian says it will not pay, where it has said so for p_grace_seconds, and
-- none of its transactions was under way, or in a block that was not final, for as long: that a
-- node, maybe another one behind its address, knows one no longer proves nothing. The caller has
-- just asked it again, and looked for every transaction that it ever named.
-- p_unpaid  those of them that may still pay, or are in blocks and do not: [{txid, height,
--           blockHash}], the latter two of those in blocks
create function custody_release(p_group_id text, p_grace_seconds integer, p_unpaid jsonb)
returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  v_answer jsonb;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  v_answer := ledger_replay(p_group_id, '~final');
  if v_answer is not null then
    return v_answer;
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  if g.status = 'IN_PROGRESS' then
    select concat(u.txid, ' may still be mined', ' in another block: ' || f.fault) into v_why
      from jsonb_to_recordset(p_unpaid) u(txid text, height bigint, "blockHash" text)
      cross join lateral (
        select custody_final_fault(c, u.height, u."blockHash") as fault) f
      where u.height is null or f.fault is not null limit 1;
    if v_why is not null then
      perform custody_note_under_way(p_group_id);
    end if;
  end if;
  v_why := case
    when g.status <> 'IN_PROGRESS' then 'it is not under way'
    when chain_is_halted(c.chain) then format('%s stands still until a person has looked', c.chain)
    when v_why is not null then v_why
    when c.failed_since is null
      or c.failed_since > clock_timestamp() - make_interval(secs => p_grace_seconds)
    then 'its failure is not old enough to be believed' end;
  if v_why is not null then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status, 'why', v_why);
  end if;
  w.state := 'released';
  return ledger_give_back(g, '~final', 'release', c.custodian, jsonb_strip_nulls(
    jsonb_build_object('custodian', c.custodian, 'reference', c.reference, 'status', c.status,
      'detail', c.detail)), 'RELEASED',
    case c.status when 'failed' then 'CUSTODIAN_FAILED' else 'CUSTODIAN_REJECTED' end, true, w);
end
$$;

-- When people took a payment out of the books again, null: they did not. An operator reversed all
-- of the withdrawal; or an admin took back the loss of a late one, by a transfer that has the
-- withdrawal's id as its reference. Earlier than three days ago is told as '-infinity'.
create function custody_given_back_at(c custody_payments) returns timestamptz
language sql stable
begin atomic
  select case
    when exists (select from transfer_legs l where l.group_id = c.group_id and l.leg = 1
      and l.settled > 0 and l.reversed = l.settled)
    then coalesce((
      select max(r.created_at) from transfer_groups r
      where r.kind = 'reversal' and r.status = 'SETTLED' and r.reverses = c.group_id
        and r.created_at > statement_timestamp() - interval '3 days'), '-infinity')
    else (
      select max(t.created_at) from withdrawals w
      join transfer_groups t on t.reference = w.group_id
      join transfer_legs l on l.group_id = t.id and l.wallet_id = 'shortfall:' || w.asset
        and l.type = 'CREDIT' and l.settled - l.reversed >= w.amount
      where w.group_id = c.group_id and w.state = 'late_confirmed') end;
end;

-- Payments in the books whose block is gone: nobody else asks what became of them. Those that
-- people gave back are looked for as long as others that were given back, three days from then on,
-- or from their block's end.
create function custody_lost(p_chain text) returns table (payment jsonb, given_back boolean)
language sql stable
begin atomic
  select custody_json(c.group_id), b.since is not null
  from custody_payments c
  cross join lateral (select custody_given_back_at(c) as since) b
  where c.lost_since is not null and c.paid_chain = p_chain and not chain_is_halted(p_chain)
    and (b.since is null
      or greatest(c.lost_since, b.since) > statement_timestamp() - interval '3 days')
  order by c.lost_since, c.group_id;
end;

-- Puts a payment in the books down to another event, of a block that was read: its own block is
-- gone, or the custodian tells that another transaction made it, which counts once that is final.
-- From here on this block is the one that must not be dropped. Answers why it is not, in a
-- sentence, or null.
create function custody_move(p_group_id text, p_paid jsonb) returns text
language plpgsql as $$
declare
  c custody_payments;
  v_was text;
  v_why text;
begin
  -- Before the payment's row: whoever drops the block comes for that with the block in its hands.
  perform from chain_blocks b
    where b.hash = p_paid ->> 'blockHash' and b.canonical
      and b.chain = (select p.paid_chain from custody_payments p where p.group_id = p_group_id)
    for share;
  if not found then
    return format('block %s was not read yet', p_paid ->> 'height');
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  v_was := c.paid_txid;
  if c.lost_since is null and (v_was is null or v_was = p_paid ->> 'txid') then
    return case when v_was is null then 'it is not paid' end;
  end if;
  v_why := coalesce(
    case when c.lost_since is null
      then custody_final_fault(c, (p_paid ->> 'height')::bigint, p_paid ->> 'blockHash') end,
    custody_foreign_fault(c, p_paid), custody_claim(c, p_paid));
  if v_why is null then
    perform chain_fact(p_group_id, concat_ws(':', 'again', p_paid ->> 'blockHash', txid_current()),
      case when c.lost_since is null then 'chain.paid_otherwise' else 'chain.included_again' end,
      jsonb_build_object('txid', p_paid ->> 'txid', 'blockHash', p_paid ->> 'blockHash',
        'insteadOf', nullif(v_was, p_paid ->> 'txid')));
  end if;
  return v_why;
end
$$;

-- Takes a transaction's event from a payment that was never made: people took it out of the books
-- again, and its custodian says that it failed. The event is some other payment's then. Answers
-- whether it was taken.
create function custody_give_up_event(p_group_id text, p_txid text) returns boolean
language plpgsql as $$
declare
  c custody_payments;
begin
  select * into c from custody_payments where group_id = p_group_id for update;
  if c.paid_txid is distinct from p_txid
    or coalesce(c.status, '') not in ('refused', 'failed', 'rejected')
    or custody_given_back_at(c) is null
  then
    return false;
  end if;
  update custody_payments set paid_chain = null, paid_txid = null, paid_ordinal = null,
    paid_block = null, lost_since = null, updated_at = clock_timestamp()
    where group_id = p_group_id;
  perform chain_fact(p_group_id, concat_ws(':', 'another', p_txid, txid_current()),
    'chain.paid_another', jsonb_build_object('txid', p_txid, 'blockHash', c.paid_block));
  return true;
end
$$;

-- The payments that were settled by a transaction's events which could be this one's, where none of
-- these is left for it.
create function custody_takers(p_group_id text, p_paid jsonb) returns setof jsonb
language sql stable
begin atomic
  select custody_json(u.group_id)
  from custody_payments c
  join custody_payments u on u.paid_chain = c.chain and u.paid_txid = p_paid ->> 'txid'
    and p_paid -> 'ordinals' ? u.paid_ordinal and u.group_id <> c.group_id
  where c.group_id = p_group_id and not exists (select from custody_free_ordinals(c, p_paid))
  order by u.group_id;
end;

-- Why a person may not end a withdrawal that a custodian pays, as a stored refusal, or null. The
-- group's row is locked by it. One that ended before anybody was asked has ended as any other.
create function custody_act_fault(
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

-- The acts of people, behind that check. What they do for everybody else stays as it is.
alter function ledger_finalize_withdrawal(text, text, text, jsonb, numeric, boolean, text)
  rename to ledger_finalize_outside;
create function ledger_finalize_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_amount numeric,
    p_final boolean,
  p_txid text
) returns jsonb
language plpgsql as $$
begin
  return coalesce(
    custody_act_fault(p_group_id, p_step_key, 'finalize', p_actor, p_request, false),
    ledger_finalize_outside(p_group_id, p_step_key, p_actor, p_request, p_amount, p_final, p_txid));
end
$$;

alter function ledger_release_withdrawal(text, text, text, jsonb, text, numeric, boolean)
  rename to ledger_release_unbegun;
create function ledger_release_withdrawal(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb,
  p_reason text, p_amount numeric, p_final boolean
) returns jsonb
language plpgsql as $$
begin
  return coalesce(
    custody_act_fault(p_group_id, p_step_key, 'release', p_actor, p_request, true),
    ledger_release_unbegun(p_group_id, p_step_key, p_actor, p_request, p_reason, p_amount,
      p_final));
end
$$;

-- Replaces the body of the ledger's migration: a custodian is asked for the whole amount.
create or replace function withdrawal_paid_whole_by(g transfer_groups) returns text
language sql stable
return coalesce(g.chain,
  (select c.custodian from custody_payments c where c.group_id = g.id limit 1));
