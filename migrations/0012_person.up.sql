-- Who there is, and what each may do.

create table person (
    -- What a person signs in with, in lower case; the audit and events name people by it.
    name          text        not null,
    display_name  text        not null,
    role          text        not null,
    -- The region of a region-manager, the site of a manager, kitchen or cashier; nobody else has one.
    region        text,
    site_id       text,
    -- `local`, or `ldap`: then the directory knows the password, and says role and place at each sign-in.
    source        text        not null default 'local',
    -- Argon2id in PHC format. Without one nobody signs in by it.
    password_hash text,
    pin_hash      text,
    disabled_at   timestamptz,
    -- Tokens that were issued up to then are void.
    revoked_at    timestamptz,
    created_at    timestamptz not null default now(),
    changed_at    timestamptz not null default now(),
    constraint person_key primary key (name),
    constraint person_site_fkey foreign key (site_id) references site (site_id),
    constraint person_source_check check (source in ('local', 'ldap')),
    constraint person_password_check check (source = 'local' or password_hash is null),
    constraint person_role_check check (
        role in ('admin', 'auditor', 'sre', 'region-manager', 'manager', 'kitchen', 'cashier')),
    constraint person_place_check check (
        (region is not null) = (role = 'region-manager')
        and (site_id is not null) = (role in ('manager', 'kitchen', 'cashier')))
);

create index person_site_idx on person (site_id) where site_id is not null;
create index person_revoked_idx on person (revoked_at) where revoked_at is not null;

-- Sites are told of their people, and whose tokens are void.
create trigger person_told after insert or update or delete on person
    for each statement execute function tell_downline();
