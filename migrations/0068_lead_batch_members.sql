-- What happens to a batch happens to its members, in the same transaction: each of its states is
-- theirs, its payment settles them, and its end without one lets each go on alone. So whatever
-- moves a batch, a member is never in another place than the bytes that pay it.

-- Settles a member: all that it holds, as if it had been paid alone. The batch pays the network.
create function batch_settle_member(g transfer_groups, b withdrawals, p_detail jsonb) returns void
language plpgsql as $$
declare
  w withdrawals;
  r record;
  v_answer jsonb;
begin
  select * into w from withdrawals where group_id = g.id;
  select array_agg(l.leg order by l.leg) as legs, array_agg(l.wallet_id order by l.leg) as wallets,
      array_agg(l.asset order by l.leg) as assets, array_agg(l.type order by l.leg) as types,
      array_agg(l.remaining order by l.leg) as amounts,
      array_agg('SETTLED'::entry_status) as statuses into r
    from transfer_legs l where l.group_id = g.id and l.remaining > 0;
  g.status := 'SETTLED';
  w.state := 'settled';
  v_answer := ledger_write(g, false, '~final', 'settle', 'chain', p_detail, 'group.settled',
    'MOVES', r.legs, r.wallets, r.assets, r.types, r.amounts, r.statuses, true, true, null, w);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception '% paid %, which does not settle: %', b.group_id, g.id, v_answer
      using errcode = 'HF004';
  end if;
end
$$;

-- A state of the batch, as a member's. Keys name the batch's attempt and the last block that had
-- one, so that what comes again after a reorganisation is told again.
create function batch_move_member(g transfer_groups, b withdrawals, p_detail jsonb) returns void
language plpgsql as $$
declare
  v_key text;
begin
  select concat_ws(':', '~' || b.state, b.group_id, max(p.attempt_no), max(n.id)) into v_key
    from withdrawal_attempts p left join attempt_inclusions n on n.attempt_id = p.id
    where p.group_id = b.group_id;
  if b.state in ('confirmed', 'stuck', 'replacing', 'cancelling') then
    perform chain_announce_state(g, b.state, v_key, 'chain', p_detail);
  else
    perform chain_set_state(g.id, b.state, v_key, p_detail);
  end if;
end
$$;

-- Locks as everywhere: groups by id, then balances by wallet.
create function batch_lead_members() returns trigger
language plpgsql as $$
declare
  c_members constant text[] := array(
    select m.group_id from batch_members m where m.batch_group_id = new.group_id order by 1);
  g transfer_groups;
  p withdrawal_attempts := chain_last_attempt(new.group_id);
  v_detail jsonb;
begin
  perform from transfer_groups t where t.id = any(c_members) order by t.id for update;
  if new.state = 'settled' then
    perform from wallet_balances x
      where x.mode = 'strict' and x.wallet_id in (select l.wallet_id from transfer_legs l
        where l.group_id = any(c_members) and l.remaining > 0)
      order by x.wallet_id for update;
  end if;
  v_detail := jsonb_build_object('batch', new.group_id, 'txid', coalesce((
    select o.txid from withdrawal_attempts o
    join attempt_inclusions n on n.attempt_id = o.id and n.canonical
    where o.group_id = new.group_id), p.txid), 'nonce', p.nonce);
  for g in select * from transfer_groups t where t.id = any(c_members) order by t.id loop
    if new.state = 'settled' then
      perform batch_settle_member(g, new, v_detail);
    elsif new.state = 'released' then
      perform chain_set_state(g.id, 'held', 'batchEnded:' || new.group_id, v_detail
        || jsonb_build_object('why', 'its batch ended without paying, so it is paid alone'));
    else
      perform batch_move_member(g, new, v_detail);
    end if;
    if new.state in ('in_block', 'reverted', 'settled', 'released') then
      perform chain_wake_saga(new.chain, g.id);
    end if;
  end loop;
  return null;
end
$$;
create trigger withdrawals_lead_members after update of state on withdrawals
  for each row
  -- A batch that ended leads nobody: what comes late is booked as the batch's own.
  when (starts_with(new.group_id, 'batch:') and new.state <> old.state
    and old.state not in ('settled', 'released'))
  execute function batch_lead_members();

-- Replaces the body of the policy's migration: a member shows what its batch sent, before what it
-- sent itself. Of attempts on one nonce one is in a block at most, and the others are `replaced`;
-- where that block is dropped, what they were before counts again.
create or replace function withdrawal_progress_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'state', w.state, 'destination', w.destination,
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object(
          'txid', p.txid, 'nonce', p.nonce, 'kind', p.kind, 'fees', p.terms,
          'outcome', case when n.paid or (n.id > 0 and p.kind = 'cancel') then 'in_block'
            when not n.paid then 'reverted'
            when exists (
              select from withdrawal_attempts o
              join attempt_inclusions i on i.attempt_id = o.id and i.canonical
              where o.group_id = p.group_id and o.nonce = p.nonce) then 'replaced'
            else p.outcome end
        ) order by p.group_id = w.group_id, p.attempt_no)
      from withdrawal_attempts p
      left join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id in (w.group_id, m.batch_group_id) and p.txid is not null), '[]'),
    'confirmations', coalesce((
      select max(chain_depth(w.chain, n.block_height))
      from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = coalesce(chain_batch_of(w.group_id), w.group_id)), 0))
  from withdrawals w left join batch_members m on m.group_id = w.group_id
  where w.group_id = p_group_id
);
