-- Stock, projected from the sites' logs.

create table stock (
    site_id   text    not null,
    sku       text    not null,
    -- Null when it is not counted.
    on_hand   bigint,
    suspended boolean not null,
    -- The event that made it so.
    epoch     uuid    not null,
    seq       bigint  not null,
    constraint stock_key primary key (site_id, sku)
);

-- The ledger that explains every unit: what each event added or took, and the count after it. Read it
-- by epoch: one that begins tells again what may not have arrived of the one before.
create table stock_movement (
    site_id  text   not null,
    epoch    uuid   not null,
    seq      bigint not null,
    sku      text   not null,
    delta    bigint not null,
    on_hand  bigint,
    kind     text   not null,
    order_id uuid,
    constraint stock_movement_key primary key (site_id, epoch, seq, sku)
);

-- The history of one SKU.
create index stock_movement_sku_idx on stock_movement (site_id, sku, epoch, seq);
