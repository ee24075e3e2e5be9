-- Orders and sales, projected from the sites' logs.

create table site_order (
    site_id           text        not null,
    order_id          uuid        not null,
    -- Where in the log it was placed.
    epoch             uuid        not null,
    seq               bigint      not null,
    idempotency_key   text        not null,
    -- Counts from 1 within the business day.
    number            integer     not null,
    business_day      date        not null,
    state             text        not null,
    channel           text        not null,
    service           text,
    -- Codes of allergens that the guest avoids.
    avoid             jsonb       not null,
    total             bigint      not null,
    currency          text        not null,
    placed_at         timestamptz not null,
    pickup_at         timestamptz,
    ready_estimate_at timestamptz not null,
    -- When it last became so: a recalled order becomes `preparing` and `ready` once more.
    preparing_at      timestamptz,
    ready_at          timestamptz,
    collected_at      timestamptz,
    -- When nothing more was to come: collected, cancelled, rejected or expired.
    closed_at         timestamptz,
    -- Why, where that matters.
    reason            text,
    -- The order as the edge accepted it.
    details           jsonb       not null,
    committed_at      timestamptz not null default now(),
    constraint site_order_key primary key (site_id, order_id),
    constraint site_order_state_check check (
        state in ('placed', 'preparing', 'ready', 'collected', 'cancelled', 'rejected', 'expired')),
    constraint site_order_number_check check (number > 0),
    constraint site_order_total_check check (total >= 0)
);

-- Lists, newest first: of one site, and of all. The id decides between orders of one moment.
create index site_order_placed_idx on site_order (site_id, placed_at desc, order_id desc);
create index site_order_all_placed_idx on site_order (placed_at desc, order_id desc);
-- An order is asked for by its id alone.
create index site_order_order_idx on site_order (order_id);
-- What is still to be made, counted per site.
create index site_order_open_idx on site_order (site_id) where state in ('placed', 'preparing', 'ready');
-- Called off, by the time of placing.
create index site_order_lost_idx on site_order (site_id, placed_at) include (state, total, reason)
    where state in ('cancelled', 'rejected', 'expired');

create table order_line (
    site_id    text    not null,
    order_id   uuid    not null,
    -- Counts from 1 within the order.
    line       integer not null,
    item       text    not null,
    -- By language, as the menu had it.
    name       jsonb   not null,
    quantity   integer not null,
    unit_price bigint  not null,
    total      bigint  not null,
    modifiers  jsonb   not null,
    note       text,
    station    text    not null,
    constraint order_line_key primary key (site_id, order_id, line),
    constraint order_line_quantity_check check (quantity > 0),
    constraint order_line_price_check check (unit_price >= 0 and total = quantity * unit_price)
);

-- Sold per site, hour and item, kept as orders come and go: an order that is cancelled or rejected
-- leaves the hour in which it was placed. No page ever sums raw events.
create table hourly_sales (
    site_id text        not null,
    -- Begin of the hour, UTC.
    hour    timestamptz not null,
    item    text        not null,
    units   bigint      not null default 0,
    -- Orders that have the item.
    orders  bigint      not null default 0,
    revenue bigint      not null default 0,
    constraint hourly_sales_key primary key (site_id, hour, item),
    constraint hourly_sales_counts_check check (units >= 0 and orders >= 0 and revenue >= 0)
);
