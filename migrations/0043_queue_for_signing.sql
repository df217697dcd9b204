-- Payments that cannot begin now, in the order in which they are asked again. Without it each saga
-- asked by its own timer, whose pauses grow: a hundred withdrawals at once, of which sixteen may be
-- in no block, took five minutes where the chain had room for them in seven blocks.

create table signing_queue (
  group_id text collate "C" primary key references withdrawals,
  chain text collate "C" not null references chains,
  sender text collate "C" not null,
  -- Most that it may cost, as it was last priced; null: it was not priced yet.
  max_fee numeric,
  -- Most payments of the sender that may be under way and in no block, as who asked has it.
  in_flight integer not null,
  -- It moves coins between addresses of ours, and nobody outside waits for it.
  inside boolean not null,
  last_turn_at timestamptz not null default clock_timestamp()
);

create index signing_queue_turns on signing_queue (chain, sender, inside, last_turn_at);

grant select, insert, update, delete on signing_queue to holdfast_app;

-- Why no more payments of a sender may come into no block, in a sentence, or null when one may.
create function chain_room_fault(p_chain text, p_sender text, p_in_flight integer) returns text
language plpgsql stable as $$
begin
  if chain_in_flight(p_chain, p_sender) >= p_in_flight then
    return format('%s payments of %s are in no block yet, more are not begun', p_in_flight,
      p_sender);
  end if;
  return null;
end
$$;

-- Puts a payment into the queue. One that is there keeps its place.
create function chain_queue_payment(
  w withdrawals, p_sender text, p_max_fee numeric, p_in_flight integer
) returns void
language plpgsql as $$
begin
  insert into signing_queue (group_id, chain, sender, max_fee, in_flight, inside)
    values (w.group_id, w.chain, p_sender, p_max_fee, p_in_flight, chain_is_inside(w.group_id))
    on conflict (group_id) do update
      set sender = excluded.sender, in_flight = excluded.in_flight,
          max_fee = coalesce(excluded.max_fee, signing_queue.max_fee);
end
$$;

-- Whether a payment has to wait because the sender has as many in no block as it may, and why;
-- null: it may be priced and signed. Asked before the node is, of which each would ask five things.
create function chain_wait_for_room(
  p_group_id text, p_actor text, p_sender text, p_in_flight integer
) returns text
language plpgsql as $$
declare
  g transfer_groups;
  w withdrawals;
  v_why text;
begin
  select * into w from withdrawals where group_id = p_group_id;
  v_why := chain_room_fault(w.chain, p_sender, p_in_flight);
  if v_why is null then
    return null;
  end if;
  select * into g from transfer_groups where id = p_group_id for update;
  select * into w from withdrawals where group_id = p_group_id;
  -- All else is said where signing begins.
  if g.status <> 'IN_PROGRESS' or w.state not in ('held', 'awaiting_funds')
    or g.expires_at <= clock_timestamp()
  then
    return null;
  end if;
  perform chain_queue_payment(w, p_sender, null, p_in_flight);
  perform chain_announce_state(g, 'awaiting_funds', '~awaitingFunds', p_actor,
    jsonb_build_object('why', v_why));
  return v_why;
end
$$;

-- Tells sagas whose payments the books no longer stand against: of each sender as many as may come
-- into no block beside those that are there, who had their turn longest ago first, and those that
-- somebody outside waits for before our own. Payments that still cannot be made go to the end, so
-- that a large one does not keep small ones waiting; of them only so many are looked at, since this
-- is part of storing a block. What the node alone knows, the sender's coins there, the saga asks.
create function chain_call_queue(c chains) returns void
language plpgsql as $$
declare
  c_most_refused constant integer := 32;
  c_most_senders constant integer := 16;
  c_funds constant jsonb := jsonb_build_object(
    'height', c.cursor_height, 'balance', 'Infinity', 'native', 'Infinity');
  v_room bigint;
  v_inside boolean;
  v_refused integer;
  s record;
  q signing_queue;
  w withdrawals;
begin
  for s in
    select sender, max(in_flight) as most from signing_queue where chain = c.id
      group by sender order by min(last_turn_at) limit c_most_senders
  loop
    v_room := s.most - chain_in_flight(c.id, s.sender);
    foreach v_inside in array array[false, true] loop
      v_refused := 0;
      for q in
        select * from signing_queue o
          where o.chain = c.id and o.sender = s.sender and o.inside = v_inside
          order by o.last_turn_at, o.group_id limit greatest(v_room, 0)
          for update skip locked
      loop
        exit when v_refused = c_most_refused;
        select * into w from withdrawals where group_id = q.group_id;
        if w.state not in ('held', 'awaiting_funds') then
          delete from signing_queue where group_id = q.group_id;
          continue;
        end if;
        update signing_queue set last_turn_at = clock_timestamp() where group_id = q.group_id;
        if chain_payment_fault(w, q.sender, c_funds, coalesce(q.max_fee, 0), q.in_flight) is null
        then
          perform chain_wake_saga(c.id, q.group_id);
          v_room := v_room - 1;
        else
          v_refused := v_refused + 1;
        end if;
      end loop;
    end loop;
  end loop;
end
$$;
