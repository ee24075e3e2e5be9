-- The figures of 0016 once more by day and by week, so that sums over many sites and days read few rows. A range is its
-- whole weeks and the days at both ends. `sunakku-hub figures rebuild` makes all of it from site_event.

-- Orders by day, and within it by the hours that the site's clock shows.
create table daily_orders (
    site_id     text      not null,
    -- The site's own date.
    day         date      not null,
    orders      bigint    not null default 0,
    units       bigint    not null default 0,
    revenue     bigint    not null default 0,
    -- From 0 to 23 o'clock; an hour that the clock shows twice is one.
    hour_orders bigint[] not null default array_fill(0::bigint, array[24]),
    hour_units  bigint[] not null default array_fill(0::bigint, array[24]),
    constraint daily_orders_key primary key (site_id, day),
    constraint daily_orders_counts_check check (orders >= 0 and units >= 0 and revenue >= 0),
    constraint daily_orders_hours_check check (cardinality(hour_orders) = 24 and cardinality(hour_units) = 24)
);

create table weekly_sales (
    site_id text   not null,
    -- Its Monday, by the site's calendar.
    week    date   not null,
    item    text   not null,
    units   bigint not null default 0,
    -- Orders that have the item.
    orders  bigint not null default 0,
    revenue bigint not null default 0,
    constraint weekly_sales_key primary key (site_id, week, item),
    constraint weekly_sales_counts_check check (units >= 0 and orders >= 0 and revenue >= 0)
);

-- What an item sells in which hours of a day, to tell what was lost while it could not be sold: of few
-- items, but of many days.
create table daily_item_hours (
    site_id text      not null,
    item    text      not null,
    day     date      not null,
    -- From 0 to 23 o'clock, as in daily_orders.
    units   bigint[] not null default array_fill(0::bigint, array[24]),
    revenue bigint[] not null default array_fill(0::bigint, array[24]),
    constraint daily_item_hours_key primary key (site_id, item, day),
    constraint daily_item_hours_hours_check check (cardinality(units) = 24 and cardinality(revenue) = 24)
);

-- hourly_duration by the day, and by the week, of the site's hour in which it began: a row for each histogram.
create table daily_duration (
    site_id text      not null,
    day     date      not null,
    measure text      not null,
    -- Empty for what belongs to no station.
    station text      not null,
    -- Those with any, ascending; see hub/src/analytics/buckets.rs.
    buckets integer[] not null,
    -- How many in each of them.
    counts  bigint[]  not null,
    constraint daily_duration_key primary key (site_id, day, measure, station),
    constraint daily_duration_measure_check check (measure in ('preparation', 'promise')),
    constraint daily_duration_counts_check check (cardinality(buckets) = cardinality(counts))
);

create table weekly_duration (
    site_id text      not null,
    -- Its Monday.
    week    date      not null,
    measure text      not null,
    station text      not null,
    buckets integer[] not null,
    counts  bigint[]  not null,
    constraint weekly_duration_key primary key (site_id, week, measure, station),
    constraint weekly_duration_measure_check check (measure in ('preparation', 'promise')),
    constraint weekly_duration_counts_check check (cardinality(buckets) = cardinality(counts))
);

create table weekly_stock (
    site_id text   not null,
    -- Its Monday.
    week    date   not null,
    sku     text   not null,
    used    bigint not null,
    -- Sum of the last counts of the days with one, and how many days these are.
    on_hand bigint not null,
    counted bigint not null,
    constraint weekly_stock_key primary key (site_id, week, sku)
);
