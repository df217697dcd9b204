-- Refuses an act that comes after p_accept_by, under its key and for good: Temporal keeps an act
-- while no worker runs, and by then nobody expects money to move. The first answer of an act that
-- was decided before; null where it is in time. Its verb is the first part of a client's key.
create function ledger_refuse_late(
  p_group_id text, p_step_key text, p_actor text, p_request jsonb, p_accept_by timestamptz
) returns jsonb
language plpgsql as $$
declare
  g transfer_groups;
  v_answer jsonb;
begin
  select * into g from transfer_groups where id = p_group_id for update;
  if not found then
    return '{"outcome": "not_found"}';
  end if;
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null or clock_timestamp() <= p_accept_by then
    return v_answer;
  end if;
  return ledger_refuse(g, false, p_step_key, split_part(p_step_key, ':', 1), p_actor, p_request,
    true, 'NOT_ACCEPTED_IN_TIME',
    format('It was to be accepted by %s; nothing moved.', rfc3339(p_accept_by)));
end
$$;
