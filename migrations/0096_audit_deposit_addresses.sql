-- Where what is kept of an asset's deposit addresses is not what deposits and collections come to.
create function ledger_audit_deposit_addresses() returns setof audit_fault
language sql stable
begin atomic
  select a.code, format('deposit addresses have %s by what is kept, %s by what came and went',
      amount_text(k.amount), amount_text(m.amount))
    from assets a
    cross join lateral (select coalesce(sum(t.amount), 0) as amount
      from deposit_address_totals t where t.asset = a.code) k
    cross join lateral (
      select coalesce(sum(i.amount), 0) - chain_collected(a.chain, a.code) as amount
      from chain_inclusions i where i.asset = a.code and i.credited_at is not null) m
    where a.chain is not null and k.amount <> m.amount;
end;

create or replace function ledger_audit(p_most integer) returns jsonb
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
