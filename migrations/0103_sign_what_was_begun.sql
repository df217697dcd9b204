-- Attempts that were begun and not signed. Whoever began one tries until it is signed; where that
-- run was lost (ended by a person, or with Temporal's own history), the next one only looked:
-- nothing went out on the nonce any more, whatever anybody asked for.

-- What is to be done about a payment that is in no block, or null: `cancel` or `speed_up`. Asked
-- for by people, by the signer's refusal, or by the time that it has waited; or it was begun: who
-- replaces signs that first, and begins nothing else.
create or replace function chain_replacement_due(p withdrawal_attempts, p_bump_after integer)
returns text
language sql stable
return (
  select case
    when p.outcome = 'signing' then case p.kind when 'cancel' then 'cancel' else 'speed_up' end
    when p.outcome = 'refused' then 'cancel'
    when o.kind = 'cancel' and p.kind = 'payment' then 'cancel'
    when o.kind is not null then 'speed_up'
    -- The youngest counts, also where the signer refused it.
    when (select max(t.created_at) from withdrawal_attempts t where t.group_id = p.group_id)
      + make_interval(secs => p_bump_after) <= clock_timestamp() then 'speed_up'
  end
  from (
    select min(s.kind) as kind from attempt_wishes s
    where s.group_id = p.group_id and s.attempt_no is null
  ) o
);
