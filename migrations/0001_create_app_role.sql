-- The role that the service's own sessions take. Roles belong to the whole cluster, so another
-- database of the same cluster may have made it, even at this very moment.
do $$
begin
  if not exists (select from pg_roles where rolname = 'holdfast_app') then
    create role holdfast_app nologin;
  end if;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise exception using errcode = 'insufficient_privilege', message = format(
      '%s; somebody who may has to: create role holdfast_app nologin; grant holdfast_app to %I',
      sqlerrm, current_user);
end
$$;

-- The owner must be able to `set role holdfast_app`; a superuser is without being told.
do $$
begin
  if not pg_has_role(current_user, 'holdfast_app', 'set') then
    execute format('grant holdfast_app to %I', current_user);
  end if;
exception
  when insufficient_privilege then
    raise exception using errcode = 'insufficient_privilege', message = format(
      '%s; somebody who may has to: grant holdfast_app to %I', sqlerrm, current_user);
end
$$;

grant usage on schema public to holdfast_app;
-- In a cluster that was upgraded from before Postgres 15 everybody may create there, and functions
-- with the owner's rights would find what others made.
revoke create on schema public from public;

-- Of a schema that is somebody else's both of these are warnings, and change nothing.
do $$
begin
  if has_schema_privilege('holdfast_app', 'public', 'create')
    or not has_schema_privilege('holdfast_app', 'public', 'usage')
  then
    raise exception using errcode = 'insufficient_privilege', message = format(
      'schema public is not ours; somebody who may has to: alter schema public owner to %I',
      current_user);
  end if;
end
$$;

-- Attached to tables whose rows must stay as they were written. It binds the owner too: a privilege
-- could be granted by mistake, a trigger has to be dropped on purpose.
create function refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception '% on % is refused: its rows are never changed or removed', tg_op, tg_table_name
    using errcode = 'HF001',
          hint = 'Book the opposite in a new transfer group (reverse) instead.';
end
$$;
