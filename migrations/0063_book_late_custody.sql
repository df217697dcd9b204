-- A payment that a custodian made although it had failed it for good, and that was given back.

-- Books it: `shortfall:<asset>` pays what left, in a group of its own, `late:custody:<group>`. The
-- withdrawal becomes `late_confirmed`, and withdrawals of the asset are paused: whoever pays what
-- it has failed may do so again. By an event in a final block that no withdrawal was settled by,
-- or, where no chain is looked at, by the custodian's word (p_paid null).
--
-- Answers {outcome: 'done', bookedBy}, the same again; else {outcome: 'waiting', why}, also where
-- the ledger refuses it, such as to a wallet that is frozen: then nothing is written.
create function custody_book_late(p_group_id text, p_paid jsonb) returns jsonb
language plpgsql as $$
declare
  c_late constant text := 'late:custody:' || p_group_id;
  c_done constant jsonb := jsonb_build_object('outcome', 'done', 'bookedBy', c_late);
  g transfer_groups;
  w withdrawals;
  c custody_payments;
  l transfer_groups;
  v_answer jsonb;
  v_why text;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if exists (select from transfer_groups t where t.id = c_late) then
    return c_done;
  end if;
  select * into c from custody_payments where group_id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  begin
    if g.status is distinct from 'RELEASED' or c.began_at is null or c.paid_txid is not null then
      v_why := 'it was not given back';
    else
      v_why := custody_take_event(c, p_paid);
    end if;
    if v_why is not null then
      return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status, 'why', v_why);
    end if;
    l.id := c_late;
    l.kind := 'reversal';
    l.status := 'SETTLED';
    l.client := g.client;
    l.reference := p_paid ->> 'txid';
    l.metadata := jsonb_strip_nulls(jsonb_build_object('late', g.id, 'custodian', c.custodian,
      'txid', p_paid ->> 'txid', 'blockHash', p_paid ->> 'blockHash'));
    l.opened_by := '~late';
    v_answer := ledger_write(l, true, '~late', 'late', c.custodian, l.metadata, 'group.settled',
      'IMMEDIATE', '{1,2}', array['shortfall:' || w.asset, 'external:' || w.asset],
      array[w.asset, w.asset], '{DEBIT,CREDIT}', array[w.amount, w.amount], null, true, true);
    if v_answer ->> 'outcome' <> 'done' then
      -- Takes back that the event is taken, and the refusal's own rows.
      raise exception using errcode = 'HF004',
        message = format('it cannot be booked: %s', v_answer #>> '{refusal,detail}');
    end if;
  exception when sqlstate 'HF004' then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', g.status, 'why', sqlerrm);
  end;
  update withdrawals set state = 'late_confirmed', updated_at = clock_timestamp()
    where group_id = g.id;
  insert into outbox (group_id, event, step_key, created_at)
    values (g.id, 'withdrawal.late_confirmed', '~late', clock_timestamp());
  insert into group_facts (group_id, key, event, actor, detail)
    values (g.id, 'late', 'withdrawal.late_confirmed', c.custodian,
      l.metadata || jsonb_build_object('bookedBy', c_late));
  update assets set withdrawals_paused = true where code = w.asset and not withdrawals_paused;
  if found then
    insert into asset_pauses (asset, paused_by, reason) values (w.asset, c.custodian, format(
      '%s paid %s although it had failed it and it had been given back.', c.custodian, g.id));
  end if;
  return c_done;
end
$$;
