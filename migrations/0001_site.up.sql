-- The cafeterias, and how far each one's log has come.

create table site (
    site_id    text        not null,
    name       text        not null,
    region     text,
    -- IANA name, such as Europe/Berlin: screens and daily figures are local to the site.
    time_zone  text        not null,
    -- ISO 4217. All amounts of a site are in it.
    currency   text        not null,
    created_at timestamptz not null default now(),
    constraint site_key primary key (site_id),
    -- The id becomes part of NATS subjects, where '*', '>' and '.' would mean something else.
    constraint site_site_id_check check (site_id ~ '^[a-z0-9-]{1,40}$'),
    constraint site_name_check check (name <> ''),
    constraint site_currency_check check (currency ~ '^[A-Z]{3}$')
);

-- One row per life of a site's store. Intake locks the *site's* row before it reads or writes
-- these, so that replicas take turns with one site and a change of epoch cannot race.
create table site_cursor (
    site_id       text        not null,
    epoch         uuid        not null,
    -- The last committed sequence; 0 before the first.
    cursor        bigint      not null default 0,
    -- Our own chain at the cursor, and the edge's as it last told it for that same sequence:
    -- as long as the two are equal, both hold the same events in the same order.
    chain         bytea       not null,
    chain_edge    bytea       not null,
    -- The last sequence of the edge's log, as it last told.
    head          bigint      not null default 0,
    -- Batches that did not join on, events that came again, batches that held another history.
    gaps          bigint      not null default 0,
    duplicates    bigint      not null default 0,
    forks         bigint      not null default 0,
    -- The newest epoch *seen*: no clock is trusted for it. Older ones are refused.
    is_current    boolean     not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    constraint site_cursor_key primary key (site_id, epoch),
    constraint site_cursor_site_fkey foreign key (site_id) references site (site_id),
    constraint site_cursor_cursor_check check (cursor >= 0),
    constraint site_cursor_chain_check check (length(chain) = 32 and length(chain_edge) = 32),
    constraint site_cursor_counts_check check (head >= 0 and gaps >= 0 and duplicates >= 0 and forks >= 0)
);

create unique index site_cursor_current_key on site_cursor (site_id) where is_current;
