//! What must not be found in the hub's Postgres, whatever happened to whom.

use anyhow::Result;
use sqlx::PgPool;

/// Claims that do not hold, each with the number of rows that contradict it.
pub async fn broken(postgres: &PgPool) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (claim, faults) in BOOKS {
        let found: i64 = sqlx::query_scalar(faults).fetch_one(postgres).await?;
        if found != 0 {
            broken.push(format!("{claim}: {found} rows say otherwise"));
        }
    }
    Ok(broken)
}

/// What must not be found, and how it is counted.
const BOOKS: [(&str, &str); 10] = [
    (
        "every epoch is there from 1 to its cursor, each sequence once",
        "select count(*) from site_cursor c left join lateral (
             select count(*) as events, count(distinct seq) as sequences,
                    coalesce(max(seq), 0) as last
             from site_event e where e.site_id = c.site_id and e.epoch = c.epoch) e on true
         where (e.events, e.sequences, e.last) <> (c.cursor, c.cursor, c.cursor)",
    ),
    (
        "events were stored in the order in which they happened",
        "select count(*) from (
             select received_at < lag(received_at) over (
                 partition by site_id, epoch order by seq) as too_early
             from site_event) e
         where e.too_early",
    ),
    (
        "every event could be understood",
        "select count(*) from parked_event",
    ),
    (
        "no key was served twice",
        "select count(*) - count(distinct (site_id, idempotency_key)) from site_order",
    ),
    (
        "the lines of each order come to its total",
        "select count(*) from site_order o
         where o.total is distinct from (
             select sum(l.total) from order_line l
             where l.site_id = o.site_id and l.order_id = o.order_id)",
    ),
    (
        "sales by the hour are what the lines come to",
        "select count(*) from (
             select l.site_id, date_trunc('hour', o.placed_at) as hour, l.item,
                    sum(l.quantity) as units, sum(l.total) as revenue
             from order_line l join site_order o using (site_id, order_id)
             where o.state not in ('cancelled', 'rejected') group by 1, 2, 3) sold
         full join hourly_sales s using (site_id, hour, item)
         where (coalesce(sold.units, 0), coalesce(sold.revenue, 0))
             is distinct from (s.units::numeric, s.revenue::numeric)",
    ),
    (
        "nothing was ever below zero",
        "select count(*) from stock_movement where on_hand < 0",
    ),
    (
        "no pickup number was given twice in a business day of one life of the store",
        "select count(*) - count(distinct (site_id, epoch, business_day, number)) from site_order",
    ),
    (
        "in a store's first life, stock is what came and what went",
        "select count(*) from stock s join (
             select site_id, sku, sum(delta) as moved from stock_movement group by 1, 2
             having count(distinct epoch) = 1) m
             using (site_id, sku)
         where s.on_hand is not null and s.on_hand <> m.moved",
    ),
    (
        "every order that was made had each of its tickets made once",
        "select count(*) from (
             select site_id, epoch, event::jsonb #>> '{body,ticket}' as ticket
             from site_event where kind = 'ticket.created'
             group by 1, 2, 3 having count(*) > 1) twice",
    ),
];
