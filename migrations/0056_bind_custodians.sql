-- Custodians: providers that hold the keys of an asset, sign and broadcast. To the ledger such an
-- asset has no chain of its own; what is paid is judged on the chain that is named here.

-- Who pays the withdrawals of an asset. Written from the configuration when a worker starts; of a
-- withdrawal counts what stood here when it was opened.
create table custodian_assets (
  -- Maybe not registered yet: the service has to be up for that.
  asset text collate "C" primary key,
  custodian text collate "C" not null,
  -- CAIP-2 of the followed chain that its payments are looked up on; null: the custodian's word.
  chain text collate "C",
  -- Token contract in the chain's own spelling; null: the native coin.
  contract text collate "C",
  -- When a payment's block counts as final, as in `assets.final`.
  final jsonb not null,
  constraint contracts_need_a_chain check (contract is null or chain is not null)
);

-- One payment by a custodian: a row with each withdrawal of such an asset, from its opening on.
create table custody_payments (
  group_id text collate "C" primary key references withdrawals,
  custodian text collate "C" not null,
  chain text collate "C",
  contract text collate "C",
  final jsonb not null,
  -- From here on the custodian may have it, and nobody releases it.
  began_at timestamptz,
  -- When the custodian was first asked to pay. Null: it was not, or had the payment before, as
  -- after an older database was restored.
  asked_at timestamptz,
  -- The highest final block by then: by the chain's own word, else by the payment's rule.
  asked_above bigint,
  -- The custodian's last word. unknown: none came. refused: it said that it does not take it.
  status text check (status in
    ('unknown', 'refused', 'submitted', 'pending', 'confirmed', 'failed', 'rejected')),
  -- The custodian's own id, as it was told first.
  reference text,
  -- Its last word on each of its ids, by id.
  words jsonb not null default '{}',
  -- Every transaction that it ever named.
  txids text[] not null default '{}',
  detail text,
  -- Since when its word is that it will not pay; once it was given back by that, for ever.
  failed_since timestamptz,
  -- The very event that paid: no second withdrawal is settled by it.
  paid_chain text collate "C",
  paid_txid text collate "C",
  paid_ordinal text collate "C",
  paid_block text collate "C",
  -- Since when that block is no longer in the chain, and no other one is known to have the payment.
  lost_since timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  unique (paid_chain, paid_txid, paid_ordinal)
);

create trigger custody_payments_stay before delete on custody_payments
  for each row execute function refuse_change();

-- Failures are few: what was given back is looked after for some days.
create index custody_payments_failed on custody_payments (failed_since)
  where failed_since is not null;

create index custody_payments_by_block on custody_payments (paid_block)
  where paid_block is not null;

create index custody_payments_lost on custody_payments (lost_since) where lost_since is not null;

-- Binds an asset. Answers why it cannot be, in a sentence, or null.
create function custody_bind_asset(
  p_asset text, p_custodian text, p_chain text, p_contract text, p_final jsonb
) returns text
language plpgsql as $$
declare
  c_chain constant text := (select a.chain from assets a where a.code = p_asset);
begin
  if c_chain is not null then
    return format('%s is on %s, where Holdfast pays itself.', p_asset, c_chain);
  end if;
  insert into custodian_assets (asset, custodian, chain, contract, final)
    values (p_asset, p_custodian, p_chain, p_contract, p_final)
    on conflict (asset) do update set custodian = excluded.custodian, chain = excluded.chain,
      contract = excluded.contract, final = excluded.final;
  return null;
end
$$;

create function custody_note_payment() returns trigger
language plpgsql as $$
begin
  insert into custody_payments (group_id, custodian, chain, contract, final)
    select new.group_id, c.custodian, c.chain, c.contract, c.final
    from custodian_assets c where c.asset = new.asset and new.chain is null;
  return null;
end
$$;
create trigger withdrawals_go_to_custodians after insert on withdrawals
  for each row execute function custody_note_payment();

grant select, insert, update on custodian_assets to holdfast_app;
grant select, insert on custody_payments to holdfast_app;
grant update (began_at, asked_at, asked_above, status, reference, words, txids, detail,
  failed_since, paid_chain, paid_txid, paid_ordinal, paid_block, lost_since, updated_at)
  on custody_payments to holdfast_app;
