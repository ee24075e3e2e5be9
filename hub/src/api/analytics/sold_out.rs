//! What could not be sold, for how long, and what would have been.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::super::Hub;
use super::{Answer, Filter, OrProblem, Report, Scope, Spans, report, rounded};
use crate::analytics::sold_out::{
    Interval, Slot, Usual, by_slot, first_of_days, lost, median, merged,
};

/// Days before the range whose hours tell, with its own, what is usual.
const USUAL_DAYS: i64 = 28;

/// A SKU that could not be sold for a while.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct SoldOutRow {
    /// The site.
    site: String,
    /// The SKU.
    sku: String,
    /// Codes of the items that need it, by the menu that the site runs; with spaces between them.
    items: String,
    /// How often that came about in the range.
    times: usize,
    /// On how many of the site's dates.
    days: usize,
    /// For how long, minutes.
    minutes: f64,
    /// When it usually runs out, by the site's clock (`12:38`): the median of the days.
    usually_at: Option<String>,
    /// Whether it is so now.
    is_out: bool,
    /// Units of the items that would have been sold, an estimate.
    lost_units: f64,
    /// What they would have brought, minor units, an estimate.
    lost_revenue: i64,
    /// ISO 4217 code.
    currency: String,
}

/// SKUs that could not be sold, most lost revenue first.
#[utoipa::path(get, path = "/v1/analytics/sold-out", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows", body = Report<SoldOutRow>),
    (status = 400, description = "`invalid-range`, `too-many-rows`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let rows = rows(&hub.pool, &spans).await.or_problem()?;
    report(&hub.pool, &spans, &filter, "sold-out", rows).await
}

/// Site and SKU.
type Key = (String, String);

/// The rows of [`list`].
pub(super) async fn rows(pool: &PgPool, spans: &Spans) -> Result<Vec<SoldOutRow>, sqlx::Error> {
    let told = intervals(pool, spans).await?;
    let items = items(pool, spans, told.keys()).await?;
    let usual = usual(pool, spans, &items).await?;
    let mut rows = Vec::with_capacity(told.len());
    for (site, span) in spans.each() {
        let key = |(site, _): &Key| site.clone();
        let own = told.iter().filter(|(of, _)| key(of) == site.id);
        for ((_, sku), told) in own {
            let bounds = (span.from, span.to.min(spans.now));
            let intervals = merged(told.intervals.clone(), bounds);
            if intervals.is_empty() {
                continue;
            }
            let slots = by_slot(&intervals, site.zone);
            let of = (site.id.clone(), sku.clone());
            let needing = items.get(&of).cloned().unwrap_or_default();
            let (mut units, mut revenue) = (0.0, 0.0);
            for item in &needing {
                let key = (of.0.clone(), of.1.clone(), item.clone());
                if let Some(usual) = usual.get(&key) {
                    let (more, worth) = lost(&slots, usual);
                    (units, revenue) = (units + more, revenue + worth);
                }
            }
            let days = first_of_days(&intervals, site.zone);
            let millis: i64 = slots.values().sum();
            rows.push(SoldOutRow {
                site: site.id.clone(),
                sku: sku.clone(),
                items: needing.into_iter().collect::<Vec<_>>().join(" "),
                times: intervals.len(),
                days: days.len(),
                minutes: rounded(millis as f64 / 60_000.0),
                usually_at: median(&days).map(|time| time.format("%H:%M").to_string()),
                is_out: told.is_open,
                lost_units: rounded(units),
                // Far from what a float cannot tell apart.
                lost_revenue: revenue.round() as i64,
                currency: site.currency.clone(),
            });
        }
    }
    let order = |row: &SoldOutRow| (row.site.clone(), row.sku.clone());
    rows.sort_by(|one, other| {
        let by_loss = other.lost_revenue.cmp(&one.lost_revenue);
        by_loss
            .then_with(|| other.minutes.total_cmp(&one.minutes))
            .then_with(|| order(one).cmp(&order(other)))
    });
    Ok(rows)
}

/// When one SKU could not be sold.
#[derive(Debug, Default)]
struct Told {
    intervals: Vec<Interval>,
    is_open: bool,
}

async fn intervals(pool: &PgPool, spans: &Spans) -> Result<BTreeMap<Key, Told>, sqlx::Error> {
    type Row = (String, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = spans
        .query(
            "select w.site_id, o.sku, o.since, o.until
             from w join sold_out o
               on o.site_id = w.site_id and o.since < w.hi and (o.until is null or o.until > w.lo)",
        )
        .fetch_all(pool)
        .await?;
    let mut told: BTreeMap<Key, Told> = BTreeMap::new();
    for (site, sku, since, until) in rows {
        let one = told.entry((site, sku)).or_default();
        one.is_open |= until.is_none();
        one.intervals.push((since, until.unwrap_or(spans.now)));
    }
    Ok(told)
}

/// The items that need each of the SKUs: by the menu that the site told it runs, or, where the hub
/// does not have that menu, the item of the same code.
async fn items(
    pool: &PgPool,
    spans: &Spans,
    skus: impl Iterator<Item = &Key>,
) -> Result<BTreeMap<Key, BTreeSet<String>>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = spans
        .query(
            "select w.site_id, k.sku, i.item ->> 'id'
             from w join site_menu m on m.site_id = w.site_id
             join menu_version v on v.menu_id = m.menu_id and v.version = m.version
             cross join jsonb_array_elements(v.document -> 'items') as i (item)
             cross join lateral (
                 select jsonb_object_keys(i.item -> 'consumes')
                 where jsonb_typeof(i.item -> 'consumes') = 'object'
                   and i.item -> 'consumes' <> '{}'
                 union all
                 select i.item ->> 'id'
                 where coalesce(i.item -> 'consumes', '{}') in ('{}', 'null')) as k (sku)",
        )
        .fetch_all(pool)
        .await?;
    let mut items: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    let with_menu: BTreeSet<String> = rows.iter().map(|(site, ..)| site.clone()).collect();
    for (site, sku, item) in rows {
        items.entry((site, sku)).or_default().insert(item);
    }
    let wanted: BTreeSet<&Key> = skus.collect();
    items.retain(|key, _| wanted.contains(key));
    for (site, sku) in wanted
        .into_iter()
        .filter(|(site, _)| !with_menu.contains(site))
    {
        let same = BTreeSet::from([sku.clone()]);
        items.insert((site.clone(), sku.clone()), same);
    }
    Ok(items)
}

/// Site, SKU, item.
type ItemKey = (String, String, String);

/// What each item usually sells in each hour of the day: in the hours of the range and of the 28 days
/// before it in which the site took orders and its SKU was never out.
async fn usual(
    pool: &PgPool,
    spans: &Spans,
    items: &BTreeMap<Key, BTreeSet<String>>,
) -> Result<BTreeMap<ItemKey, BTreeMap<Slot, Usual>>, sqlx::Error> {
    let pairs = items.iter().flat_map(|((site, sku), items)| {
        items
            .iter()
            .map(move |item| (site.clone(), sku.clone(), item.clone()))
    });
    let pairs: Vec<ItemKey> = pairs.collect();
    type Row = (String, String, String, bool, i32, i64, i64, i64);
    let rows: Vec<Row> = spans
        .query(
            // Site by site, so that nothing has to be sorted on disk. Hours of all zones begin at quarters of
            // an hour: every quarter in which an hour begins that an outage touches stands in `out`, so that
            // hours are looked up there, and not each held against each outage.
            "select w.site_id, u.sku, u.item, u.is_weekend, u.hour, u.units, u.revenue, u.hours
             from w cross join lateral (
                 select h.sku, h.item, h.is_weekend, h.of_day as hour,
                        coalesce(sum(s.units), 0)::bigint as units,
                        coalesce(sum(s.revenue), 0)::bigint as revenue, count(*) as hours
                 from (select p.sku, p.item, o.hour,
                              extract(isodow from o.hour at time zone w.zone) > 5 as is_weekend,
                              extract(hour from o.hour at time zone w.zone)::int as of_day
                       from unnest($8::text[], $9::text[], $10::text[]) as p (site_id, sku, item)
                       join hourly_orders o on o.site_id = w.site_id
                        and o.hour >= w.lo - $11 and o.hour < w.hi
                       where p.site_id = w.site_id and not exists (
                           select from (
                               select x.sku, quarter
                               from sold_out x cross join lateral generate_series(
                                   date_bin('15 minutes',
                                            greatest(x.since, w.lo - $11) - interval '1 hour',
                                            timestamptz '2000-01-01 00:00:00+00')
                                       + interval '15 minutes',
                                   least(coalesce(x.until, w.hi), w.hi) - interval '1 microsecond',
                                   interval '15 minutes') as quarter
                               where x.site_id = w.site_id and x.since < w.hi
                                 and (x.until is null or x.until > w.lo - $11)) out
                           where out.sku = p.sku and out.quarter = o.hour)
                       -- Planned by itself.
                       offset 0) h
                 left join hourly_sales s
                   on s.site_id = w.site_id and s.hour = h.hour and s.item = h.item
                 group by 1, 2, 3, 4) u",
        )
        .bind(
            pairs
                .iter()
                .map(|(site, ..)| site.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            pairs
                .iter()
                .map(|(_, sku, _)| sku.clone())
                .collect::<Vec<_>>(),
        )
        .bind(
            pairs
                .iter()
                .map(|(.., item)| item.clone())
                .collect::<Vec<_>>(),
        )
        .bind(TimeDelta::days(USUAL_DAYS))
        .fetch_all(pool)
        .await?;
    let mut usual: BTreeMap<ItemKey, BTreeMap<Slot, Usual>> = BTreeMap::new();
    for (site, sku, item, is_weekend, hour, units, revenue, hours) in rows {
        let slot = Slot {
            is_weekend,
            hour: hour.unsigned_abs(),
        };
        let of = usual.entry((site, sku, item)).or_default();
        of.insert(
            slot,
            Usual {
                units,
                revenue,
                hours,
            },
        );
    }
    Ok(usual)
}

/// Minutes and lost revenue of all SKUs, by site.
pub(super) fn by_site(rows: &[SoldOutRow]) -> BTreeMap<String, (f64, i64)> {
    let mut sites: BTreeMap<String, (f64, i64)> = BTreeMap::new();
    for row in rows {
        let site = sites.entry(row.site.clone()).or_default();
        *site = (site.0 + row.minutes, site.1 + row.lost_revenue);
    }
    sites
}
