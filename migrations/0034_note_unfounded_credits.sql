-- Coins that were credited and whose block was dropped. Once the new branch is read as far as the
-- old one was, what is not in it is taken back. `credited_at` is null again then: it says what
-- stands in the books.
alter table chain_inclusions
  -- Set when it is orphaned: the height up to which the new branch has to be read.
  add column scan_to bigint,
  add column reversed_at timestamptz;

-- Credits that were taken back are counted at every scrape of the metrics, and are few.
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_reversed on chain_inclusions (asset) where reversed_at is not null;

grant update (scan_to, reversed_at) on chain_inclusions to holdfast_app;

-- Credits that lost their block: looked for at every block, and there are hardly ever any.
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_unfounded on chain_inclusions (chain)
  where credited_at is not null and not canonical;

-- What wallets owe since a credit was taken back that had been spent. Later deposits of the wallet
-- pay it before anything reaches the wallet.
create table wallet_shortfalls (
  -- The reversal that booked it.
  group_id text collate "C" primary key references transfer_groups,
  wallet_id text collate "C" not null references wallets,
  asset text collate "C" not null references assets,
  amount numeric not null check (amount > 0),
  remaining numeric not null check (remaining between 0 and amount),
  created_at timestamptz not null default clock_timestamp()
);

-- What a deposit has to pay, the oldest first.
create index wallet_shortfalls_open on wallet_shortfalls (wallet_id, created_at)
  where remaining > 0;

create trigger wallet_shortfalls_stay before delete on wallet_shortfalls
  for each row execute function refuse_change();

grant select, insert on wallet_shortfalls to holdfast_app;
grant update (remaining) on wallet_shortfalls to holdfast_app;

-- Groups whose holds ended because a credit is taken back: their sagas are to be told.
create table chain_released_holds (
  inclusion_id bigint not null references chain_inclusions,
  group_id text collate "C" not null references transfer_groups,
  primary key (inclusion_id, group_id)
);

grant select, insert on chain_released_holds to holdfast_app;

-- The group that takes an inclusion's credit back; also its saga's id. There is one at most.
create function chain_reversal_id(p_group_id text) returns text
language sql immutable
return 'reversal' || substr(p_group_id, length('deposit') + 1);

-- The inclusion that a credit rests on although its own block was dropped: the same event with the
-- same coins for the same address, in the canonical chain. Null where there is none.
create function chain_same_coins_again(i chain_inclusions) returns bigint
language sql stable
return (
  select o.id from chain_inclusions o
  where o.chain = i.chain and o.txid = i.txid and o.ordinal = i.ordinal and o.canonical
    and (o.asset, o.amount, o.to_address) = (i.asset, i.amount, i.to_address)
);

-- Up to which height the branch has to be read before an orphaned event counts as gone. The event
-- may have come and gone again since.
create function chain_scan_to(i chain_inclusions) returns bigint
language sql stable
return (
  select max(o.scan_to) from chain_inclusions o
  where o.chain = i.chain and o.txid = i.txid and o.ordinal = i.ordinal
);

-- Whether a credit stands in the books that nothing in the chain is behind.
create function chain_needs_reversal(p_inclusion_id bigint) returns boolean
language sql stable
return (
  select i.credited_at is not null and not i.canonical and chain_same_coins_again(i) is null
  from chain_inclusions i where i.id = p_inclusion_id
);

-- Writes a task for every credit that the new branch does not bear out, once that is read as far
-- as the old one was. One that was told before and came back since is told again.
create function chain_make_reversals(c chains) returns void
language sql volatile
begin atomic
  insert into chain_tasks (chain, kind, group_id, inclusion_id)
    select i.chain, 'reverse', chain_reversal_id(i.group_id), i.id
    from chain_inclusions i
    where i.chain = c.id and i.credited_at is not null and not i.canonical
      and chain_scan_to(i) <= c.cursor_height and chain_same_coins_again(i) is null
    on conflict (group_id, kind, inclusion_id) do update
      set done_at = null, due_at = clock_timestamp() where chain_tasks.done_at is not null;
end;
