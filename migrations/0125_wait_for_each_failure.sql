-- The failure of a second payment that a custodian made of one was believed as soon as it was heard
-- of, where the first had failed long enough ago: it had not been said for as long as a failure has
-- to stand.

-- Notes the custodian's word. `unknown` never takes the place of a word; a second reference for one
-- payment is kept out and told: {contradicts: true, references}. The payment has failed when all
-- that the custodian made of it have: of the failure of one of several only the transaction is
-- kept. It fails since the last of them was heard of first.
create or replace function custody_record(
  p_group_id text, p_status text, p_reference text, p_txid text, p_detail text
) returns jsonb
language plpgsql as $$
declare
  c_failures constant text[] := '{refused,failed,rejected}';
  -- So many ids of one payment that no honest custodian has them: the row must not grow for ever.
  c_most constant integer := 100;
  c custody_payments;
  v_fails constant boolean := p_status = any (c_failures);
  v_words jsonb;
  v_is_new boolean;
  v_contradicts boolean;
  v_state text;
  v_open boolean;
begin
  select g.status = 'IN_PROGRESS' into v_open from transfer_groups g
    where g.id = p_group_id for update;
  select * into strict c from custody_payments where group_id = p_group_id for update;
  if p_status = 'unknown' and c.status is not null then
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', false);
  end if;
  -- One from before its words were kept has one.
  v_words := case when c.reference is null then '{}' else jsonb_build_object(c.reference, c.status)
    end || c.words;
  v_is_new := not v_words ? p_reference;
  if v_words ? p_reference
    or (p_reference is not null
      and (select count(*) < c_most from jsonb_object_keys(v_words)))
  then
    v_words := v_words || jsonb_build_object(p_reference, p_status);
  elsif p_reference is not null and not v_fails then
    -- Some of them may be paid, and nobody knows any more which.
    v_words := v_words || jsonb_build_object('others', p_status);
  end if;
  v_is_new := v_is_new and v_words ? p_reference;
  v_contradicts := (select count(*) > 1 from jsonb_object_keys(v_words));
  if v_fails and exists (
    select from jsonb_each_text(v_words) o where o.value <> all (c_failures))
  then
    update custody_payments
      set words = v_words, updated_at = clock_timestamp(),
          txids = case when p_txid is null or p_txid = any (txids) then txids
            else txids || p_txid end
      where group_id = p_group_id;
    insert into group_facts (group_id, key, event, actor, detail)
      values (p_group_id, concat_ws(':', '~custody', p_status, p_reference),
        'withdrawal.custody_' || p_status, 'custody',
        jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
          'insteadOf', nullif(c.reference, p_reference), 'txid', p_txid, 'detail', p_detail)))
      on conflict (group_id, key) do nothing;
    return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', v_contradicts,
      'references', (select jsonb_agg(k order by k) from jsonb_object_keys(v_words) k));
  end if;
  update custody_payments
    set status = p_status, reference = coalesce(c.reference, p_reference), detail = p_detail,
        words = v_words,
        txids = case when p_txid is null or p_txid = any (c.txids) then c.txids
          else c.txids || p_txid end,
        failed_since = case when v_fails and v_open and v_is_new then clock_timestamp()
          when v_fails then coalesce(c.failed_since, clock_timestamp())
          when not v_open then c.failed_since end,
        updated_at = clock_timestamp()
    where group_id = p_group_id;
  v_state := case when p_status = 'unknown' then 'broadcast_unknown' when v_fails then 'stuck'
    when p_status = 'confirmed' then 'confirmed' else 'broadcast' end;
  if v_open then
    perform custody_set_state(p_group_id, v_state,
      concat_ws(':', '~custody', p_status, p_txid), 'withdrawal.custody_' || p_status,
      jsonb_strip_nulls(jsonb_build_object('custodian', c.custodian, 'reference', p_reference,
        'txid', p_txid, 'detail', p_detail)));
  end if;
  return jsonb_build_object('payment', custody_json(p_group_id), 'contradicts', v_contradicts,
    'references', (select jsonb_agg(k order by k) from jsonb_object_keys(v_words) k));
end
$$;
