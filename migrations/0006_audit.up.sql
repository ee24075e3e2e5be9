-- Who changed what at the hub, and the answers to changes that may be asked for twice.

-- Written in the transaction of the change itself: there is no change without its row, and no row
-- without its change.
create table audit (
    audit_id bigint generated always as identity,
    at       timestamptz not null default now(),
    -- The person, or the program's command.
    actor    text        not null,
    -- Where the request came from; null for a command.
    address  text,
    -- What was done, such as menu.publish.
    action   text        not null,
    -- What it was done to, such as menu/lunch/items/burger.
    object   text        not null,
    -- What was there before and after; null for nothing.
    before   jsonb,
    after    jsonb,
    constraint audit_key primary key (audit_id)
);

create index audit_at_idx on audit (at);
create index audit_object_idx on audit (object text_pattern_ops, audit_id);
create index audit_actor_idx on audit (actor, audit_id);

create trigger audit_append_only before update or delete on audit
    for each row execute function refuse_change();
create trigger audit_not_truncated before truncate on audit
    for each statement execute function refuse_change();

-- The first answer under each key. Written with the change, so a request that was refused leaves
-- its key free.
create table idempotency (
    actor      text        not null,
    key        text        not null,
    -- SHA-256 of what was asked for: method, path and the request as it was understood.
    request    text        not null,
    status     smallint    not null,
    etag       text,
    location   text,
    answer     jsonb       not null,
    created_at timestamptz not null default now(),
    constraint idempotency_key primary key (actor, key)
);

-- Keys are forgotten by age.
create index idempotency_created_idx on idempotency (created_at);
