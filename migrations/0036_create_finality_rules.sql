-- When a deposit is credited, and when it counts as final: by rules over asset, amount and source,
-- the first that fits; by the asset's own values where none does. What applied stands on the
-- inclusion, in the group's metadata and in its timeline.
create table finality_rules (
  id text collate "C" primary key,
  asset text collate "C" not null references assets,
  -- Rules are looked at from the lowest number up, of the same number by id.
  priority integer not null,
  -- Least sum of what came from one source, or to one owner, within `chain_window`; null: any.
  min_amount numeric check (min_amount > 0),
  -- In the chain's own canonical spelling; null: any.
  source text collate "C",
  -- A number of blocks, "safe" or "finalized".
  credit jsonb not null,
  -- Likewise; null: the asset's.
  final jsonb
);

create index finality_rules_in_order on finality_rules (asset, priority, id);

grant select, insert, update, delete on finality_rules to holdfast_app;

alter table chain_inclusions
  -- The rule that applied last, which may be gone by now; null: the asset's own values.
  add column rule text,
  add column credit jsonb,
  add column final jsonb;

grant update (rule, credit, final) on chain_inclusions to holdfast_app;

-- What came from one source, and to one address, of late.
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_by_source on chain_inclusions (from_address, asset, created_at)
  where canonical;
-- squawk-ignore require-concurrent-index-creation
create index chain_inclusions_by_owner on chain_inclusions (to_address, asset, created_at)
  where canonical;

-- Deposits within it count together, before and after: a large one that is split stays a large one.
-- Four times what Ethereum takes to be final; what is final cannot be taken back by anybody.
create function chain_window() returns interval
language sql immutable
return interval '1 hour';

-- What stands behind an inclusion: its amount with all else of the asset that came within the
-- window from the same source, or to any address of the same owner, whichever is more.
create function chain_amount_at_stake(i chain_inclusions) returns numeric
language sql stable
return (
  select i.amount + greatest(
    (select coalesce(sum(o.amount), 0) from chain_inclusions o
      where o.from_address = i.from_address and o.asset = i.asset and o.chain = i.chain
        and o.canonical and (o.txid, o.ordinal) <> (i.txid, i.ordinal)
        and o.created_at between i.created_at - chain_window() and i.created_at + chain_window()),
    (select coalesce(sum(o.amount), 0)
      from deposit_addresses d
      join deposit_addresses e on e.family = d.family and e.owner = d.owner
      join chain_inclusions o on o.to_address = e.address
      where d.family = chain_family(i.chain) and d.address = i.to_address
        and o.asset = i.asset and o.chain = i.chain
        and o.canonical and (o.txid, o.ordinal) <> (i.txid, i.ordinal)
        and o.created_at between i.created_at - chain_window() and i.created_at + chain_window()))
);

-- What applies to an inclusion at this moment.
create function chain_finality_of(
  i chain_inclusions, out rule text, out credit jsonb, out final jsonb
)
language plpgsql stable as $$
declare
  r finality_rules;
  v_stake numeric;
begin
  select to_jsonb(chain_confirmations(a.confirmations)), coalesce(a.final, '"finalized"')
    into credit, final from assets a where a.code = i.asset;
  for r in
    select * from finality_rules f
    where f.asset = i.asset and (f.source is null or f.source = i.from_address)
    order by f.priority, f.id
  loop
    if r.min_amount is not null then
      v_stake := coalesce(v_stake, chain_amount_at_stake(i));
      continue when v_stake < r.min_amount;
    end if;
    rule := r.id;
    credit := r.credit;
    final := coalesce(r.final, final);
    return;
  end loop;
end
$$;

create function chain_set_finality() returns trigger
language plpgsql as $$
declare
  f record := chain_finality_of(new);
begin
  new.rule := f.rule;
  new.credit := f.credit;
  new.final := f.final;
  return new;
end
$$;
create trigger chain_inclusions_get_finality before insert on chain_inclusions
  for each row execute function chain_set_finality();

-- As it stands in a group's metadata and timeline.
create function chain_finality_json(i chain_inclusions) returns jsonb
language sql immutable
return jsonb_build_object('rule', i.rule, 'credit', i.credit, 'final', i.final);

-- Looks a waiting inclusion's rule up again: more may have come from the same source, or the rules
-- may have changed. The caller holds the inclusion, or nothing. Answers it as it is now.
create function chain_refresh_finality(p_inclusion_id bigint) returns chain_inclusions
language plpgsql as $$
declare
  i chain_inclusions;
  f record;
begin
  select * into i from chain_inclusions where id = p_inclusion_id for update;
  if i.id is null or i.credited_at is not null or not i.canonical then
    return i;
  end if;
  f := chain_finality_of(i);
  if (f.rule, f.credit, f.final) is distinct from (i.rule, i.credit, i.final) then
    update chain_inclusions set rule = f.rule, credit = f.credit, final = f.final
      where id = i.id returning * into i;
    perform chain_fact(i.group_id, 'finality:' || clock_timestamp(), 'chain.finality_rule',
      chain_finality_json(i));
  end if;
  return i;
end
$$;

create function finality_rule_json(f finality_rules) returns jsonb
language sql stable
return jsonb_build_object('id', f.id, 'asset', f.asset, 'priority', f.priority,
  'minAmount', amount_text(f.min_amount), 'source', f.source, 'credit', f.credit,
  'final', f.final);

-- Waiting deposits of an asset follow its rules as they are now.
create function chain_apply_rules(p_asset text) returns void
language plpgsql as $$
declare
  v_id bigint;
begin
  for v_id in
    select i.id from chain_inclusions i
    where i.asset = p_asset and i.canonical and i.credited_at is null order by i.id
  loop
    perform chain_refresh_finality(v_id);
  end loop;
end
$$;

-- Makes or replaces a rule. {rule, created} or {refusal}: ASSET_NOT_FOUND, WRONG_KIND where no
-- chain decides about the asset.
create function chain_put_finality_rule(
  p_id text, p_asset text, p_priority integer, p_min_amount numeric, p_source text, p_credit jsonb,
  p_final jsonb
) returns jsonb
language plpgsql as $$
declare
  f finality_rules;
  a assets;
  o finality_rules;
begin
  select * into a from assets where code = p_asset;
  if not found then
    return refusal_json('ASSET_NOT_FOUND', format('There is no asset %s.', p_asset));
  elsif a.chain is null then
    return refusal_json('WRONG_KIND',
      format('Asset %s is on no chain: somebody confirms its deposits.', p_asset));
  end if;
  select * into o from finality_rules where id = p_id for update;
  insert into finality_rules (id, asset, priority, min_amount, source, credit, final)
    values (p_id, p_asset, p_priority, p_min_amount, p_source, p_credit, p_final)
    on conflict (id) do update
      set asset = excluded.asset, priority = excluded.priority, min_amount = excluded.min_amount,
          source = excluded.source, credit = excluded.credit, final = excluded.final
    returning * into f;
  perform chain_apply_rules(p_asset);
  if o.asset <> p_asset then
    perform chain_apply_rules(o.asset);
  end if;
  return jsonb_build_object('rule', finality_rule_json(f), 'created', o.id is null);
end
$$;

-- The asset's own values apply where no rule does.
create function chain_follow_asset() returns trigger
language plpgsql as $$
begin
  perform chain_apply_rules(new.code);
  return null;
end
$$;
create trigger assets_change_finality after update of confirmations, final on assets
  for each row when ((old.confirmations, old.final) is distinct from (new.confirmations, new.final))
  execute function chain_follow_asset();

-- True where there was such a rule.
create function chain_delete_finality_rule(p_id text) returns boolean
language plpgsql as $$
declare
  v_asset text;
begin
  delete from finality_rules where id = p_id returning asset into v_asset;
  if v_asset is null then
    return false;
  end if;
  perform chain_apply_rules(v_asset);
  return true;
end
$$;
