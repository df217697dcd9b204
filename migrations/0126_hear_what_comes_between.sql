-- Two people who asked for a higher fee, or one who asked for it and for a cancellation, at a price
-- above the cap: that none was made could not be noted, since it is one line for each, and the saga
-- tried to note that alone from then on. And who asked for a cancellation in the moment in which a
-- higher fee was found to be too high was told that of the cancellation, which nobody had tried.

-- Words of a hook that came while its earlier ones were being followed were finished with these,
-- where another reader had taken the hook for them by then: had it died, nobody followed them.

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

-- Takes up to p_limit hooks that are due, oldest first, and puts their next time off: one second,
-- doubled with every try, at most five minutes. A reader that dies leaves them to the next one.
-- `words` counts how often the hook has come in other words: see `chain_note_hook_read`.
drop function chain_due_hooks(integer);
create function chain_due_hooks(p_limit integer)
returns table (
  id bigint, source text, delivery_id text, txids text[], payments text[], body bytea,
  words integer
)
language sql volatile
begin atomic
  with due as materialized (
    select h.id from chain_hooks h
    where h.finished_at is null and h.due_at <= statement_timestamp()
    order by h.due_at, h.id limit p_limit
    for update skip locked
  )
  update chain_hooks h
    set tries = h.tries + 1,
        due_at = clock_timestamp() + make_interval(secs => least(300, 2 ^ least(h.tries, 9)))
    from due where h.id = due.id
    returning h.id, h.source, h.delivery_id, h.open_txids, h.payments, h.body, h.contradictions;
end;

-- Notes which transactions were read. Answers whether the hook is finished: all were, or the rest
-- was waited for as long as p_patience_seconds (null: it is waited for on); and nothing came since
-- it was handed out.
-- p_words  what `words` was then; null: not known, and it is finished unless it has no tries
drop function chain_note_hook_read(bigint, text[], integer);
create function chain_note_hook_read(
  p_id bigint, p_done text[], p_patience_seconds integer, p_words integer default null
)
returns table (finished boolean, fault text)
language plpgsql as $$
declare
  h chain_hooks;
  v_is_all boolean;
begin
  select * into strict h from chain_hooks c where c.id = p_id for update;
  v_is_all := h.tries > 0 and h.contradictions = coalesce(p_words, h.contradictions);
  h.open_txids := array(select t from unnest(h.open_txids) t where t <> all (p_done));
  if cardinality(h.open_txids) > 0 and v_is_all
    and h.opened_at <= clock_timestamp() - make_interval(secs => p_patience_seconds)
  then
    h.fault := format('%s of %s transactions came into no block: %s.',
      cardinality(h.open_txids), cardinality(h.txids), h.open_txids[1]);
  end if;
  update chain_hooks c
    set open_txids = h.open_txids, fault = h.fault,
        finished_at = case when v_is_all and (cardinality(h.open_txids) = 0 or h.fault is not null)
          then clock_timestamp() else c.finished_at end
    where c.id = p_id
    returning c.finished_at into h.finished_at;
  return query select h.finished_at is not null, h.fault;
end
$$;
