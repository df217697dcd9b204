-- A batch that had ended without paying, and whose end a reorganisation has taken out of the chain:
-- its bytes are valid still, and may pay now. Members that nothing became of yet wait for it again,
-- so that nobody pays them beside it; what it pays to the others is booked as a loss, and told.

-- Whether the chain may yet say something else of an ended batch than what was booked of it.
create function batch_is_in_doubt(p_batch text) returns boolean
language sql stable
return exists (
    select from withdrawals b
    where b.group_id = p_batch and b.state in ('released', 'late_confirmed'))
  and case (select t.gone_at is null from nonces_taken t where t.group_id = p_batch)
    -- Something that is not ours has its nonce, in a final block.
    when true then false
    when false then not exists (
      select from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical and n.fee_leg is not null
      where p.group_id = p_batch)
    else exists (
      select from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical = (n.fee_leg is null)
      where p.group_id = p_batch)
  end;

-- Members that are open and have no attempt of their own are where the batch's bytes are: not to be
-- signed, released or expired.
create function batch_take_members_back(p_batch text, p_key text, p_detail jsonb) returns void
language plpgsql as $$
declare
  g transfer_groups;
begin
  if not starts_with(p_batch, 'batch:') or not batch_is_in_doubt(p_batch) then
    return;
  end if;
  for g in
    select t.* from transfer_groups t
    join batch_members m on m.group_id = t.id and m.batch_group_id = p_batch
    where t.status = 'IN_PROGRESS' order by t.id for update of t
  loop
    continue when ledger_signing_began(g.id);
    perform chain_set_state(g.id, 'broadcast', 'batchAgain:' || p_key, p_detail
      || jsonb_build_object('batch', p_batch,
        'why', 'what ended its batch is no longer in the chain, so that one may pay it after all'));
    perform chain_wake_saga(g.chain, g.id);
  end loop;
end
$$;

-- In the transaction that stores what the chain says.
create function batch_take_back() returns trigger
language plpgsql as $$
declare
  p withdrawal_attempts;
begin
  select * into p from withdrawal_attempts a where a.id = new.attempt_id;
  perform batch_take_members_back(p.group_id, new.id || ':' || new.canonical,
    jsonb_build_object('txid', p.txid));
  return null;
end
$$;
create trigger attempt_inclusions_take_back after insert or update of canonical
  on attempt_inclusions for each row execute function batch_take_back();

-- A member that waited for its batch, which does not pay after all. The caller holds its lock.
create function batch_let_go(g transfer_groups, p_key text, p_detail jsonb) returns void
language sql volatile
begin atomic
  select chain_set_state(g.id, 'held', 'batchEnded:' || p_key, p_detail
    || jsonb_build_object('why', 'its batch did not pay after all, so it is paid alone'));
  select chain_wake_saga(g.chain, g.id);
end;

-- Tells of a member what the chain says against its books. `late_confirmed`: its batch paid it
-- although it had been paid alone, is signed alone, or was given back; `late_unpaid`: it is settled
-- by a batch that does not pay after all.
create function batch_note_late(
  p_member text, p_event text, p_inclusion_id bigint, p_detail jsonb
) returns void
language plpgsql as $$
begin
  perform chain_fact(p_member, 'late:' || p_inclusion_id, 'chain.' || p_event, p_detail);
  update withdrawals set state = 'late_confirmed', updated_at = clock_timestamp()
    where group_id = p_member and state = 'released' and p_event = 'late_confirmed';
  insert into outbox (group_id, event, step_key, created_at) values (p_member,
    'withdrawal.' || p_event, '~late:' || p_inclusion_id, clock_timestamp());
end
$$;

-- Replaces the body of the late payments' migration. Members that wait for the batch are settled by
-- what it paid them, or let go on alone where it failed again; `beside` names the others that it
-- paid, or where it had paid and does not any more, all that are settled by it. Locks as
-- everywhere: groups by id, then balances by wallet.
create or replace function chain_take_late(
  p_group_id text, p_inclusion_id bigint, out taken numeric, out beside text
)
language plpgsql as $$
declare
  c_paid constant boolean := (select n.paid from attempt_inclusions n where n.id = p_inclusion_id);
  c_named constant integer := 5;
  g transfer_groups;
  b withdrawals;
  v_detail jsonb;
  v_alone boolean;
  v_beside text[] := '{}';
begin
  taken := 0;
  if not starts_with(p_group_id, 'batch:') then
    return;
  end if;
  select * into b from withdrawals where group_id = p_group_id;
  select jsonb_build_object('batch', p_group_id, 'txid', p.txid, 'nonce', p.nonce) into v_detail
    from attempt_inclusions n join withdrawal_attempts p on p.id = n.attempt_id
    where n.id = p_inclusion_id;
  perform from transfer_groups t
    where t.id in (select m.group_id from batch_members m where m.batch_group_id = p_group_id)
    order by t.id for update;
  perform from wallet_balances x
    where c_paid and x.mode = 'strict' and x.wallet_id in (select l.wallet_id
      from transfer_legs l join batch_members m on m.group_id = l.group_id
      where m.batch_group_id = p_group_id and l.remaining > 0)
    order by x.wallet_id for update;
  for g in
    select t.* from transfer_groups t join batch_members m on m.group_id = t.id
    where m.batch_group_id = p_group_id order by t.id
  loop
    v_alone := exists (select from withdrawal_attempts p where p.group_id = g.id);
    if g.status = 'IN_PROGRESS' and chain_batch_of(g.id) is not null then
      if c_paid then
        taken := taken + (select w.amount from withdrawals w where w.group_id = g.id);
        perform batch_settle_member(g, b, v_detail);
        perform chain_wake_saga(b.chain, g.id);
      else
        perform batch_let_go(g, p_inclusion_id::text, v_detail);
      end if;
    -- One that an earlier block of the batch settled has no attempt.
    elsif c_paid = (g.status <> 'SETTLED' or v_alone) then
      perform batch_note_late(g.id, case when c_paid then 'late_confirmed' else 'late_unpaid' end,
        p_inclusion_id, v_detail);
      v_beside := v_beside || g.id;
    end if;
  end loop;
  if v_beside <> '{}' then
    beside := format(case when c_paid then 'It pays %s%s a second time, or although they were '
        'given back.' else 'It was to pay %s%s.' end,
      array_to_string(v_beside[:c_named], ', '), case when cardinality(v_beside) > c_named
        then format(' and %s more', cardinality(v_beside) - c_named) end);
  end if;
end
$$;

-- Whether an ended batch that failed goes out again: all its members wait for it, and nothing else
-- took its nonce or is to take it.
create function batch_goes_again(p_batch text) returns boolean
language sql stable
return exists (
    select from transfer_groups g
    where g.id = p_batch and g.kind = 'batch' and g.status = 'RELEASED')
  and not exists (select from nonces_taken t where t.group_id = p_batch)
  and not exists (
    select from batch_members m
    where m.batch_group_id = p_batch and chain_batch_of(m.group_id) is null)
  and not exists (
    select from withdrawal_attempts p
    where p.group_id = p_batch and p.kind = 'cancel' and p.outcome <> 'refused');

-- Replaces the body of the late payments' migration: see there. A failed batch may go out again. A
-- member's own bytes stay where they are while the batch may pay it, and, where it has, until
-- somebody has looked at the sender: two payments would be one too many.
create or replace function chain_gone_again(p_chain text, p_holder text)
returns table (group_id text, txid text, bytes text)
language sql stable
begin atomic
  select distinct p.group_id, p.txid, p.bytes
  from attempt_inclusions n
  join withdrawal_attempts p on p.id = n.attempt_id and p.chain = p_chain
  join transfer_groups g on g.id = p.group_id and g.status <> 'IN_PROGRESS'
  join chains c on c.id = p_chain and c.leased_by = p_holder
  where not n.canonical and n.fee_leg is not null
    and (n.paid or p.kind = 'cancel' or batch_goes_again(g.id))
    and not chain_is_halted(p_chain)
    and not exists (
      select from withdrawal_attempts o
      join attempt_inclusions i on i.attempt_id = o.id and i.canonical
      where o.group_id = p.group_id)
    and not exists (
      select from batch_members m join withdrawals b on b.group_id = m.batch_group_id
      where m.group_id = g.id and (batch_is_in_doubt(b.group_id)
        or (b.state = 'late_confirmed' and exists (select from sender_pauses s
          where s.chain = p_chain and s.sender = p.sender and s.until is null
            and s.cause = 'late_confirmed'))));
end;
