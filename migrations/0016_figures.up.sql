-- What the analytics are made of, kept as events come, like hourly_sales. What each figure means stands in
-- docs/data-dictionary.md; `sunakku-hub figures rebuild` makes all of it again from site_event.

-- An hour is one of the site's clock, a day one of its calendar: hourly_sales counts by them as well.

-- Sold per site, hour and item is too much to sum over a year; this is the same by day.
create table daily_sales (
    site_id text   not null,
    -- The site's own date.
    day     date   not null,
    item    text   not null,
    units   bigint not null default 0,
    -- Orders that have the item.
    orders  bigint not null default 0,
    revenue bigint not null default 0,
    constraint daily_sales_key primary key (site_id, day, item),
    constraint daily_sales_counts_check check (units >= 0 and orders >= 0 and revenue >= 0)
);

-- Orders, which cannot be told from the items' rows: an order with two items stands in two of them.
create table hourly_orders (
    site_id text        not null,
    -- Begin of the site's hour.
    hour    timestamptz not null,
    orders  bigint      not null default 0,
    units   bigint      not null default 0,
    revenue bigint      not null default 0,
    constraint hourly_orders_key primary key (site_id, hour),
    constraint hourly_orders_counts_check check (orders >= 0 and units >= 0 and revenue >= 0)
);

-- What an item was last called.
create table site_item (
    site_id text  not null,
    item    text  not null,
    name    jsonb not null,
    constraint site_item_key primary key (site_id, item)
);

-- Tickets: when a station was given one, and when it was first made.
create table site_ticket (
    site_id    text        not null,
    ticket_id  uuid        not null,
    station    text        not null,
    created_at timestamptz not null,
    done_at    timestamptz,
    constraint site_ticket_key primary key (site_id, ticket_id)
);

-- How long things took, as histograms: quantiles over any hours are those of the sum of the buckets.
create table hourly_duration (
    site_id  text        not null,
    -- Begin of the site's hour in which it began.
    hour     timestamptz not null,
    -- `preparation` of tickets, by station; `promise`: ready later (or, negative, earlier) than promised.
    measure  text        not null,
    -- Empty for what belongs to no station.
    station  text        not null,
    -- See hub/src/analytics/buckets.rs.
    bucket   integer     not null,
    count    bigint      not null default 0,
    constraint hourly_duration_key primary key (site_id, hour, measure, station, bucket),
    constraint hourly_duration_measure_check check (measure in ('preparation', 'promise')),
    constraint hourly_duration_count_check check (count >= 0)
);

-- When a SKU could not be sold: none at hand, or off sale. Times are the edge's.
create table sold_out (
    site_id text        not null,
    sku     text        not null,
    since   timestamptz not null,
    -- Null while it lasts.
    until   timestamptz,
    constraint sold_out_key primary key (site_id, sku, since),
    constraint sold_out_times_check check (until > since)
);

create index sold_out_open_idx on sold_out (site_id, sku) where until is null;

-- What orders took of a SKU by the day in which they were placed, less what came back with those that
-- were called off; and what was left.
create table daily_stock (
    site_id text   not null,
    day     date   not null,
    sku     text   not null,
    used    bigint not null default 0,
    -- The last count that was told that day; null when none was.
    on_hand bigint,
    constraint daily_stock_key primary key (site_id, day, sku)
);

-- Corrections of stock by people. The same one told again by another epoch stands here once.
create table stock_correction (
    site_id text        not null,
    sku     text        not null,
    at      timestamptz not null,
    delta   bigint      not null,
    -- As it was told; empty when it was not.
    reason  text        not null,
    constraint stock_correction_key primary key (site_id, sku, at, delta)
);

create index stock_correction_at_idx on stock_correction (site_id, at);
