-- Devices that sites have let in, projected from their logs.

create table site_device (
    site_id    text not null,
    -- The `sid` of its tokens.
    device_id  uuid not null,
    name       text not null,
    role       text not null,
    -- Null when the site's clock was beyond any calendar.
    paired_at  timestamptz,
    paired_by  text not null,
    -- Let in no more, and why.
    is_revoked boolean not null default false,
    revoked_at timestamptz,
    revoked_by text,
    reason     text,
    constraint site_device_key primary key (site_id, device_id)
);

-- Those that are let in, by name.
create index site_device_name_idx on site_device (site_id, name, device_id) where not is_revoked;
