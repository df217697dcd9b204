-- Several withdrawals in one chain transaction. A batch is a group of its own with a row of
-- `withdrawals`: it has the attempts, the nonce and the proof, and its amount is the sum of its
-- members'. To the books it is the members that pay: the batch has no legs but the network's fee.

-- Withdrawals whose turn to be signed has come, and that wait a moment for others.
create table batch_waits (
  group_id text collate "C" primary key references withdrawals,
  chain text collate "C" not null,
  asset text collate "C" not null references assets,
  since timestamptz not null default clock_timestamp()
);

create index batch_waits_by_asset on batch_waits (chain, asset, since);

-- Who is paid by a batch. A withdrawal is in one at most, for ever: one whose batch did not pay
-- goes on alone, so a payee that makes batches fail does so once.
create table batch_members (
  group_id text collate "C" primary key references withdrawals,
  batch_group_id text collate "C" not null references withdrawals,
  -- From 0: the place of its part in the transaction.
  position integer not null check (position >= 0),
  created_at timestamptz not null default clock_timestamp(),
  unique (batch_group_id, position)
);

create trigger batch_members_stay before update or delete on batch_members
  for each row execute function refuse_change();

-- The batch that pays a withdrawal, or may: null where it is in none, or its batch ended without
-- paying. Where that end is in doubt, the batch is still that of members who went no further: see
-- `batch_take_back`.
create function chain_batch_of(p_group_id text) returns text
language sql stable
return (
  select m.batch_group_id from batch_members m
  join withdrawals b on b.group_id = m.batch_group_id
  where m.group_id = p_group_id
    and (b.state not in ('released', 'late_confirmed')
      or (ledger_signing_began(m.group_id) and not exists (
        select from withdrawal_attempts p where p.group_id = m.group_id)))
);

-- Bytes of one withdrawal are never out twice: whatever a caller believes, one that a batch pays
-- gets no attempt of its own, and one that has an attempt joins no batch. Both happen under the
-- lock of its group, so neither misses the other.
create function refuse_attempt_beside_batch() returns trigger
language plpgsql as $$
begin
  if chain_batch_of(new.group_id) is not null then
    raise exception '% is paid by %, so it is not signed alone', new.group_id,
      chain_batch_of(new.group_id) using errcode = 'HF004';
  end if;
  delete from batch_waits where group_id = new.group_id;
  return new;
end
$$;
create trigger withdrawal_attempts_or_batch before insert on withdrawal_attempts
  for each row execute function refuse_attempt_beside_batch();

create function refuse_batch_beside_attempt() returns trigger
language plpgsql as $$
begin
  if exists (select from withdrawal_attempts p where p.group_id = new.group_id) then
    raise exception '% has an attempt of its own, so it joins no batch', new.group_id
      using errcode = 'HF004';
  end if;
  delete from batch_waits where group_id = new.group_id;
  return new;
end
$$;
create trigger batch_members_or_attempt before insert on batch_members
  for each row execute function refuse_batch_beside_attempt();

-- Replaces the body of the attempts' migration. A batch pays where each member's exact payment is
-- there, identical ones as often as they are asked for: of a token by its events, which are from
-- the sender, of the native coin by what the payout contract says of the value that it was sent.
create or replace function chain_does_pay(
  p withdrawal_attempts, w withdrawals, p_transfers jsonb, p_payouts jsonb
) returns boolean
language plpgsql stable as $$
declare
  c_is_native constant boolean := w.asset = chain_native_asset(w.chain);
  c_is_batch constant boolean := exists (
    select from batch_members m where m.batch_group_id = w.group_id);
begin
  if c_is_native or not c_is_batch then
    if not exists (
      select
      from jsonb_to_recordset(p_transfers) t(asset text, amount numeric, "from" text, "to" text)
      where t.asset = w.asset and t."from" = p.sender and t."to" = p.destination
        -- A batch that was found on the chain may pay others too, whom these books do not know.
        and (t.amount = w.amount or (c_is_batch and t.amount > w.amount)))
    then
      return false;
    end if;
  end if;
  return not c_is_batch or not exists (
    select
    from (
      select lower(o.destination) as payee, o.amount, count(*) as wanted
      from batch_members m join withdrawals o on o.group_id = m.group_id
      where m.batch_group_id = w.group_id
      group by lower(o.destination), o.amount
    ) x
    where x.wanted > case when c_is_native
      then (select count(*)
        from jsonb_to_recordset(p_payouts) t(amount numeric, "to" text)
        where t.amount = x.amount and t."to" = x.payee)
      else (select count(*)
        from jsonb_to_recordset(p_transfers) t(asset text, amount numeric, "from" text, "to" text)
        where t.asset = w.asset and t.amount = x.amount and t."from" = p.sender
          and t."to" = x.payee) end);
end
$$;

grant select, insert, delete on batch_waits to holdfast_app;
grant select, insert on batch_members to holdfast_app;
