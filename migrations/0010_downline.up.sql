-- What goes down to the sites: their settings, and what the hub asks of them.

-- What the hub has set for a site beside name, zone and currency; a site without a row has the
-- defaults.
create table site_settings (
    site_id                    text   not null,
    -- As the site reads it: days with their local times. Empty for always open.
    opening_hours              jsonb  not null default '{}',
    -- Null leaves it to the site's own configuration.
    max_open_orders            bigint,
    max_open_orders_per_device bigint,
    constraint site_settings_key primary key (site_id),
    constraint site_settings_site_fkey foreign key (site_id) references site (site_id),
    constraint site_settings_limits_check check (max_open_orders > 0 and max_open_orders_per_device > 0)
);

-- Numbers what is kept for a site to read: a site takes nothing older than what it has.
create table site_revision (
    site_id  text   not null,
    -- SHA-256 of the settings, whichever table they stand in.
    hash     text   not null,
    -- Counts up whenever the hash is another one.
    revision bigint not null,
    constraint site_revision_key primary key (site_id),
    constraint site_revision_site_fkey foreign key (site_id) references site (site_id)
);

create table command (
    site_id      text        not null,
    -- UUIDv7: commands of one site are applied in this order.
    command_id   uuid        not null,
    kind         text        not null,
    args         jsonb       not null,
    author       text        not null,
    created_at   timestamptz not null default now(),
    -- By the site's clock.
    expires_at   timestamptz not null,
    -- pending → delivered (the site has it) → applied, refused or expired, as its log tells. What
    -- was given up here as expired may still turn out to have been applied in time.
    state        text        not null default 'pending',
    -- A word for programs, and a sentence.
    reason       text,
    detail       text,
    sent_at      timestamptz,
    delivered_at timestamptz,
    settled_at   timestamptz,
    constraint command_key primary key (site_id, command_id),
    constraint command_site_fkey foreign key (site_id) references site (site_id),
    constraint command_state_check check (
        state in ('pending', 'delivered', 'applied', 'refused', 'expired'))
);

-- What is still to be sent.
create index command_open_idx on command (site_id, command_id) where state in ('pending', 'delivered');
-- Lists over all sites, newest first.
create index command_all_idx on command (command_id desc, site_id);

-- Wakes whoever keeps the sites' buckets and sends commands; all of it is looked at by timer too.
create function tell_downline() returns trigger
language plpgsql as $$
begin
    perform pg_notify('sunakku_downline', tg_table_name);
    return null;
end
$$;

create trigger site_told after insert or update on site
    for each statement execute function tell_downline();
create trigger site_settings_told after insert or update or delete on site_settings
    for each statement execute function tell_downline();
create trigger menu_version_told after insert on menu_version
    for each statement execute function tell_downline();
create trigger command_told after insert on command
    for each statement execute function tell_downline();
