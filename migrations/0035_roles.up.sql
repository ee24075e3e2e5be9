-- The hub need not own its schema: another role does, and changes it; the hub's reads and writes rows.

-- Partitions are made by the hub as time goes on, for whoever owns the table.
alter function make_site_event_partitions(integer) security definer;
alter function make_site_event_partitions(integer) set search_path = public, pg_temp;
revoke execute on function make_site_event_partitions(integer) from public;

-- Gives a role what a hub needs, of all tables that there are now; called after each change of the schema and after
-- a restore, which brings no rights along. Harmless to call again. What is never changed it may only add to.
create function let_in(hub name) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    -- An owner that is the hub itself keeps what it has.
    if hub = current_user then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('let_in'));
    execute format('revoke create, temporary on database %I from public', current_database());
    revoke create on schema public from public;
    revoke execute on function make_site_event_partitions(integer), let_in(name) from public;
    execute format('grant usage on schema public to %I', hub);
    execute format('grant select, insert, update, delete on all tables in schema public to %I', hub);
    execute format('revoke update, delete on audit, menu_version from %I', hub);
    execute format('revoke insert, update, delete on _sqlx_migrations from %I', hub);
    execute format('grant usage on all sequences in schema public to %I', hub);
    execute format('grant execute on function make_site_event_partitions(integer) to %I', hub);
end
$$;

revoke execute on function let_in(name) from public;
