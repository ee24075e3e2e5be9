//! Finds orders, newest first, by an index whatever is asked for: by what an order is, walking the orders
//! themselves, or by what is in it, walking the lines of each item in question.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, PgPool, Postgres};
use sunakku_common::state::OrderState;
use uuid::Uuid;

use super::super::access::Scope;
use super::sql::Row;
use super::{Filter, Place};

/// How long before the end of the range notes are looked at when no begin is given.
const NOTES_FOR: TimeDelta = TimeDelta::days(28);

/// Orders that are as asked for. Every text has the same parameters, `$1` to `$17`.
const BY_ORDER: &str = "select o.* from site_order o
    where ($1::text is null or o.site_id = $1)
      and ($2::timestamptz is null or o.placed_at >= $2)
      and ($3::timestamptz is null or o.placed_at < $3)
      and ($4::int is null or o.number = $4)
      and ($5::text is null or o.state = $5)
      and ($6::text is null or exists (
              select from order_line l
              where l.site_id = o.site_id and l.order_id = o.order_id and l.item = $6))
      and ($7::text is null or o.number = $16::int or o.order_id = $17::uuid
           or lower(o.idempotency_key) = $7 or exists (
              select from order_line l
              where l.site_id = o.site_id and l.order_id = o.order_id
                and (l.item = any($14::text[])
                     or position($7 in lower(l.note)) > 0 and l.placed_at >= $15)))
      and ($8::timestamptz is null or (o.placed_at, o.order_id, o.site_id) < ($8, $9::uuid, $10::text))
      and ($12::text[] is null or o.site_id = any($12))
      and ($13::bigint is null or o.total = $13)
    order by o.placed_at desc, o.order_id desc, o.site_id desc
    limit $11";

/// The same by what is in them: of each item, of the notes and of what is said exactly, no more than
/// is asked for, newest first.
const BY_CONTENT: &str = "select o.* from (
        select placed_at, order_id, site_id from (
            select l.* from unnest($14::text[]) as i (item) cross join lateral (
                select distinct l.placed_at, l.order_id, l.site_id from order_line l
                where l.item = i.item and <of lines>
                order by 1 desc, 2 desc, 3 desc limit $11) l
            union all
            (select distinct l.placed_at, l.order_id, l.site_id from order_line l
             where l.note is not null and position($7 in lower(l.note)) > 0
               and l.placed_at >= $15 and <of lines>
             order by 1 desc, 2 desc, 3 desc limit $11)
            union all
            (select l.placed_at, l.order_id, l.site_id from site_order l
             where l.number = $16::int and <of lines>
             order by 1 desc, 2 desc, 3 desc limit $11)
            union all
            select l.placed_at, l.order_id, l.site_id from site_order l
            where l.order_id = $17::uuid and <of lines>
            union all
            select l.placed_at, l.order_id, l.site_id from site_order l
            where lower(l.idempotency_key) = $7 and <of lines>) found
        group by 1, 2, 3
        order by 1 desc, 2 desc, 3 desc limit $11) h
    join site_order o on o.site_id = h.site_id and o.order_id = h.order_id
    order by o.placed_at desc, o.order_id desc, o.site_id desc";

/// What holds for every place at which an order is found.
const OF_LINES: &str = "($1::text is null or l.site_id = $1)
    and ($2::timestamptz is null or l.placed_at >= $2)
    and ($3::timestamptz is null or l.placed_at < $3)
    and ($8::timestamptz is null or (l.placed_at, l.order_id, l.site_id) < ($8, $9::uuid, $10::text))
    and ($12::text[] is null or l.site_id = any($12))
    and ($5::text is null or exists (
            select from site_order s
            where s.site_id = l.site_id and s.order_id = l.order_id and s.state = $5))";

/// One more than `limit`, to know whether there are more. What is inserted during a walk comes
/// before or after the place reached, and moves no other order to another page.
pub(super) async fn search(
    pool: &PgPool,
    scope: &Scope,
    filter: &Filter,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    let q = filter.q.as_ref().map(|q| q.trim().to_lowercase());
    let q = q.filter(|q| !q.is_empty());
    let items = match (&q, &filter.item) {
        (Some(q), _) => named(pool, scope, filter, q).await?,
        (None, Some(item)) => vec![item.clone()],
        (None, None) => Vec::new(),
    };
    let text = match walks_orders(filter, q.is_some()) {
        true => BY_ORDER.to_owned(),
        false => BY_CONTENT.replace("<of lines>", OF_LINES),
    };
    let query: QueryAs<'_, Postgres, Row, PgArguments> = sqlx::query_as(AssertSqlSafe(text));
    let notes_from = filter.from.unwrap_or_else(|| {
        let to = filter.to.unwrap_or_else(Utc::now);
        to.checked_sub_signed(NOTES_FOR)
            .unwrap_or(DateTime::UNIX_EPOCH)
    });
    let number = q.as_ref().and_then(|q| q.parse::<i32>().ok());
    let id = q.as_ref().and_then(|q| Uuid::parse_str(q).ok());
    query
        .bind(filter.site.as_deref())
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.number)
        .bind(filter.state.map(OrderState::as_str))
        .bind(filter.item.as_deref())
        .bind(q)
        .bind(after.as_ref().map(|place| place.placed_at))
        .bind(after.as_ref().map(|place| place.order))
        .bind(after.as_ref().map(|place| place.site.as_str()))
        .bind(limit as i64 + 1)
        .bind(scope.sites())
        .bind(filter.amount)
        .bind(items)
        .bind(notes_from)
        .bind(number)
        .bind(id)
        // Planned anew each time: which index is best depends on the filters that are given.
        .persistent(false)
        .fetch_all(pool)
        .await
}

/// Whether there are fewer orders of what is asked for than lines of an item. Nearly all orders are collected.
fn walks_orders(filter: &Filter, has_text: bool) -> bool {
    let is_rare = filter
        .state
        .is_some_and(|state| state != OrderState::Collected);
    let is_plain = !has_text && filter.item.is_none();
    let is_both = has_text && filter.item.is_some();
    is_plain || is_both || is_rare || filter.number.is_some() || filter.amount.is_some()
}

/// The items that have the text in their code, or in what a site last called them.
async fn named(
    pool: &PgPool,
    scope: &Scope,
    filter: &Filter,
    q: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct i.item from site_item i
         where ($1::text is null or i.site_id = $1) and ($2::text[] is null or i.site_id = any($2))
           and (position($3 in lower(i.item)) > 0
                or exists (select from jsonb_each_text(i.name) n
                           where position($3 in lower(n.value)) > 0))",
    )
    .bind(filter.site.as_deref())
    .bind(scope.sites())
    .bind(q)
    .fetch_all(pool)
    .await
}
