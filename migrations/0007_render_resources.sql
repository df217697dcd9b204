-- The JSON of API.md, made in one place each.

create function amount_text(p numeric) returns text
language sql immutable strict parallel safe
return trim_scale(p)::text;

create function rfc3339(p timestamptz) returns text
language sql stable strict parallel safe
return to_char(p at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The same as JSON text.
create function json_time(p timestamptz) returns text
language sql stable parallel safe
return coalesce(to_char(p at time zone 'UTC', '\"YYYY-MM-DD"T"HH24:MI:SS.US"Z"\"'), 'null');

-- The legs of a group as they stand, in their order; an empty array where there are none. As text,
-- which takes a third of what an object at a time takes. Ids of wallets and codes of assets need no
-- quoting.
create function legs_text(p_group_id text) returns text
language sql stable
return (
  select coalesce('[' || string_agg(format(
      '{"leg": %s, "type": "%s", "asset": "%s", "amount": "%s", "wallet": "%s", "settled": "%s", '
      '"remaining": "%s"}', l.leg, l.type, l.asset, trim_scale(l.amount), l.wallet_id,
      trim_scale(l.settled), trim_scale(l.remaining)), ', ' order by l.leg) || ']', '[]')
  from transfer_legs l where l.group_id = p_group_id
);

create function legs_json(p_group_id text) returns jsonb
language sql stable
return legs_text(p_group_id)::jsonb;

-- How far a withdrawal is. Replaced (0045) by one that knows attempts.
create function withdrawal_json(p_group_id text) returns jsonb
language sql stable
return (
  select jsonb_build_object(
    'state', w.state, 'destination', w.destination, 'attempts', '[]'::jsonb, 'confirmations', 0)
  from withdrawals w where w.group_id = p_group_id
);

-- A group as API.md shows it, links and workflowId apart, from its row and its legs.
create function transfer_json(g transfer_groups, p_legs jsonb) returns jsonb
language sql stable
return jsonb_build_object(
  'id', g.id, 'kind', g.kind, 'status', g.status, 'reason', g.reason, 'legs', p_legs,
  'expiresAt', rfc3339(g.expires_at), 'createdAt', rfc3339(g.created_at),
  'finishedAt', rfc3339(g.finished_at), 'reference', g.reference, 'metadata', g.metadata,
  'reverses', g.reverses);

-- The answer of a step that was done, with its group as it left it.
create function done_json(p_status group_status, p_group jsonb) returns jsonb
language sql stable
return jsonb_build_object('outcome', 'done', 'groupStatus', p_status, 'group', p_group);

-- The same, with what only a withdrawal has.
create function render_group(g transfer_groups, p_legs jsonb) returns jsonb
language plpgsql stable as $$
declare
  v_withdrawal jsonb;
begin
  if g.kind = 'withdrawal' then
    v_withdrawal := withdrawal_json(g.id);
    if v_withdrawal is not null then
      return transfer_json(g, p_legs) || jsonb_build_object('withdrawal', v_withdrawal);
    end if;
  end if;
  return transfer_json(g, p_legs);
end
$$;

-- `done_json` of a group as text. Where nothing but legs is to be told, it is written at once, to
-- the letter as jsonb says it: parsing and printing a large group's legs was a fifth of its step.
create function done_text(g transfer_groups) returns text
language plpgsql stable as $$
begin
  if g.kind not in ('transfer', 'deposit', 'reversal') then
    return done_json(g.status, render_group(g, legs_json(g.id)));
  end if;
  return format(
    '{"group": {"id": %2$s, "kind": "%3$s", "legs": %4$s, "reason": %5$s, "status": "%1$s", '
    '"metadata": %6$s, "reverses": %7$s, "createdAt": %8$s, "expiresAt": %9$s, '
    '"reference": %10$s, "finishedAt": %11$s}, "outcome": "done", "groupStatus": "%1$s"}',
    g.status, to_json(g.id), g.kind, legs_text(g.id), coalesce(to_json(g.reason)::text, 'null'),
    g.metadata, coalesce(to_json(g.reverses)::text, 'null'), json_time(g.created_at),
    json_time(g.expires_at), coalesce(to_json(g.reference)::text, 'null'),
    json_time(g.finished_at));
end
$$;

create function group_json(p_group_id text) returns jsonb
language sql stable
return (
  select render_group(g, legs_json(g.id)) from transfer_groups g where g.id = p_group_id
);

create function entry_json(e ledger_entries) returns jsonb
language sql stable
return jsonb_build_object(
  'id', e.id::text, 'groupId', e.group_id, 'leg', e.leg, 'wallet', e.wallet_id, 'asset', e.asset,
  'type', e.type, 'status', e.status, 'amount', amount_text(e.amount), 'operation', e.operation,
  'walletVersion', e.wallet_version, 'settledAfter', amount_text(e.settled_after),
  'heldAfter', amount_text(e.held_after), 'pendingInAfter', amount_text(e.pending_in_after),
  'createdAt', rfc3339(e.created_at));
