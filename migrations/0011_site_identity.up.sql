-- Which box may speak for a site, and which process of it does.

-- No menus, settings or commands go down to an archived site, and nothing is taken from it.
alter table site add column archived_at timestamptz;

-- The boxes that were ever enrolled for a site, by the public key that each made for itself.
create table site_box (
    site_id     text        not null,
    nkey        text        not null,
    enrolled_at timestamptz not null default now(),
    -- Who made the token by which it came.
    enrolled_by text        not null,
    -- The key that signed its credentials last, and when those end.
    issuer      text        not null,
    expires_at  timestamptz not null,
    -- Since when it is not let in any more; what was issued to it up to then is void.
    ended_at    timestamptz,
    -- `revoked`, `replaced` or `archived`.
    ended_why   text,
    constraint site_box_key primary key (site_id, nkey),
    constraint site_box_site_fkey foreign key (site_id) references site (site_id),
    constraint site_box_ended_check check ((ended_at is null) = (ended_why is null))
);

-- One box speaks for a site, and a key speaks for one site.
create unique index site_box_live_key on site_box (site_id) where ended_at is null;
create unique index site_box_nkey_key on site_box (nkey);

-- Tokens for enrolment; the tokens themselves are not kept.
create table enrolment_token (
    site_id     text        not null,
    -- SHA-256 of the token.
    token_hash  text        not null,
    created_at  timestamptz not null default now(),
    created_by  text        not null,
    expires_at  timestamptz not null,
    -- Whether a box that is enrolled makes room for the new one.
    is_replace  boolean     not null,
    -- By which box it was used.
    used_at     timestamptz,
    used_by     text,
    constraint enrolment_token_key primary key (site_id, token_hash),
    constraint enrolment_token_site_fkey foreign key (site_id) references site (site_id),
    constraint enrolment_token_used_check check ((used_at is null) = (used_by is null))
);

-- A token is looked for without knowing its site.
create unique index enrolment_token_hash_key on enrolment_token (token_hash);

-- The processes that spoke for a site. Two at a time are two boxes with one identity.
create table site_instance (
    site_id       text        not null,
    instance      uuid        not null,
    -- The process whose store it began with.
    after         uuid,
    -- `current`: it speaks for the site. `waiting`: until the current one is silent for a while.
    -- `ended`: another one followed. `refused`: it spoke beside the current one.
    state         text        not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    -- Of one that waits: when the current one was first heard beside it.
    beside_at     timestamptz,
    constraint site_instance_key primary key (site_id, instance),
    constraint site_instance_state_check check (state in ('current', 'waiting', 'ended', 'refused'))
);

create unique index site_instance_current_key on site_instance (site_id) where state = 'current';

create trigger site_box_told after insert or update on site_box
    for each statement execute function tell_downline();
