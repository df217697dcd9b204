-- A chain whose blocks go on while none of them becomes final has lost its agreement: what it says
-- now may be taken back at any depth. Nothing is credited then until finality moves again.
alter table chains
  -- Since when blocks come without finality moving; null: it moved with the last one, or the node
  -- tells no finality.
  add column finality_waits_since timestamptz;

create function chain_note_finality() returns trigger
language plpgsql as $$
begin
  if new.finalized_height is distinct from old.finalized_height then
    new.finality_waits_since := null;
  elsif new.cursor_height > old.cursor_height and new.finalized_height is not null then
    new.finality_waits_since := coalesce(old.finality_waits_since, clock_timestamp());
  end if;
  return new;
end
$$;
create trigger chains_note_finality before update of cursor_height, finalized_height on chains
  for each row execute function chain_note_finality();

-- For how many seconds finality has not moved although blocks came.
create function chain_finality_wait(c chains) returns integer
language sql volatile
return coalesce(
  extract(epoch from clock_timestamp() - c.finality_waits_since)::integer, 0);
