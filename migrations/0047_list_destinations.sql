-- Where an owner's withdrawals may go, and since when.

-- Rows are evidence: who allowed what and who took it away. An entry is never changed, and one that
-- was taken away stays.
create table destinations (
  id text collate "C" primary key default gen_random_uuid()::text,
  owner text not null,
  -- CAIP-2; null: of assets without a chain, such as bank accounts.
  chain text collate "C",
  -- As withdrawals carry it: on an EVM chain EIP-55, else any text.
  address text collate "C" not null,
  memo text,
  label text,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  deleted_by text,
  deleted_at timestamptz,
  constraint deleted_by_somebody check ((deleted_by is null) = (deleted_at is null))
);

-- Also the question that every withdrawal under a rule asks.
create unique index destinations_once on destinations (owner, chain, address, memo)
  nulls not distinct where deleted_at is null;

-- The list pages by time of creation.
create index destinations_by_creation on destinations (created_at, id);

create function refuse_destination_change() returns trigger
language plpgsql as $$
begin
  if old.deleted_at is not null or (new.id, new.owner, new.chain, new.address, new.memo, new.label,
      new.created_by, new.created_at) is distinct from (old.id, old.owner, old.chain, old.address,
      old.memo, old.label, old.created_by, old.created_at)
  then
    raise exception 'destination % stays as it is', old.id using errcode = 'HF001';
  end if;
  return new;
end
$$;
create trigger destinations_keep before update on destinations
  for each row execute function refuse_destination_change();
create trigger destinations_stay before delete on destinations
  for each row execute function refuse_change();

-- Withdrawals of an asset, of an owner, of both or of all go to listed destinations alone, and to
-- one that is new only after a while, in which its owner can notice it.
create table destination_rules (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_.:@-]{1,64}$'),
  asset text collate "C" references assets,
  owner text,
  delay_seconds integer not null check (delay_seconds >= 0)
);

grant select, insert on destinations to holdfast_app;
grant update (deleted_by, deleted_at) on destinations to holdfast_app;
grant select, insert, update, delete on destination_rules to holdfast_app;

-- When a destination can be used, by the longest delay of the rules that speak of its owner on its
-- chain; without a rule at once.
create function destination_active_at(d destinations) returns timestamptz
language sql stable
return d.created_at + make_interval(secs => coalesce((
  select max(r.delay_seconds) from destination_rules r left join assets a on a.code = r.asset
  where (r.owner is null or r.owner = d.owner)
    and (r.asset is null or a.chain is not distinct from d.chain)), 0));

create function destination_json(d destinations) returns jsonb
language sql stable
return jsonb_build_object('id', d.id, 'owner', d.owner, 'chain', d.chain, 'address', d.address,
  'memo', d.memo, 'label', d.label,
  'status', case when d.deleted_at is not null then 'DELETED'
    when destination_active_at(d) > clock_timestamp() then 'PENDING' else 'ACTIVE' end,
  'activeAt', rfc3339(destination_active_at(d)), 'createdAt', rfc3339(d.created_at),
  'createdBy', d.created_by, 'deletedAt', rfc3339(d.deleted_at), 'deletedBy', d.deleted_by);

create function destination_rule_json(r destination_rules) returns jsonb
language sql stable
return jsonb_build_object('id', r.id, 'asset', r.asset, 'owner', r.owner,
  'activeAfterSeconds', r.delay_seconds);

-- Lists a destination; again with the same words: the one that is there, whose time goes on.
-- {destination, created} or {refusal}: DESTINATION_NOT_ALLOWED.
create function ledger_add_destination(
  p_owner text, p_chain text, p_address text, p_memo text, p_label text, p_actor text
) returns jsonb
language plpgsql as $$
declare
  d destinations;
begin
  if p_chain is not null and chain_destination_fault(p_chain, p_address) is not null then
    return refusal_json('DESTINATION_NOT_ALLOWED', chain_destination_fault(p_chain, p_address));
  end if;
  insert into destinations (owner, chain, address, memo, label, created_by)
    values (p_owner, p_chain, p_address, p_memo, p_label, p_actor)
    on conflict (owner, chain, address, memo) where deleted_at is null do nothing
    returning * into d;
  if found then
    return jsonb_build_object('destination', destination_json(d), 'created', true);
  end if;
  select * into d from destinations
    where owner = p_owner and chain is not distinct from p_chain and address = p_address
      and memo is not distinct from p_memo and deleted_at is null;
  if not found then
    -- Taken away in this very moment: the caller asks again.
    raise exception 'destination of % was deleted meanwhile', p_owner using errcode = '40001';
  end if;
  return jsonb_build_object('destination', destination_json(d), 'created', false);
end
$$;

-- Makes or replaces a rule. {rule} or {refusal}: ASSET_NOT_FOUND.
create function ledger_put_destination_rule(
  p_id text, p_asset text, p_owner text, p_delay_seconds integer
) returns jsonb
language plpgsql as $$
declare
  r destination_rules;
begin
  if p_asset is not null and not exists (select from assets where code = p_asset) then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  end if;
  insert into destination_rules (id, asset, owner, delay_seconds)
    values (p_id, p_asset, p_owner, p_delay_seconds)
    on conflict (id) do update
      set asset = excluded.asset, owner = excluded.owner, delay_seconds = excluded.delay_seconds
    returning * into r;
  return jsonb_build_object('rule', destination_rule_json(r));
end
$$;

-- What the rules, the list and the database's clock say against a destination, or null.
create function destination_list_fault(p_wallet text, p_destination text) returns text
language plpgsql stable as $$
declare
  w wallets;
  d destinations;
  v_chain text;
  v_delay integer;
begin
  if not exists (select from destination_rules) then
    return null;
  end if;
  select s.* into w from wallets s where s.id = p_wallet;
  select a.chain into v_chain from assets a where a.code = w.asset;
  select max(r.delay_seconds) into v_delay from destination_rules r
    where (r.asset is null or r.asset = w.asset) and (r.owner is null or r.owner = w.owner);
  if v_delay is null then
    return null;
  end if;
  select * into d from destinations
    where owner = w.owner and chain is not distinct from v_chain and address = p_destination
      and deleted_at is null
    order by created_at limit 1;
  if not found then
    return format('%s is not among the destinations of %s; list it with POST /v1/destinations.',
      p_destination, w.owner);
  elsif d.created_at + make_interval(secs => v_delay) > clock_timestamp() then
    return format('%s can be used from %s.', p_destination,
      rfc3339(d.created_at + make_interval(secs => v_delay)));
  end if;
  return null;
end
$$;

-- Why a wallet's withdrawals may not go to a destination now, in a sentence, or null. Asked at the
-- opening and at the last approval.
create or replace function withdrawal_destination_fault(p_wallet text, p_destination text)
returns text
language sql stable
return destination_list_fault(p_wallet, p_destination);
