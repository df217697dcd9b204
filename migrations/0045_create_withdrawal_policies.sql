-- Who has to say yes before a withdrawal may leave: people, a risk check, or both.

-- From an amount on, so many clients other than the asking one have to approve. A rule speaks of
-- one asset, and of all its wallets, of an owner's, or of one kind of them.
create table approval_rules (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_.:@-]{1,64}$'),
  asset text collate "C" not null references assets,
  owner text,
  wallet_kind wallet_kind,
  from_amount numeric not null check (from_amount >= 0),
  approvals integer not null check (approvals between 1 and 10)
);

-- Every withdrawal asks which rules speak of its asset; few assets have any.
create index approval_rules_by_asset on approval_rules (asset);

-- A row: no withdrawal leaves without a verdict of the risk check. It stands here and not in a
-- process's settings alone, so that a worker that was started without them lets nothing pass.
create table risk_gate (
  closed boolean primary key default true check (closed),
  since timestamptz not null default clock_timestamp()
);

-- What was asked of a withdrawal when it was opened; a rule that changes later does not touch it.
-- Withdrawals that nothing was asked of have no row.
create table withdrawal_policies (
  group_id text collate "C" primary key,
  -- The rule that asked for people; null: none did.
  rule_id text,
  approvals_needed integer not null check (approvals_needed >= 0),
  -- Null: the withdrawal was opened while there was no risk check.
  risk text check (risk in ('pending', 'allow', 'review', 'deny')),
  risk_reason text,
  created_at timestamptz not null default clock_timestamp()
);

create trigger withdrawal_policies_stay before delete on withdrawal_policies
  for each row execute function refuse_change();

-- One yes of one client. Written by `ledger_approve` alone, which the API alone calls: no workflow
-- and no activity does, so nobody at the Temporal UI can say yes in another's name.
create table withdrawal_approvals (
  group_id text collate "C" not null references withdrawal_policies,
  client text collate "C" not null,
  reason text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (group_id, client)
);

create trigger withdrawal_approvals_stay before update or delete on withdrawal_approvals
  for each row execute function refuse_change();

grant select, insert, update, delete on approval_rules to holdfast_app;
grant select, insert, delete on risk_gate to holdfast_app;
grant select, insert on withdrawal_policies, withdrawal_approvals to holdfast_app;
grant update (approvals_needed, risk, risk_reason) on withdrawal_policies to holdfast_app;

create function approval_rule_json(r approval_rules) returns jsonb
language sql stable
return jsonb_build_object('id', r.id, 'asset', r.asset, 'owner', r.owner,
  'walletKind', r.wallet_kind, 'from', amount_text(r.from_amount), 'approvals', r.approvals);

-- Makes or replaces a rule. {rule} or {refusal}: ASSET_NOT_FOUND.
create function ledger_put_approval_rule(
  p_id text, p_asset text, p_owner text, p_wallet_kind wallet_kind, p_from numeric,
  p_approvals integer
) returns jsonb
language plpgsql as $$
declare
  r approval_rules;
begin
  if not exists (select from assets where code = p_asset) then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  end if;
  insert into approval_rules (id, asset, owner, wallet_kind, from_amount, approvals)
    values (p_id, p_asset, p_owner, p_wallet_kind, p_from, p_approvals)
    on conflict (id) do update
      set asset = excluded.asset, owner = excluded.owner, wallet_kind = excluded.wallet_kind,
          from_amount = excluded.from_amount, approvals = excluded.approvals
    returning * into r;
  return jsonb_build_object('rule', approval_rule_json(r));
end
$$;

-- What is asked of a withdrawal and what is there, as the API and its saga show it; null where
-- nothing was asked.
create function withdrawal_policy_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object('rule', p.rule_id, 'needed', p.approvals_needed,
    'given', coalesce((
      select jsonb_agg(a.client order by a.created_at, a.client)
      from withdrawal_approvals a where a.group_id = p.group_id), '[]'),
    'risk', p.risk)
  from withdrawal_policies p where p.group_id = p_group_id
);

-- How far a withdrawal is: its attempts on the chain and what confirms them.
create function withdrawal_progress_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'state', w.state, 'destination', w.destination,
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object(
          'txid', p.txid, 'nonce', p.nonce, 'kind', p.kind, 'fees', p.terms,
          'outcome', case when n.paid or (n.id > 0 and p.kind = 'cancel') then 'in_block'
            when not n.paid then 'reverted'
            else p.outcome end
        ) order by p.attempt_no)
      from withdrawal_attempts p
      left join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = w.group_id and p.txid is not null), '[]'),
    'confirmations', coalesce((
      select max(chain_depth(w.chain, n.block_height))
      from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = w.group_id), 0))
  from withdrawals w where w.group_id = p_group_id
);

-- Replaces the body of the ledger's migration: how far it is, and what a policy asks of it.
create or replace function withdrawal_json(p_group_id text) returns jsonb
language sql stable
return (
  select withdrawal_progress_json(p_group_id) || case when p.policy is null then '{}'::jsonb
    else jsonb_build_object('approval', p.policy) end
  from (select withdrawal_policy_json(p_group_id)) p(policy)
);

-- Asks what stands in the way of a withdrawal where its row is written, so that no path opens one
-- around it. Of several rules that fit, the one that asks for most counts.
create function begin_withdrawal_policy() returns trigger
language plpgsql as $$
declare
  p withdrawal_policies;
begin
  select r.id, r.approvals into p.rule_id, p.approvals_needed
    from approval_rules r join wallets w on w.id = new.wallet_id
    where r.asset = new.asset and new.amount >= r.from_amount
      and (r.owner is null or r.owner = w.owner)
      and (r.wallet_kind is null or r.wallet_kind = w.kind)
    order by r.approvals desc, r.from_amount desc, r.id limit 1;
  if exists (select from risk_gate) then
    p.risk := 'pending';
  end if;
  if p.rule_id is not null or p.risk is not null then
    insert into withdrawal_policies (group_id, rule_id, approvals_needed, risk)
      values (new.group_id, p.rule_id, coalesce(p.approvals_needed, 0), p.risk);
    insert into group_facts (group_id, key, event, actor, detail)
      values (new.group_id, 'awaiting_approval', 'withdrawal.awaiting_approval', 'policy',
        jsonb_build_object('rule', p.rule_id, 'approvals', coalesce(p.approvals_needed, 0),
          'riskCheck', p.risk is not null));
    new.state := 'awaiting_approval';
  end if;
  return new;
end
$$;
create trigger withdrawals_ask_policy before insert on withdrawals
  for each row
  -- Of a batch each member was asked about.
  when (not chain_is_inside(new.group_id) and not starts_with(new.group_id, 'batch:'))
  execute function begin_withdrawal_policy();
