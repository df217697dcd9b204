-- Re-derives the books from the entries. Each check is one statement, so it sees one moment.

-- Up to ten rows that break one rule, as [{check, subject, detail}].
create type audit_fault as (subject text, detail text);

create function ledger_audit_wallets() returns setof audit_fault
language sql stable
begin atomic
  -- A strict wallet's entries are numbered without a gap, and each says the balance after it.
  select d.wallet_id,
    format('entry %s is version %s with %s/%s/%s after it; derived are %s with %s/%s/%s',
      d.id, d.wallet_version, d.settled_after, d.held_after, d.pending_in_after,
      d.n, d.settled, d.held, d.pending_in)
    from (
      select e.id, e.wallet_id, e.wallet_version, e.settled_after, e.held_after, e.pending_in_after,
        e.created_at, row_number() over w as n, sum(settled_of(e)) over w as settled,
        sum(held_of(e)) over w as held, sum(pending_in_of(e)) over w as pending_in,
        lag(e.created_at) over w as before
      from ledger_entries e where e.wallet_version is not null
      window w as (partition by e.wallet_id order by e.wallet_version rows unbounded preceding)
    ) d
    where d.wallet_version <> d.n or d.settled_after <> d.settled or d.held_after <> d.held
      or d.pending_in_after <> d.pending_in or d.created_at < d.before
  union all
  -- Every balance is the sum of its entries.
  select s.wallet_id, format('balance %s/%s/%s at version %s; its %s entries sum to %s/%s/%s',
      s.settled, s.held, s.pending_in, s.version, x.n, x.settled, x.held, x.pending_in)
    from wallet_states s
    left join (
      select e.wallet_id, count(*) as n, sum(settled_of(e)) as settled, sum(held_of(e)) as held,
        sum(pending_in_of(e)) as pending_in
      from ledger_entries e group by e.wallet_id
    ) x on x.wallet_id = s.wallet_id
    where (s.settled, s.held, s.pending_in, s.version) is distinct from
      (coalesce(x.settled, 0), coalesce(x.held, 0), coalesce(x.pending_in, 0), coalesce(x.n, 0))
  union all
  select e.wallet_id, format('entry %s stands on a wallet that is not there', e.id)
    from ledger_entries e
    where not exists (select from wallet_balances b where b.wallet_id = e.wallet_id)
  union all
  select coalesce(b.wallet_id, w.id), 'the wallet and its balance row do not agree'
    from wallet_balances b full join wallets w on w.id = b.wallet_id
    left join assets a on a.code = w.asset
    where b.wallet_id is null or w.id is null or b.asset <> w.asset or b.scale <> a.scale;
end;

create function ledger_audit_groups() returns setof audit_fault
language sql stable
begin atomic
  -- A leg's entries agree with it; where there is neither leg nor group, one side is null.
  select coalesce(l.group_id, x.group_id),
    format('leg %s: %s settled, %s remaining of %s; its entries hold %s, settled %s, gave back %s',
      coalesce(l.leg, x.leg), l.settled, l.remaining, l.amount, x.held, x.settled, x.back)
    from transfer_legs l
    full join (
      select e.group_id, e.leg,
        coalesce(sum(abs(e.amount)) filter (where e.status = 'HOLD'), 0) as held,
        coalesce(sum(abs(e.amount)) filter (where e.status = 'SETTLED'), 0) as settled,
        coalesce(sum(abs(e.amount)) filter (where e.status in ('RELEASED', 'CANCELLED')), 0) as back
      from ledger_entries e group by e.group_id, e.leg
    ) x on x.group_id = l.group_id and x.leg = l.leg
    where (l.amount, l.settled, l.amount - l.settled - l.remaining)
      is distinct from (x.held, x.settled, x.back)
  union all
  select e.group_id, format('entry %s does not fit leg %s', e.id, e.leg)
    from ledger_entries e join transfer_legs l on l.group_id = e.group_id and l.leg = e.leg
    where e.wallet_id <> l.wallet_id or e.asset <> l.asset or (e.amount < 0) <> (e.type = 'DEBIT')
      or (e.type = l.type) <> (e.status in ('HOLD', 'SETTLED'))
  union all
  -- Settled entries sum to zero per group and asset.
  select e.group_id, format('SETTLED entries sum to %s %s', sum(e.amount), e.asset)
    from ledger_entries e where e.status = 'SETTLED'
    group by e.group_id, e.asset having sum(e.amount) <> 0
  union all
  select g.id, format('the group is %s and leg %s still holds %s', g.status, l.leg, l.remaining)
    from transfer_groups g join transfer_legs l on l.group_id = g.id
    where g.status <> 'IN_PROGRESS' and l.remaining > 0
  union all
  select g.id, 'the group has a time of its end and no end, or an end without time'
    from transfer_groups g where (g.status = 'IN_PROGRESS') <> (g.finished_at is null)
  union all
  select l.group_id, format('leg %s belongs to no group', l.leg)
    from transfer_legs l where not exists (select from transfer_groups g where g.id = l.group_id)
  union all
  -- What reversals settled of a leg is what the leg says.
  select l.group_id,
    format('leg %s says %s reversed; its reversals settled %s', l.leg, l.reversed, x.settled)
    from transfer_legs l
    left join (
      select g.reverses, r.leg, sum(r.settled) as settled
      from transfer_groups g join transfer_legs r on r.group_id = g.id
      where g.reverses is not null group by g.reverses, r.leg
    ) x on x.reverses = l.group_id and x.leg = l.leg
    where l.reversed <> coalesce(x.settled, 0)
  union all
  -- Each entry was written by a step that was decided.
  select e.group_id, format('entry %s names operation %s, which is not there', e.id, e.operation)
    from ledger_entries e
    where not exists (
      select from operations o
      where o.group_id = e.group_id and o.step_key = e.operation and o.status = 'done');
end;

-- {ok, entries, wallets, groups, faults: [{check, subject, detail}]}, the first p_most faults of
-- each check.
create function ledger_audit(p_most integer) returns jsonb
language plpgsql as $$
declare
  v_faults jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object('check', f.name, 'subject', f.subject,
      'detail', f.detail)), '[]') into v_faults
    from (
      (select 'wallets' as name, w.* from ledger_audit_wallets() w limit p_most)
      union all
      (select 'groups', g.* from ledger_audit_groups() g limit p_most)
      union all
      (select 'deposit_addresses', d.* from ledger_audit_deposit_addresses() d limit p_most)
    ) f;
  return jsonb_build_object('ok', v_faults = '[]',
    'entries', (select count(*) from ledger_entries),
    'wallets', (select count(*) from wallet_balances),
    'groups', (select count(*) from transfer_groups), 'faults', v_faults);
end
$$;

-- The body of GET /v1/reconciliation without `chain`, as of one moment. `drift` is cached balances
-- (settled) minus entries; where faults of several wallets cancel out, the sum of their sizes.
create function ledger_reconcile() returns jsonb
language sql stable
return (
  with entry_sums as (
    select e.wallet_id, e.asset, sum(settled_of(e)) as settled, sum(held_of(e)) as held,
      sum(pending_in_of(e)) as pending_in
    from ledger_entries e group by e.wallet_id, e.asset
  ), wallet_drifts as (
    select coalesce(s.asset, x.asset) as asset, coalesce(x.settled, 0) as settled,
      coalesce(x.held, 0) as held, coalesce(x.pending_in, 0) as pending_in,
      coalesce(s.settled, 0) - coalesce(x.settled, 0) as drift,
      abs(coalesce(s.settled, 0) - coalesce(x.settled, 0))
        + abs(coalesce(s.held, 0) - coalesce(x.held, 0))
        + abs(coalesce(s.pending_in, 0) - coalesce(x.pending_in, 0)) as size
    from wallet_states s full join entry_sums x on x.wallet_id = s.wallet_id
  ), by_asset as (
    select a.code as asset, coalesce(sum(d.settled), 0) as settled_sum,
      coalesce(sum(d.pending_in - d.held), 0) as hold_sum,
      coalesce(case when sum(d.drift) <> 0 then sum(d.drift) else sum(d.size) end, 0) as drift
    from assets a left join wallet_drifts d on d.asset = a.code
    group by a.code
  ), unbalanced as (
    select distinct g.id from transfer_groups g
    where g.status <> 'IN_PROGRESS' and (
      exists (select from transfer_legs l where l.group_id = g.id and l.remaining > 0)
      or exists (
        select from ledger_entries e where e.group_id = g.id and e.status = 'SETTLED'
        group by e.asset having sum(e.amount) <> 0))
  )
  select jsonb_build_object(
    'balanced', coalesce(bool_and(b.settled_sum = 0 and b.drift = 0), true)
      and (select count(*) from unbalanced) = 0,
    'assets', coalesce(jsonb_agg(jsonb_build_object('asset', b.asset,
      'settledSum', amount_text(b.settled_sum), 'holdSum', amount_text(b.hold_sum),
      'drift', amount_text(b.drift)) order by b.asset), '[]'),
    'groups', jsonb_build_object(
      'open', (select count(*) from transfer_groups g where g.status = 'IN_PROGRESS'),
      'unbalanced', (select count(*) from unbalanced)))
  from by_asset b
);
