-- Coins of ours that go from one address of ours to another: from deposit addresses to the hot
-- wallet, and native coins from the hot wallet to deposit addresses that hold tokens and no gas.
-- Such a payment is a withdrawal to the chain's machine (attempts, nonces, proof, finality), and
-- none to the books: no wallet changes by it, but for the network's fee.

-- When coins of an asset are collected, and how much of it the hot wallet shall have.
create table treasury_rules (
  asset text collate "C" primary key references assets,
  -- Less than that stays where it is: dust costs more than it is worth.
  min_amount numeric not null check (min_amount > 0),
  -- Most that one attempt of a collection may cost, in the native coin.
  max_fee numeric not null check (max_fee > 0),
  -- Null: everything above the minimum is collected. Else only while the hot wallet has less than
  -- that, or while withdrawals wait for it.
  low_water numeric check (low_water >= 0),
  -- More than that shall not lie on a wallet whose key is in reach of a network.
  high_water numeric check (high_water > 0),
  -- Where what is above the high mark goes, as withdrawals carry addresses; null: it stays.
  cold_address text collate "C",
  constraint waters_differ check (high_water > low_water),
  constraint sweeps_have_a_mark check (cold_address is null or high_water is not null)
);

grant select, insert, update, delete on treasury_rules to holdfast_app;

create table collections (
  -- Written before the withdrawal's row, so that whoever sees that knows it for a collection.
  group_id text collate "C" primary key references withdrawals deferrable initially deferred,
  -- collect: to the hot wallet. top_up: gas for a deposit address.
  purpose text not null check (purpose in ('collect', 'top_up')),
  chain text collate "C" not null references chains,
  -- The deposit address, wherever it stands.
  address text collate "C" not null,
  asset text collate "C" not null references assets,
  -- From 1: the group's id ends with it.
  number integer not null check (number > 0),
  created_at timestamptz not null default clock_timestamp(),
  unique (chain, address, asset, purpose, number)
);

create trigger collections_stay before update or delete on collections
  for each row execute function refuse_change();

grant select, insert on collections to holdfast_app;

-- Replaces the body of the attempts' migration.
create or replace function chain_is_inside(p_group_id text) returns boolean
language plpgsql stable as $$
begin
  return exists (select from collections c where c.group_id = p_group_id);
end
$$;

-- What ended collections took away from deposit addresses, without what ended top-ups brought; of
-- one address, or of all. Of the native coin also what their transactions cost.
create function chain_collected(p_chain text, p_asset text, p_address text default null)
returns numeric
language plpgsql stable as $$
declare
  c_native constant boolean := p_asset = chain_native_asset(p_chain);
begin
  return (
    select coalesce(sum(
      case when c.asset <> p_asset then 0
        when c.purpose = 'top_up' then -n.received
        else n.received + n.moved end
      + case when c_native and c.purpose = 'collect' then n.fee else 0 end), 0)
    from collections c
    join transfer_groups g on g.id = c.group_id and g.status <> 'IN_PROGRESS'
    join withdrawal_attempts p on p.group_id = c.group_id
    join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null
    where c.chain = p_chain and (p_address is null or c.address = p_address)
  );
end
$$;

-- What the books say that lies on a deposit address, of deposits up to block p_height; null: of all
-- that were credited.
create function chain_lies_at(
  p_chain text, p_address text, p_asset text, p_height bigint default null
) returns numeric
language plpgsql stable as $$
begin
  return coalesce((
    select sum(i.amount) from chain_inclusions i
    where i.to_address = p_address and i.chain = p_chain and i.asset = p_asset
      and i.credited_at is not null and (p_height is null or i.block_height <= p_height)
  ), 0) - chain_collected(p_chain, p_asset, p_address);
end
$$;

-- Replaces the body of the signing's migration.
create or replace function chain_booked_at(p_chain text, p_address text, p_asset text)
returns numeric
language plpgsql stable as $$
begin
  if exists (select from deposit_addresses d
    where d.family = chain_family(p_chain) and d.address = p_address)
  then
    return chain_lies_at(p_chain, p_address, p_asset);
  end if;
  return (
    select -s.settled + chain_collected(p_chain, p_asset) - coalesce((
      select sum(i.amount) from chain_inclusions i
      where i.asset = p_asset and i.credited_at is not null), 0)
    from wallet_states s where s.wallet_id = 'external:' || p_asset);
end
$$;

-- Replaces the body of the ledger's migration: collections and batches show their payment as a
-- withdrawal does.
create or replace function render_group(g transfer_groups, p_legs jsonb) returns jsonb
language plpgsql stable as $$
declare
  v_withdrawal jsonb;
begin
  if g.kind in ('withdrawal', 'collection', 'batch') then
    v_withdrawal := withdrawal_json(g.id);
    if v_withdrawal is not null then
      return transfer_json(g, p_legs) || jsonb_build_object('withdrawal', v_withdrawal);
    end if;
  end if;
  return transfer_json(g, p_legs);
end
$$;
