-- Coins that came to an address of ours and are nobody's in the books: no open wallet was there for
-- them, or they were less than the minimum. They lie on `unattributed:<asset>` until somebody says
-- whose they are, once.
create table unattributed_assignments (
  deposit_id text collate "C" primary key references transfer_groups,
  -- The group that moved them.
  group_id text collate "C" not null unique references transfer_groups,
  wallet_id text collate "C" not null references wallets,
  assigned_by text not null,
  reason text not null,
  created_at timestamptz not null default clock_timestamp()
);

create trigger unattributed_assignments_stay before update or delete on unattributed_assignments
  for each row execute function refuse_change();

-- Moves an unattributed deposit to a wallet, by a group of its own that names the deposit. What the
-- wallet owes is paid first. It has to be final: a reorganisation would take it back from
-- `unattributed:<asset>` alone.
create function chain_assign_unattributed(
  p_group_id text, p_step_key text, p_actor text, p_admin boolean, p_request jsonb,
  p_deposit_id text, p_client text, p_wallet text, p_reason text
) returns jsonb
language plpgsql as $$
declare
  i chain_inclusions;
  l transfer_legs;
  a unattributed_assignments;
  g transfer_groups;
  r record;
  s record;
  v_due numeric := 0;
  v_part numeric;
  v_answer jsonb;
  v_code text;
  v_detail text;
begin
  select * into i from chain_inclusions where group_id = p_deposit_id;
  select * into l from transfer_legs
    where group_id = p_deposit_id and type = 'CREDIT' and wallet_id = 'unattributed:' || asset;
  if i.id is null or l.group_id is null then
    return '{"outcome": "not_found"}';
  end if;
  i := chain_lock_inclusion(i.id);
  perform ledger_lock_new(p_group_id);
  v_answer := ledger_replay(p_group_id, p_step_key);
  if v_answer is not null then
    return v_answer;
  end if;
  select * into l from transfer_legs where group_id = l.group_id and leg = l.leg;
  select * into a from unattributed_assignments where deposit_id = p_deposit_id;
  g.id := p_group_id;
  g.kind := 'transfer';
  g.status := 'SETTLED';
  g.client := p_client;
  g.reference := i.txid;
  g.metadata := jsonb_build_object('assigns', p_deposit_id, 'reason', p_reason);
  g.opened_by := p_step_key;
  if a.deposit_id is not null then
    v_code := 'DEPOSIT_EXISTS';
    v_detail := format('Group %s moved it to wallet %s already.', a.group_id, a.wallet_id);
  elsif not p_admin and exists (
    select from wallet_balances b where b.wallet_id = p_wallet and b.mode <> 'strict')
  then
    return ledger_refuse(g, true, p_step_key, 'assign', p_actor, p_request, false, 'FORBIDDEN',
      format('Only an admin may name the system wallet %s.', p_wallet));
  elsif p_wallet = l.wallet_id then
    return ledger_refuse(g, true, p_step_key, 'assign', p_actor, p_request, false,
      'INVALID_REQUEST', 'It lies on this wallet.');
  elsif i.reversed_at is not null or not i.canonical or l.settled = 0 or i.block_height
    > coalesce((select chain_final_height(c, i.final) from chains c where c.id = i.chain), -1)
  then
    -- Not stored: it will be true later, under the same key.
    return ledger_refuse(g, true, p_step_key, 'assign', p_actor, p_request, false,
      'CHAIN_DECIDES', format('Its block is not final on %s yet.', i.chain));
  end if;
  if v_code is not null then
    return ledger_refuse(g, true, p_step_key, 'assign', p_actor, p_request, true, v_code,
      v_detail);
  end if;
  perform from wallet_shortfalls o
    where o.wallet_id = p_wallet and o.remaining > 0 order by o.created_at, o.group_id for update;
  select least(l.settled, coalesce(sum(o.remaining), 0)) into v_due from wallet_shortfalls o
    where o.wallet_id = p_wallet and o.asset = l.asset;
  select array_agg(x.leg order by x.leg)::smallint[] as legs,
      array_agg(x.wallet order by x.leg) as wallets, array_agg(l.asset) as assets,
      array_agg(x.type order by x.leg) as types, array_agg(x.part order by x.leg) as parts into r
    from (values (1, l.wallet_id, 'DEBIT'::leg_type, l.settled),
      (2, p_wallet, 'CREDIT', l.settled - v_due),
      (3, 'shortfall:' || l.asset, 'CREDIT', v_due)) x(leg, wallet, type, part)
    where x.part > 0;
  v_answer := ledger_write(g, true, p_step_key, 'assign', p_actor, p_request, 'group.settled',
    'IMMEDIATE', r.legs, r.wallets, r.assets, r.types, r.parts, null, true, true);
  if v_answer ->> 'outcome' = 'done' then
    for s in
      select * from wallet_shortfalls o
      where o.wallet_id = p_wallet and o.remaining > 0 order by o.created_at, o.group_id
    loop
      v_part := least(s.remaining, v_due);
      exit when v_part = 0;
      v_due := v_due - v_part;
      update wallet_shortfalls set remaining = remaining - v_part where group_id = s.group_id;
      perform chain_fact(s.group_id, 'paid:' || p_group_id, 'shortfall.paid', jsonb_build_object(
        'by', p_group_id, 'amount', amount_text(v_part),
        'remaining', amount_text(s.remaining - v_part)));
    end loop;
    insert into unattributed_assignments (deposit_id, group_id, wallet_id, assigned_by, reason)
      values (p_deposit_id, p_group_id, p_wallet, p_actor, p_reason);
    insert into group_facts (group_id, key, event, actor, reason, detail)
      values (p_deposit_id, 'assigned', 'deposit.assigned', p_actor, p_reason,
        jsonb_build_object('wallet', p_wallet, 'by', p_group_id))
      on conflict (group_id, key) do nothing;
  end if;
  return v_answer;
end
$$;

-- Replaces the body of the ledger's migration. An assignment also paid what its wallet owed, which
-- no reversal brings back.
create or replace function ledger_irreversible(o transfer_groups) returns text
language sql stable
return (
  select format('Group %s assigned deposit %s, which is done once; move the money by a transfer.',
      o.id, a.deposit_id)
    from unattributed_assignments a where a.group_id = o.id limit 1
);

-- An unattributed deposit as it is listed.
create function unattributed_json(i chain_inclusions, g transfer_groups) returns jsonb
language sql stable
return jsonb_build_object('id', g.id, 'status', g.status, 'asset', i.asset,
  'amount', amount_text(i.amount), 'chain', i.chain, 'txid', i.txid, 'from', i.from_address,
  'address', i.to_address,
  'owner', (select d.owner from deposit_addresses d
    where d.family = chain_family(i.chain) and d.address = i.to_address),
  'why', (select case when i.amount < a.min_deposit then 'BELOW_MINIMUM' else 'NO_WALLET' end
    from assets a where a.code = i.asset),
  'createdAt', rfc3339(g.created_at),
  'assigned', (select jsonb_build_object('wallet', s.wallet_id, 'groupId', s.group_id,
      'by', s.assigned_by, 'reason', s.reason, 'at', rfc3339(s.created_at))
    from unattributed_assignments s where s.deposit_id = g.id));

grant select, insert on unattributed_assignments to holdfast_app;
