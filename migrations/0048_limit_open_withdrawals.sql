-- How much may be on its way out at the same time: a bound on what one mistake or one stolen key
-- can cost before somebody looks.

-- Counts the open withdrawals of an asset: all of them together, one owner's, or each owner's for
-- itself.
create table open_limits (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_.:@-]{1,64}$'),
  asset text collate "C" not null references assets,
  owner text,
  each_owner boolean not null default false,
  most_withdrawals integer check (most_withdrawals >= 0),
  most_amount numeric check (most_amount >= 0),
  constraint bounds_something check (num_nonnulls(most_withdrawals, most_amount) > 0),
  constraint one_scope check (owner is null or not each_owner)
);

-- Every withdrawal asks which limits speak of its asset; few assets have any.
create index open_limits_by_asset on open_limits (asset);

-- What such a limit counts: an ended withdrawal leaves this index.
-- squawk-ignore require-concurrent-index-creation
create index withdrawals_open on withdrawals (asset)
  where state not in ('settled', 'released');

grant select, insert, update, delete on open_limits to holdfast_app;

create function open_limit_json(l open_limits) returns jsonb
language sql stable
return jsonb_build_object('id', l.id, 'asset', l.asset, 'owner', l.owner,
  'eachOwner', l.each_owner, 'withdrawals', l.most_withdrawals,
  'amount', amount_text(l.most_amount));

-- Makes or replaces a limit; waits for withdrawals that are being checked against it. {limit} or
-- {refusal}: ASSET_NOT_FOUND.
create function ledger_put_open_limit(
  p_id text, p_asset text, p_owner text, p_each_owner boolean, p_withdrawals integer,
  p_amount numeric
) returns jsonb
language plpgsql as $$
declare
  l open_limits;
begin
  if not exists (select from assets where code = p_asset) then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  end if;
  insert into open_limits (id, asset, owner, each_owner, most_withdrawals, most_amount)
    values (p_id, p_asset, p_owner, p_each_owner, p_withdrawals, p_amount)
    on conflict (id) do update
      set asset = excluded.asset, owner = excluded.owner, each_owner = excluded.each_owner,
          most_withdrawals = excluded.most_withdrawals, most_amount = excluded.most_amount
    returning * into l;
  return jsonb_build_object('limit', open_limit_json(l));
end
$$;

-- Why one more withdrawal would be too much at the same time, in a sentence, or null. Locks the
-- limits' rows by id, before all rows that `ledger_write` locks; what is counted is read after. An
-- open withdrawal counts with what it still holds of its principal.
create or replace function ledger_open_limit_fault(p_wallet text, p_amount numeric) returns text
language plpgsql as $$
declare
  w wallets;
  l open_limits;
  r record;
begin
  if not exists (select from open_limits) then
    return null;
  end if;
  select s.* into w from wallets s where s.id = p_wallet;
  for l in
    select o.* from open_limits o
    where o.asset = w.asset and (o.owner is null or o.owner = w.owner) order by o.id for update
  loop
    select count(*) as withdrawals, coalesce(sum(g.remaining), 0) as amount into r
      from withdrawals o
      join transfer_groups t on t.id = o.group_id and t.status = 'IN_PROGRESS'
      join transfer_legs g on g.group_id = o.group_id and g.leg = 1
      join wallets s on s.id = o.wallet_id
      where o.asset = l.asset and o.state not in ('settled', 'released')
        and (s.owner = w.owner or (l.owner is null and not l.each_owner));
    if r.withdrawals + 1 > l.most_withdrawals then
      return format('Limit %s allows %s open withdrawals of %s; there are %s. Wait until one ends.',
        l.id, l.most_withdrawals, l.asset, r.withdrawals);
    elsif r.amount + p_amount > l.most_amount then
      return format('Limit %s allows %s %s in open withdrawals; %s is open, %s is asked.', l.id,
        amount_text(l.most_amount), l.asset, amount_text(r.amount), amount_text(p_amount));
    end if;
  end loop;
  return null;
end
$$;
