-- One site with its orders and everything that the projection would have made of them. `:site` is its number; `:days` days up
-- to today, `:orders` orders on each. What is drawn is drawn by the server.

insert into site (site_id, name, region, time_zone, currency)
select 'fill-' || lpad(:site::text, 3, '0'), 'Filled ' || :site, 'region-' || (:site % 10),
       (array['Europe/Berlin', 'Europe/London', 'Asia/Tokyo', 'America/New_York'])[1 + :site % 4], 'EUR'
on conflict do nothing;

insert into site_cursor (site_id, epoch, cursor, chain, chain_edge, head, is_current)
select 'fill-' || lpad(:site::text, 3, '0'), gen_random_uuid(), 1000000, sha256('fill'), sha256('fill'), 1000000, true;

create temporary table if not exists fill_order (
    order_id uuid, number integer, day date, placed_at timestamptz, state text, hour timestamptz);
create temporary table if not exists fill_line (
    order_id uuid, line integer, item integer, quantity integer, price bigint);
create temporary table if not exists fill_hour (site_id text, day date, shown integer, orders bigint, units bigint, revenue bigint);
truncate fill_order, fill_line, fill_hour;

-- Two in five at lunch; Saturdays and Sundays a third of the week's.
insert into fill_order
select gen_random_uuid(), n, day, placed_at,
       case when placed_at > now() - interval '12 minutes' then (array['placed', 'preparing', 'ready'])[1 + n % 3]
            when n % 50 = 0 then 'cancelled' when n % 211 = 0 then 'rejected' when n % 97 = 0 then 'expired'
            else 'collected' end,
       date_trunc('hour', placed_at)
from (select n, day::date,
             (day::timestamp + make_interval(hours => (array[7, 8, 8, 8, 9, 10, 11, 11, 12, 12, 12, 12, 12, 13, 13, 13, 14, 15, 16, 17, 18])
                                           [1 + floor(random() * 21)::int],
                                  secs => random() * 3600)) at time zone s.time_zone as placed_at
      from site s, generate_series(current_date - :days + 1, current_date, interval '1 day') as day,
           generate_series(1, :orders) as n
      where s.site_id = 'fill-' || lpad(:site::text, 3, '0')
        and (extract(isodow from day) < 6 or n % 3 = 0)) drawn
where placed_at <= now();

insert into fill_line
select order_id, line, item, 1 + floor(random() * random() * 3)::int, 180 + 70 * (item % 13)
from (select order_id, line, floor(36 * random() * random())::int as item
      from fill_order, generate_series(1, 4) as line where line = 1 or random() < 0.47) drawn;

insert into order_line (site_id, order_id, line, item, name, quantity, unit_price, total, modifiers, note, station, placed_at)
select 'fill-' || lpad(:site::text, 3, '0'), order_id, line, 'item-' || item,
       jsonb_build_object('en', 'Item ' || item, 'ja', '品' || item), quantity, price, quantity * price, '[]',
       -- One line in twenty has a wish.
       case when random() < 0.05 then (array['no onions please', 'extra hot', 'ソース少なめ', 'in two bags'])[1 + floor(random() * 4)::int] end,
       (array['grill', 'wok', 'bar', 'counter'])[1 + item % 4], placed_at
from fill_line join fill_order using (order_id);

insert into site_order (site_id, order_id, epoch, seq, idempotency_key, number, business_day, state, channel, service, avoid,
                        total, currency, placed_at, ready_estimate_at, closed_at, reason, details)
select 'fill-' || lpad(:site::text, 3, '0'), o.order_id, c.epoch, 1, o.order_id::text, o.number, o.day, o.state, 'kiosk', 'here', '[]',
       l.total, 'EUR', o.placed_at, o.placed_at + interval '6 minutes', o.placed_at + interval '9 minutes',
       case when o.state in ('cancelled', 'rejected') then (array['changed my mind', 'too slow', 'sold out'])[1 + o.number % 3] end,
       '{}'
from fill_order o
join (select order_id, sum(quantity * price)::bigint as total from fill_line group by 1) l using (order_id)
join site_cursor c on c.site_id = 'fill-' || lpad(:site::text, 3, '0') and c.is_current;

insert into hourly_sales (site_id, hour, item, units, orders, revenue)
select 'fill-' || lpad(:site::text, 3, '0'), o.hour, 'item-' || l.item, sum(l.quantity), count(distinct l.order_id), sum(l.quantity * l.price)
from fill_order o join fill_line l using (order_id) where o.state not in ('cancelled', 'rejected') group by 2, 3;

insert into daily_sales (site_id, day, item, units, orders, revenue)
select 'fill-' || lpad(:site::text, 3, '0'), o.day, 'item-' || l.item, sum(l.quantity), count(distinct l.order_id), sum(l.quantity * l.price)
from fill_order o join fill_line l using (order_id) where o.state not in ('cancelled', 'rejected') group by 2, 3;

insert into hourly_orders (site_id, hour, orders, units, revenue)
select 'fill-' || lpad(:site::text, 3, '0'), o.hour, count(distinct o.order_id), sum(l.quantity), sum(l.quantity * l.price)
from fill_order o join fill_line l using (order_id) where o.state not in ('cancelled', 'rejected') group by 2;

insert into fill_hour
select h.site_id, (h.hour at time zone s.time_zone)::date, extract(hour from h.hour at time zone s.time_zone)::int, sum(h.orders), sum(h.units), sum(h.revenue)
from hourly_orders h join site s using (site_id) where site_id = 'fill-' || lpad(:site::text, 3, '0') group by 1, 2, 3;
insert into daily_orders (site_id, day, orders, units, revenue, hour_orders, hour_units)
select h.site_id, h.day, sum(h.orders), sum(h.units), sum(h.revenue),
       array(select coalesce(sum(x.orders), 0)::bigint from generate_series(0, 23) as shown
             left join fill_hour x on x.day = h.day and x.shown = shown.shown group by shown.shown order by shown.shown),
       array(select coalesce(sum(x.units), 0)::bigint from generate_series(0, 23) as shown
             left join fill_hour x on x.day = h.day and x.shown = shown.shown group by shown.shown order by shown.shown)
from fill_hour h group by 1, 2;

insert into weekly_sales (site_id, week, item, units, orders, revenue)
select site_id, date_trunc('week', day::timestamp)::date, item, sum(units), sum(orders), sum(revenue)
from daily_sales where site_id = 'fill-' || lpad(:site::text, 3, '0') group by 1, 2, 3;

insert into daily_item_hours (site_id, item, day, units, revenue)
select site_id, item, day, array_agg(units order by shown), array_agg(revenue order by shown)
from (select site_id, item, day, shown, sum(units)::bigint as units, sum(revenue)::bigint as revenue
      from (select h.site_id, h.item, (h.hour at time zone t.time_zone)::date as day,
                   extract(hour from h.hour at time zone t.time_zone)::int as shown, h.units, h.revenue
            from hourly_sales h join site t using (site_id) where h.site_id = 'fill-' || lpad(:site::text, 3, '0')
            union all
            select site_id, item, day, shown, 0, 0 from daily_sales cross join generate_series(0, 23) as shown
            where site_id = 'fill-' || lpad(:site::text, 3, '0')) each
      group by 1, 2, 3, 4) hours
group by 1, 2, 3;

-- Tickets of two to twelve minutes, promises kept within some minutes.
insert into hourly_duration (site_id, hour, measure, station, bucket, count)
select 'fill-' || lpad(:site::text, 3, '0'), hour, 'preparation', station, 96 + step * 3 + floor(random() * 3)::int, 1 + floor(random() * 4)::int
from (select distinct hour from fill_order) h, unnest(array['grill', 'wok', 'bar', 'counter']) as station, generate_series(0, 7) as step;
insert into hourly_duration (site_id, hour, measure, station, bucket, count)
select 'fill-' || lpad(:site::text, 3, '0'), hour, 'promise', '', step, 1 + floor(random() * 9)::int
from (select distinct hour from fill_order) h, generate_series(-5, 2) as step;

insert into daily_duration (site_id, day, measure, station, buckets, counts)
select site_id, day, measure, station, array_agg(bucket order by bucket), array_agg(count order by bucket)
from (select d.site_id, (d.hour at time zone s.time_zone)::date as day, d.measure, d.station, d.bucket, sum(d.count)::bigint as count
      from hourly_duration d join site s using (site_id) where site_id = 'fill-' || lpad(:site::text, 3, '0') group by 1, 2, 3, 4, 5) sums
group by 1, 2, 3, 4;
insert into weekly_duration (site_id, week, measure, station, buckets, counts)
select site_id, week, measure, station, array_agg(bucket order by bucket), array_agg(count order by bucket)
from (select d.site_id, date_trunc('week', d.day::timestamp)::date as week, d.measure, d.station, bucket, sum(count)::bigint as count
      from daily_duration d, unnest(d.buckets, d.counts) as b (bucket, count)
      where d.site_id = 'fill-' || lpad(:site::text, 3, '0') group by 1, 2, 3, 4, 5) sums
group by 1, 2, 3, 4;

insert into site_item (site_id, item, name)
select 'fill-' || lpad(:site::text, 3, '0'), 'item-' || item, jsonb_build_object('en', 'Item ' || item, 'ja', '品' || item)
from generate_series(0, 35) as item;

insert into sold_out (site_id, sku, since, until)
select 'fill-' || lpad(:site::text, 3, '0'), 'item-' || sku, at, case when at < now() - interval '2 hours' then at + interval '75 minutes' end
from (select sku, (day + interval '12 hours') at time zone 'UTC' + random() * interval '4 hours' as at
      from generate_series(current_date - :days + 1, current_date, interval '1 day') as day, generate_series(0, 2) as sku) drawn
where at < now();

insert into daily_stock (site_id, day, sku, used, on_hand)
select 'fill-' || lpad(:site::text, 3, '0'), day::date, 'item-' || sku, floor(random() * 60)::int, floor(random() * 80)::int
from generate_series(current_date - :days + 1, current_date, interval '1 day') as day, generate_series(0, 35) as sku;

insert into weekly_stock (site_id, week, sku, used, on_hand, counted)
select site_id, date_trunc('week', day::timestamp)::date, sku, sum(used), coalesce(sum(on_hand), 0), count(on_hand)
from daily_stock where site_id = 'fill-' || lpad(:site::text, 3, '0') group by 1, 2, 3;

insert into stock_correction (site_id, sku, at, delta, reason)
select 'fill-' || lpad(:site::text, 3, '0'), 'item-' || floor(random() * 36)::int, day + random() * interval '1 day', -1 - floor(random() * 5)::int, 'waste'
from generate_series(current_date - :days + 1, current_date, interval '1 day') as day;
