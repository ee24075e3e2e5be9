-- The sites' logs as they came: what every other table of the intake could be made from again.

-- By month of receipt, so that a month can be moved away or dropped as a whole. The key holds
-- received_at only because a partitioned table demands it; that a sequence comes once is kept by
-- the cursor, under the site's lock. There are no foreign keys on the tables that grow: their one
-- writer holds the rows that they would check.
create table site_event (
    site_id     text        not null,
    epoch       uuid        not null,
    seq         bigint      not null,
    -- The edge's clock, kept within what a calendar can show; information, never used for order.
    at          timestamptz not null,
    received_at timestamptz not null default now(),
    kind        text        not null,
    order_id    uuid,
    -- Byte for byte as it was chained, so that the chain can be computed again from here.
    event       text        not null,
    -- The chain's value after this event.
    chain       bytea       not null,
    constraint site_event_key primary key (site_id, epoch, seq, received_at),
    constraint site_event_seq_check check (seq > 0),
    constraint site_event_chain_check check (length(chain) = 32)
) partition by range (received_at);

-- An order's timeline.
create index site_event_order_idx on site_event (site_id, order_id) where order_id is not null;

-- Takes what no month takes, so that a missed maintenance refuses nobody.
create table site_event_default partition of site_event default;

-- Makes the partitions of this month and of the coming ones. Harmless to call again, and from
-- several replicas at once. Rows that fell into the default partition move to their month.
create function make_site_event_partitions(months_ahead integer) returns integer
language plpgsql as $$
declare
    first timestamp := date_trunc('month', now() at time zone 'UTC');
    month timestamp;
    name  text;
    made  integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('make_site_event_partitions'));
    for month in select generate_series(first, first + make_interval(months => months_ahead), '1 month') loop
        name := 'site_event_' || to_char(month, 'YYYY_MM');
        continue when to_regclass(name) is not null;
        execute format('create table %I (like site_event including all)', name);
        execute format(
            'with moved as (delete from site_event_default'
            ' where received_at >= %1$L and received_at < %2$L returning *)'
            ' insert into %3$I select * from moved',
            month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC', name);
        execute format(
            'alter table site_event attach partition %I for values from (%L) to (%L)',
            name, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
        made := made + 1;
    end loop;
    return made;
end
$$;

select make_site_event_partitions(3);

-- Events that are kept but could not be projected, each with its reason.
create table parked_event (
    site_id   text        not null,
    epoch     uuid        not null,
    seq       bigint      not null,
    kind      text        not null,
    event     text        not null,
    reason    text        not null,
    parked_at timestamptz not null default now(),
    constraint parked_event_key primary key (site_id, epoch, seq)
);
