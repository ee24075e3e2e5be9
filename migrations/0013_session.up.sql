-- Sign-ins at the hub, and the tokens that prolong them.

create table session (
    session_id uuid        not null,
    name       text        not null,
    started_at timestamptz not null default now(),
    -- When its holder was last heard, to the minute.
    used_at    timestamptz not null default now(),
    -- It ends then, however much it is used.
    expires_at timestamptz not null,
    ended_at   timestamptz,
    -- `signed-out`, `revoked` with its person, or `reused`: a refresh token came a second time.
    ended_why  text,
    constraint session_key primary key (session_id),
    constraint session_name_fkey foreign key (name) references person (name),
    constraint session_ended_check check ((ended_at is null) = (ended_why is null))
);

create index session_name_idx on session (name) where ended_at is null;
create index session_ended_idx on session (ended_at) where ended_at is not null;
create index session_expires_idx on session (expires_at);

-- All that were given out for a session; the tokens themselves are not kept.
create table refresh_token (
    -- SHA-256 of the token.
    token_hash text        not null,
    session_id uuid        not null,
    issued_at  timestamptz not null default now(),
    -- When it was exchanged for the next one.
    used_at    timestamptz,
    constraint refresh_token_key primary key (token_hash),
    constraint refresh_token_session_fkey foreign key (session_id)
        references session (session_id) on delete cascade
);

create index refresh_token_session_idx on refresh_token (session_id);

-- Sites are told whose sessions ended.
create trigger session_told after update of ended_at on session
    for each statement execute function tell_downline();
