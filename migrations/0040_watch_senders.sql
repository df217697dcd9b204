-- What is known of the addresses that payments leave from. Called under the sender's advisory lock.

-- Stops the signing for a sender until a person has looked. The same reason is told once.
create function chain_pause_sender(
  p_chain text, p_sender text, p_cause text, p_reason text
) returns void
language sql volatile
begin atomic
  insert into sender_pauses (chain, sender, cause, reason)
    select p_chain, p_sender, p_cause, p_reason where not exists (
      select from sender_pauses s where s.chain = p_chain and s.sender = p_sender
        and s.reason = p_reason and s.until is null);
end;

-- Writes down that payments leave from this address from now on, which has sent p_nonce
-- transactions so far: it is refused as a destination, its coins are part of what the books must
-- equal, and what it sends from here on without us is noticed.
create function chain_register_sender(p_chain text, p_sender text, p_nonce bigint) returns void
language plpgsql as $$
begin
  insert into hot_addresses (chain, address) values (p_chain, p_sender) on conflict do nothing;
  if found and p_nonce > 0 then
    insert into nonce_slots (chain, sender, nonce, note)
      values (p_chain, p_sender, p_nonce - 1, 'Spent before Holdfast paid from this address.')
      on conflict do nothing;
  end if;
  -- A signer that was exchanged may come back.
  update hot_addresses set named_at = clock_timestamp()
    where chain = p_chain and address = p_sender;
end
$$;

-- The sender's lowest nonce that was never given away. Call it under the sender's advisory lock.
create function chain_next_nonce(p_chain text, p_sender text) returns bigint
language sql stable
return (
  select coalesce(max(s.nonce) + 1, 0) from nonce_slots s
  where s.chain = p_chain and s.sender = p_sender
);

-- Withdrawals of a sender whose bytes may be out and are in no block.
create function chain_in_flight(p_chain text, p_sender text) returns bigint
language sql stable
return (
  select count(*) from withdrawals w
  where w.chain = p_chain and w.state not in ('held', 'awaiting_funds', 'settled', 'released')
    and exists (select from withdrawal_attempts p
      where p.group_id = w.group_id and p.sender = p_sender)
    and not exists (select from withdrawal_attempts p
      join attempt_inclusions n on n.attempt_id = p.id and n.canonical
      where p.group_id = w.group_id)
);
