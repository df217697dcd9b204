-- Hooks that providers of chains send. Each is stored as it came and answered; what it says is a
-- hint where to look. The chain is read again by the transactions that it names.

create table chain_hooks (
  id bigint generated always as identity primary key,
  source text collate "C" not null,
  -- The provider's own id of the delivery, or what stands for it.
  delivery_id text collate "C" not null,
  body bytea not null,
  body_hash bytea not null,
  -- How often it came again, in the same words and in others.
  copies integer not null default 0,
  contradictions integer not null default 0,
  -- Transactions that it names, and those that are still to be found in a block that was read.
  txids text[] not null,
  open_txids text[] not null,
  -- Payments that a delivery named in other words than its first ones, which `body` has.
  payments text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  -- From when on it waits, as far as patience goes.
  opened_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  tries integer not null default 0,
  finished_at timestamptz,
  -- Why it was given up, in a sentence.
  fault text,
  unique (source, delivery_id)
);

create index chain_hooks_due on chain_hooks (due_at) where finished_at is null;
create index chain_hooks_finished on chain_hooks (finished_at) where finished_at is not null;

-- Stores a hook whose signature was right. Answers `taken`; `copy` where it had come before; or
-- `contradiction` where it had come before in other words: what those name is looked at as well.
-- Payments also where they were named before: a provider that gives all its words on a payment one
-- id says something new of it each time.
-- p_payments  ids of payments that it names; those of the first words stand in the body
create function chain_take_hook(
  p_source text, p_delivery_id text, p_body bytea, p_txids text[], p_payments text[]
) returns text
language plpgsql as $$
declare
  -- So many that no honest delivery has them: the row must not grow without end.
  c_most constant integer := 1000;
  h chain_hooks;
  v_new text[];
  v_payments text[];
begin
  insert into chain_hooks (source, delivery_id, body, body_hash, txids, open_txids)
    values (p_source, p_delivery_id, p_body, sha256(p_body), p_txids, p_txids)
    on conflict (source, delivery_id) do nothing;
  if found then
    return 'taken';
  end if;
  select * into strict h from chain_hooks c
    where c.source = p_source and c.delivery_id = p_delivery_id for update;
  if h.body_hash = sha256(p_body) then
    -- One that was given up gets another chance: the provider insists.
    update chain_hooks c
      set copies = c.copies + 1,
          opened_at = case when h.fault is null then c.opened_at else clock_timestamp() end,
          due_at = case when h.fault is null then c.due_at else clock_timestamp() end,
          tries = case when h.fault is null then c.tries else 0 end,
          finished_at = case when h.fault is null then c.finished_at end,
          fault = null
      where c.id = h.id;
    return 'copy';
  end if;
  v_new := case when cardinality(h.txids) < c_most
    then array(select unnest(p_txids) except select unnest(h.txids)) else '{}' end;
  v_payments := array(select unnest(p_payments) except select unnest(h.payments));
  if cardinality(h.payments) >= c_most then
    v_payments := '{}';
  end if;
  update chain_hooks c
    set contradictions = c.contradictions + 1, txids = c.txids || v_new,
        open_txids = c.open_txids || v_new, payments = c.payments || v_payments
    where c.id = h.id;
  if cardinality(v_new) + cardinality(p_payments) > 0 then
    update chain_hooks c
      set tries = 0, fault = null, opened_at = clock_timestamp(), due_at = clock_timestamp(),
          finished_at = null
      where c.id = h.id;
  end if;
  return 'contradiction';
end
$$;

-- Takes up to p_limit hooks that are due, oldest first, and puts their next time off: one second,
-- doubled with every try, at most five minutes. A reader that dies leaves them to the next one.
-- `words` counts how often the hook has come in other words: see `chain_note_hook_read`.
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

-- Removes what is long over. A delivery that comes again after that is read once more: no harm.
create function chain_forget_hooks(p_keep_days integer, p_limit integer) returns integer
language sql volatile
begin atomic
  with gone as (
    delete from chain_hooks h where h.id in (
      select o.id from chain_hooks o
      where o.finished_at < statement_timestamp() - make_interval(days => p_keep_days)
      order by o.finished_at limit p_limit)
    returning h.id
  )
  select count(*)::integer from gone;
end;

grant select, insert, delete on chain_hooks to holdfast_app;
grant update (copies, contradictions, txids, open_txids, payments, opened_at, due_at, tries,
  finished_at, fault) on chain_hooks to holdfast_app;
