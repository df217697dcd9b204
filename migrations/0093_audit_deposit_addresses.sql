-- Where what is kept of deposit addresses is not what deposits and collections come to.
create function ledger_audit_deposit_addresses() returns setof audit_fault
language sql stable
begin atomic
  with derived as (
    select m.asset, m.address, sum(m.amount) as amount from deposit_address_moves m
      group by m.asset, m.address
  )
  select concat_ws(' ', coalesce(b.asset, d.asset), coalesce(b.address, d.address)),
      format('what is kept is %s, deposits and collections come to %s',
        amount_text(coalesce(b.amount, 0)), amount_text(coalesce(d.amount, 0)))
    from deposit_address_balances b
    full join derived d on d.asset = b.asset and d.address = b.address
    where coalesce(b.amount, 0) <> coalesce(d.amount, 0)
  union all
  select a.code, format('addresses have %s, and all together %s', amount_text(b.amount),
      amount_text(t.amount))
    from assets a
    cross join lateral (select coalesce(sum(k.amount), 0) as amount
      from deposit_address_balances k where k.asset = a.code) b
    cross join lateral (select coalesce(sum(k.amount), 0) as amount
      from deposit_address_totals k where k.asset = a.code) t
    where b.amount <> t.amount;
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
