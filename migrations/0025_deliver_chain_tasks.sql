-- Tasks are delivered until the books show what they ask for.

-- Whether nothing is left to be told: the effect is there, or the fact is no longer true.
create function chain_task_is_done(t chain_tasks) returns boolean
language plpgsql stable as $$
declare
  i chain_inclusions;
  n attempt_inclusions;
  v_status group_status;
begin
  if t.kind = 'moved' then
    -- What it tells is in the books already: who delivers it ends it. A saga also looks by itself.
    return t.tries >= 10;
  elsif t.kind = 'reverse' then
    return not chain_needs_reversal(t.inclusion_id);
  end if;
  select g.status into v_status from transfer_groups g where g.id = t.group_id;
  if v_status <> 'IN_PROGRESS' then
    return true;
  end if;
  if t.kind = 'batch' then
    return exists (select from withdrawals w
      where w.group_id = t.group_id and w.state <> 'signing');
  elsif t.kind in ('collect', 'sweep') then
    -- Its saga has looked at it, so there is one.
    return exists (select from withdrawals w where w.group_id = t.group_id
      and w.state not in ('held', 'awaiting_approval'));
  end if;
  if t.kind in ('open', 'credit', 'orphan') then
    select * into i from chain_inclusions where id = t.inclusion_id;
    return case t.kind
      when 'open' then v_status is not null or not i.canonical
      when 'credit' then not i.canonical
      -- Without a group there is nothing to cancel: opening looks at the inclusion itself.
      else v_status is null
    end;
  end if;
  select * into n from attempt_inclusions where id = t.inclusion_id;
  return case t.kind
    when 'paid' then n.fee_leg is not null or not n.canonical
    when 'unpaid' then n.fee_leg is null
    when 'confirm' then not n.canonical
      or exists (select from withdrawals w where w.group_id = t.group_id and w.state = 'confirmed')
    else not n.canonical
  end;
end
$$;

-- Tells the saga of a payment to look, again each time.
create function chain_wake_saga(p_chain text, p_group_id text) returns void
language sql volatile
begin atomic
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    values (p_chain, 'moved', p_group_id, 0)
    on conflict (group_id, kind, inclusion_id) do update
      set due_at = clock_timestamp(), tries = 0, done_at = null;
end;

-- Takes up to p_limit tasks that are due and not done, oldest first, and puts their next time off:
-- one second, doubled with every try, at most a minute. Whoever else asks gets others.
create function chain_due_tasks(p_chain text, p_limit integer)
returns table (id bigint, kind text, group_id text, inclusion_id bigint, tries integer)
language plpgsql as $$
declare
  t chain_tasks;
begin
  for t in
    select * from chain_tasks c
    where c.chain = p_chain and c.done_at is null and c.due_at <= statement_timestamp()
    order by c.due_at, c.id limit p_limit
    for update skip locked
  loop
    if chain_task_is_done(t) then
      update chain_tasks c set done_at = clock_timestamp() where c.id = t.id;
      continue;
    end if;
    update chain_tasks c
      set tries = t.tries + 1,
          due_at = clock_timestamp() + make_interval(secs => least(60, 2 ^ least(t.tries, 6)))
      where c.id = t.id;
    return query select t.id, t.kind, t.group_id, t.inclusion_id, t.tries + 1;
  end loop;
end
$$;
