-- What became of the attempts that another one of their group was before: they all have one nonce,
-- so they can be in no block any more. They were told as `broadcast` for ever.

-- As before, but for `replaced`. Where a block is dropped, what it was before counts again.
create or replace function withdrawal_progress_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'state', w.state, 'destination', w.destination,
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object(
          'txid', p.txid, 'nonce', p.nonce, 'kind', p.kind, 'fees', p.terms,
          'outcome', case when n.paid or (n.id > 0 and p.kind = 'cancel') then 'in_block'
            when not n.paid then 'reverted'
            when exists (
              select from withdrawal_attempts o
              join attempt_inclusions i on i.attempt_id = o.id and i.canonical
              where o.group_id = p.group_id and o.nonce = p.nonce) then 'replaced'
            else p.outcome end
        ) order by p.group_id = w.group_id, p.attempt_no)
      from withdrawal_attempts p
      left join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id in (w.group_id, m.batch_group_id) and p.txid is not null), '[]'),
    'confirmations', coalesce((
      select max(chain_depth(w.chain, n.block_height))
      from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = coalesce(chain_batch_of(w.group_id), w.group_id)), 0))
  from withdrawals w left join batch_members m on m.group_id = w.group_id
  where w.group_id = p_group_id
);
