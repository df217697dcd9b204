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
