-- The books of a chain as text. To put a large object into an array `jsonb_agg` takes time that
-- grows with the square of its size: 2 s where 10,000 addresses have coins, and with 60,000 the
-- statement found no end in its minute.
drop function chain_books(text);

-- The books of a chain at its highest block that is stored and final, or at the cursor where the
-- node tells of no finality; null before the first block. Call it as one statement: then block and
-- books are of one moment.
--
-- {block: {height, hash}, hot: [address], deposit: [address], assets: [{asset, expected,
-- terms: {…}, known: {address: amount}, shortfall, tolerance: {missing, surplus}, pause}]}
create function chain_books(p_chain text) returns json
language sql stable
return (
  select json_build_object(
    'block', json_build_object('height', b.height, 'hash', b.hash),
    'hot', (select coalesce(json_agg(h.address order by h.address), '[]')
      from hot_addresses h where h.chain = p_chain),
    'deposit', (select coalesce(json_agg(d.address order by d.address), '[]')
      from deposit_addresses d where d.family = chain_family(p_chain) and not exists (
        select from hot_addresses h where h.chain = p_chain and h.address = d.address)),
    'assets', (
      select coalesce(json_agg(json_build_object('asset', a.code,
          'expected', x.expected, 'terms', x.terms,
          'known', (select coalesce(json_object_agg(k.address, amount_text(k.amount)), '{}')
            from chain_known_coins(p_chain, a.code, b.height) k),
          'shortfall', chain_shortfall(a.code),
          'tolerance', json_build_object('missing', amount_text(coalesce(t.missing, 0)),
            'surplus', amount_text(t.surplus)),
          'pause', asset_pause_json(a.code)) order by a.code), '[]')
      from assets a
      left join reconciliation_tolerances t on t.asset = a.code
      cross join lateral (
        select amount_text(sum(s.amount)) as expected,
          json_object_agg(s.term, amount_text(s.amount)) as terms
        from (select c.term, sum(c.amount) as amount
          from chain_terms(p_chain, a.code, b.height) c group by c.term) s
      ) x
      where a.chain = p_chain))
  from chains h
  join chain_blocks b on b.chain = h.id and b.canonical
    and b.height = coalesce(h.finalized_height, h.cursor_height)
  where h.id = p_chain
);
