-- Two people who asked for a higher fee, or one who asked for it and for a cancellation, at a price
-- above the cap: that none was made could not be noted, since it is one line for each, and the saga
-- tried to note that alone from then on. And who asked for a cancellation in the moment in which a
-- higher fee was found to be too high was told that of the cancellation, which nobody had tried.

-- Notes that what people asked for is not done, with why, and goes on as before. What was found to
-- be too dear is a payment (p_kind), and a wish for a cancellation stays; or a cancellation, which
-- would have served all.
drop function chain_decline_replacement(text, text);
create function chain_decline_replacement(p_group_id text, p_kind text, p_why text) returns void
language plpgsql as $$
declare
  v_key text;
begin
  perform from transfer_groups where id = p_group_id for update;
  for v_key in
    update attempt_wishes s set attempt_no = 0
      where s.group_id = p_group_id and s.attempt_no is null
        and (p_kind = 'cancel' or s.kind = 'speed_up')
      returning s.step_key
  loop
    perform chain_fact(p_group_id, 'notReplaced:' || v_key, 'withdrawal.not_replaced',
      jsonb_build_object('why', p_why));
  end loop;
  if not found or exists (select from attempt_wishes s
    where s.group_id = p_group_id and s.attempt_no is null)
  then
    return;
  end if;
  update withdrawals
    set state = chain_state_in_flight(chain_last_attempt(p_group_id)),
        updated_at = clock_timestamp()
    where group_id = p_group_id and state in ('replacing', 'cancelling')
      and not exists (select from withdrawal_attempts t
        join attempt_inclusions n on n.attempt_id = t.id and n.canonical
        where t.group_id = p_group_id);
end
$$;
