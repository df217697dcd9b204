-- Takes a credit back that nothing in the chain is behind: from the wallet as far as it goes, the
-- rest from `shortfall:<asset>`, which later deposits of the wallet pay before it gets anything.

-- Open groups that hold money of a wallet and of which no bytes can be on a chain, by id.
create function chain_releasable_groups(p_wallet text) returns text[]
language sql stable
return (
  select coalesce(array_agg(t.id order by t.id), '{}')
  from transfer_groups t
  where t.status = 'IN_PROGRESS' and not ledger_signing_began(t.id) and exists (
    select from transfer_legs l
    where l.group_id = t.id and l.wallet_id = p_wallet and l.type = 'DEBIT' and l.remaining > 0)
);

-- Freezes an open wallet and says why. The caller holds its balance row.
create function chain_freeze_wallet(p_wallet text, p_reason text, p_actor text) returns void
language plpgsql as $$
begin
  update wallet_balances set status = 'FROZEN' where wallet_id = p_wallet and status = 'OPEN';
  if found then
    insert into wallet_status_changes (wallet_id, status, reason, actor)
      values (p_wallet, 'FROZEN', p_reason, p_actor);
  end if;
end
$$;

-- Releases all that these groups hold, whoever's it is: they end together. The caller holds them.
create function chain_release_holds(
  p_groups text[], i chain_inclusions, p_wallet text, p_actor text
) returns void
language plpgsql as $$
declare
  c_reversal constant text := chain_reversal_id(i.group_id);
  c_reason constant text := 'ORPHANED_AFTER_CREDIT';
  g transfer_groups;
  w withdrawals;
  h text;
begin
  foreach h in array p_groups loop
    select * into g from transfer_groups where id = h;
    select * into w from withdrawals where group_id = h;
    perform ledger_give_back(g, '~reorg:' || i.id, 'release', p_actor,
      jsonb_build_object('reason', c_reason, 'reversal', c_reversal), 'RELEASED', c_reason, true,
      w);
    insert into chain_released_holds (inclusion_id, group_id) values (i.id, h);
    perform chain_fact(h, 'reorg:' || i.id, 'wallet.reversal',
      jsonb_build_object('wallet', p_wallet, 'reversal', c_reversal));
  end loop;
end
$$;

-- Books the opposite of a credit: the outside gets everything, what paid shortfalls is owed again,
-- the wallet gives p_taken, and `shortfall:<asset>` the rest. The caller holds all locks.
create function chain_book_reversal(
  g transfer_groups, p_deposit_id text, p_wallet text, p_asset text, p_taken numeric,
  p_short numeric, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  -- Locked, so that a status that somebody changes just now is not written over.
  c_frozen constant text[] := array(select b.wallet_id from wallet_balances b
    where b.wallet_id in (p_wallet, 'shortfall:' || p_asset) and b.status = 'FROZEN'
    for update);
  r record;
  v_answer jsonb;
begin
  -- Legs bear the numbers of the legs that they take back; new ones come after them.
  select array_agg(i.leg order by i.leg)::smallint[] as legs,
      array_agg(i.wallet order by i.leg) as wallets,
      array_agg(p_asset) as assets, array_agg(i.type order by i.leg) as types,
      array_agg(i.part order by i.leg) as parts into r
    from (
      select l.leg, l.wallet_id as wallet,
        case l.type when 'DEBIT' then 'CREDIT' else 'DEBIT' end::leg_type as type,
        case when l.wallet_id = p_wallet then p_taken when l.leg = 2 then 0 else l.settled end
          as part
      from transfer_legs l where l.group_id = p_deposit_id
      union all
      -- A wallet that the coins were assigned to has no leg in the deposit.
      select max(l.leg) + 1, p_wallet, 'DEBIT', p_taken
      from transfer_legs l where l.group_id = p_deposit_id
      having not bool_or(l.wallet_id = p_wallet)
      union all
      select max(l.leg) + 2, 'shortfall:' || p_asset, 'DEBIT', p_short
      from transfer_legs l where l.group_id = p_deposit_id
    ) i where i.part > 0;
  -- A frozen wallet refuses new debits, these apart. Nobody sees it open: its row is locked.
  update wallet_balances set status = 'OPEN' where wallet_id = any(c_frozen);
  v_answer := ledger_write(g, true, '~reverse', 'reverse', p_actor, p_request, 'group.settled',
    'IMMEDIATE', r.legs, r.wallets, r.assets, r.types, r.parts, null, true, true);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'the credit of % cannot be taken back: %', p_deposit_id,
      v_answer #>> '{refusal,detail}' using errcode = 'HF004';
  end if;
  update wallet_balances set status = 'FROZEN' where wallet_id = any(c_frozen);
  update transfer_legs l set reversed = u.part
    from unnest(r.legs, r.parts) u(leg, part)
    where l.group_id = p_deposit_id and l.leg = u.leg;
  return v_answer;
end
$$;

-- Takes back the credit of an orphaned inclusion, in one transaction: open holds of the wallet are
-- released, its available money goes back, the rest is its shortfall, it is frozen.
--
-- Answers the reversal's outcome, the same again for ever; {outcome: 'waiting', why}, nothing
-- stored; {outcome: 'not_needed', why} where the chain bears the credit out again; {outcome:
-- 'again'} where holds came in while the locks were taken, or there are more than p_most_holds: the
-- wallet is frozen now and so many are released, call again.
--
-- Locks: the event's inclusions, groups by id, balances by wallet.
create function chain_reverse_credit(p_inclusion_id bigint, p_actor text, p_most_holds integer)
returns jsonb
language plpgsql as $$
declare
  i chain_inclusions := chain_lock_inclusion(p_inclusion_id);
  c_id constant text := chain_reversal_id(i.group_id);
  c_reason constant text := 'ORPHANED_AFTER_CREDIT';
  c_request constant jsonb := jsonb_build_object('inclusionId', i.id::text, 'groupId', i.group_id,
    'blockHash', i.block_hash, 'reason', c_reason);
  g transfer_groups;
  b wallet_balances;
  v_wallet text;
  v_holds text[];
  v_got numeric;
  v_taken numeric;
  v_owed numeric;
  v_cursor bigint;
  v_answer jsonb;
begin
  perform ledger_lock_new(c_id);
  v_answer := ledger_replay(c_id, '~reverse');
  if v_answer is not null then
    return v_answer;
  end if;
  if i.credited_at is null then
    return jsonb_build_object('outcome', 'not_needed', 'why', 'it is not credited');
  elsif i.canonical or chain_same_coins_again(i) is not null then
    return jsonb_build_object('outcome', 'not_needed', 'why',
      'the same coins are in the chain again');
  end if;
  select c.cursor_height into v_cursor from chains c where c.id = i.chain;
  if v_cursor < chain_scan_to(i) or chain_is_halted(i.chain) then
    return jsonb_build_object('outcome', 'waiting', 'groupStatus', null, 'why',
      case when chain_is_halted(i.chain)
        then format('%s stands still until a person has looked', i.chain)
        else format('the new branch is read up to block %s of %s', v_cursor, chain_scan_to(i))
      end);
  end if;

  -- The inclusion's lock keeps an assignment from coming in between.
  select coalesce(a.wallet_id, l.wallet_id) into v_wallet
    from transfer_legs l left join unattributed_assignments a on a.deposit_id = l.group_id
    where l.group_id = i.group_id and l.leg = 2;
  v_holds := chain_releasable_groups(v_wallet);
  perform from transfer_groups t where t.id = any(v_holds || i.group_id) order by t.id for update;
  perform from wallet_balances x
    where x.mode = 'strict' and (x.wallet_id = v_wallet or x.wallet_id in (
      select l.wallet_id from transfer_legs l
      where l.group_id = any(v_holds) and l.remaining > 0))
    order by x.wallet_id for update;
  select * into b from wallet_balances where wallet_id = v_wallet;
  if b.mode = 'deferred' then
    v_holds := '{}';
  elsif not chain_releasable_groups(v_wallet) <@ v_holds then
    perform chain_freeze_wallet(v_wallet, c_reason || ': ' || i.group_id, p_actor);
    return '{"outcome": "again"}';
  end if;

  -- Some may have ended, or begun to be signed, before their rows were locked.
  v_holds := array(select u from unnest(v_holds) u
    where u = any(chain_releasable_groups(v_wallet)) order by u);
  perform chain_release_holds(v_holds[:p_most_holds], i, v_wallet, p_actor);
  if cardinality(v_holds) > p_most_holds then
    perform chain_freeze_wallet(v_wallet, c_reason || ': ' || i.group_id, p_actor);
    return '{"outcome": "again"}';
  end if;
  select * into b from wallet_balances where wallet_id = v_wallet;
  select coalesce(sum(l.settled), 0) into v_got from transfer_legs l
    where l.group_id = i.group_id and l.leg = 2;
  v_taken := case when b.mode = 'deferred' then v_got
    else least(v_got, greatest(b.settled - b.held, 0)) end;
  -- What paid older shortfalls of the wallet is owed again.
  v_owed := i.amount - v_taken;

  g := null;
  g.id := c_id;
  g.kind := 'reversal';
  g.status := 'SETTLED';
  g.reason := c_reason;
  g.client := 'chain';
  g.chain := i.chain;
  g.reference := i.txid;
  g.reverses := i.group_id;
  g.opened_by := '~reverse';
  g.metadata := jsonb_build_object('txid', i.txid, 'ordinal', i.ordinal, 'blockHash', i.block_hash,
    'wallet', v_wallet, 'taken', amount_text(v_taken), 'shortfall', amount_text(v_owed),
    'released', (select coalesce(jsonb_agg(h.group_id order by h.group_id), '[]')
      from chain_released_holds h where h.inclusion_id = i.id));
  v_answer := chain_book_reversal(g, i.group_id, v_wallet, i.asset, v_taken, v_got - v_taken,
    p_actor, c_request);
  if v_owed > 0 then
    insert into wallet_shortfalls (group_id, wallet_id, asset, amount, remaining)
      values (c_id, v_wallet, i.asset, v_owed, v_owed);
  end if;
  if b.mode = 'strict' then
    perform chain_freeze_wallet(v_wallet, c_reason || ': ' || i.group_id, p_actor);
  end if;
  update chain_inclusions set credited_at = null, reversed_at = clock_timestamp() where id = i.id;

  insert into outbox (group_id, event, step_key, created_at)
    values (c_id, 'alert.credit_reversed', '~reverse', clock_timestamp());
  perform chain_fact(i.group_id, 'reversed:' || i.id, 'chain.credit_reversed',
    g.metadata || jsonb_build_object('reversal', c_id));
  perform chain_fact(c_id, 'frozen', 'wallet.frozen',
    jsonb_build_object('wallet', v_wallet, 'frozen', b.mode = 'strict',
      'shortfall', amount_text(v_owed)));
  return v_answer;
end
$$;

-- Settles a deposit whose wallet owes a shortfall: leg 3 pays `shortfall:<asset>`, the wallet gets
-- what is left, and as much of leg 2 is released. Answers null where nothing is owed. The caller
-- holds the inclusion and the group g.
create function chain_credit_debtor(
  g transfer_groups, i chain_inclusions, p_actor text, p_request jsonb
) returns jsonb
language plpgsql as $$
declare
  s wallet_shortfalls;
  r record;
  v_wallet text;
  v_due numeric := 0;
  v_part numeric;
  v_answer jsonb;
begin
  select l.wallet_id into v_wallet from transfer_legs l where l.group_id = g.id and l.leg = 2;
  for s in
    select * from wallet_shortfalls o where o.wallet_id = v_wallet and o.remaining > 0
    order by o.created_at, o.group_id for update
  loop
    v_part := least(s.remaining, i.amount - v_due);
    exit when v_part = 0;
    v_due := v_due + v_part;
    update wallet_shortfalls set remaining = remaining - v_part where group_id = s.group_id;
    perform chain_fact(s.group_id, 'paid:' || i.id, 'shortfall.paid', jsonb_build_object(
      'by', g.id, 'amount', amount_text(v_part), 'remaining', amount_text(s.remaining - v_part)));
  end loop;
  if v_due = 0 then
    return null;
  end if;
  v_answer := ledger_write(g, false, '~shortfall', 'payShortfall', p_actor, p_request,
    'group.legs_added', 'HOLD', '{3}', array['shortfall:' || i.asset], array[i.asset], '{CREDIT}',
    array[v_due], null, true, true);
  if v_answer ->> 'outcome' <> 'done' then
    raise exception 'the shortfall of % cannot be paid: %', v_wallet,
      v_answer #>> '{refusal,detail}' using errcode = 'HF004';
  end if;
  -- All SETTLED rows come before the row that gives back.
  select array_agg(x.leg order by x.status, x.leg)::smallint[] as legs,
      array_agg(l.wallet_id order by x.status, x.leg) as wallets,
      array_agg(l.asset order by x.status, x.leg) as assets,
      array_agg(l.type order by x.status, x.leg) as types,
      array_agg(x.part order by x.status, x.leg) as parts,
      array_agg(x.status order by x.status, x.leg) as statuses into r
    from (values (1, i.amount, 'SETTLED'::entry_status), (2, i.amount - v_due, 'SETTLED'),
      (3, v_due, 'SETTLED'), (2, v_due, 'RELEASED')) x(leg, part, status)
    join transfer_legs l on l.group_id = g.id and l.leg = x.leg
    where x.part > 0;
  g.status := 'SETTLED';
  return ledger_write(g, false, '~credit', 'credit', p_actor, p_request, 'group.settled', 'MOVES',
    r.legs, r.wallets, r.assets, r.types, r.parts, r.statuses, true, true);
end
$$;

-- Whoever lets a wallet go on although it owes something says so where the shortfall was booked.
create function chain_note_unfreeze() returns trigger
language plpgsql as $$
begin
  insert into group_facts (group_id, key, event, actor, reason, detail)
    select s.group_id, 'unfrozen:' || new.id, 'wallet.unfrozen', new.actor, new.reason,
      jsonb_build_object('wallet', new.wallet_id, 'owed', amount_text(s.remaining))
    from wallet_shortfalls s where s.wallet_id = new.wallet_id and s.remaining > 0;
  return null;
end
$$;
create trigger wallet_status_changes_tell_shortfalls after insert on wallet_status_changes
  for each row when (new.status = 'OPEN') execute function chain_note_unfreeze();
