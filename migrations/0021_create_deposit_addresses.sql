-- Addresses that were handed out. An address belongs to an owner on a whole chain family: the key
-- behind it is the same on every chain of the family, and so is the owner.
create table deposit_addresses (
  -- Namespace of CAIP-2, such as `eip155`.
  family text collate "C" not null,
  -- In the chain's own canonical spelling: lower case where case means nothing.
  address text collate "C" not null,
  owner text not null,
  -- The wallet that it was handed out for; coins of other assets go to the owner's wallet of
  -- theirs.
  wallet_id text collate "C" not null references wallets,
  -- Counts an owner's addresses from 0; the path comes from both.
  further integer not null check (further >= 0),
  path text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (family, address)
);

-- Finds what an owner has been handed out, and refuses to give one place twice.
create unique index deposit_addresses_by_owner on deposit_addresses (family, owner, further);

create trigger deposit_addresses_stay before update or delete on deposit_addresses
  for each row execute function refuse_change();

-- The wallet that coins of an asset go to when they arrive at an address: the one that it was
-- handed out for where it holds that asset, else the owner's oldest one. Nobody's, a closed one's
-- and less than the minimum goes to `unattributed:<asset>`, where it is seen and can be assigned.
create function chain_wallet_of(p_family text, p_address text, p_asset text, p_amount numeric)
returns text
language sql stable
return coalesce(
  (
    select w.id
    from deposit_addresses d
    join wallets w on w.owner = d.owner and w.asset = p_asset
    join wallet_balances b on b.wallet_id = w.id
    join assets a on a.code = p_asset
    where d.family = p_family and d.address = p_address
      and b.status <> 'CLOSED' and b.mode = 'strict' and p_amount >= coalesce(a.min_deposit, 0)
    order by w.id = d.wallet_id desc, w.created_at, w.id
    limit 1
  ),
  'unattributed:' || p_asset
);

-- CAIP-2: the namespace says the family.
create function chain_family(p_chain text) returns text
language sql immutable
return split_part(p_chain, ':', 1);

-- Why nothing is ever paid to a destination, in a sentence, or null. Deposit addresses of ours are
-- no fault: such a withdrawal is one payment and one deposit. The opening of withdrawals calls it.
create function chain_destination_fault(p_chain text, p_destination text) returns text
language sql stable
return case
  when p_destination ~ '^0x0{40}$' then 'The zero address belongs to nobody.'
  when exists (select from assets a
    where a.chain = p_chain and lower(a.contract) = lower(p_destination))
    then 'This is the contract of a registered token: it keeps what it gets.'
  when exists (select from hot_addresses h
    where h.chain = p_chain and h.address = lower(p_destination))
    then 'This is an address that withdrawals are paid from.'
end;

grant select, insert on deposit_addresses to holdfast_app;
