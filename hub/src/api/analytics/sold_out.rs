//! What could not be sold, for how long, and what would have been.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::spans::Site;
use super::{Answer, Filter, OrProblem, Report, Scope, Spans, report, rounded};
use crate::analytics::range::Span;
use crate::analytics::sold_out::{
    Days24, Interval, ItemDays, by_slot, first_of_days, lost, median, merged, touched, usual,
};
use crate::state::Hub;

/// Days up to the end of the range whose hours tell what is usual.
const USUAL_DAYS: u64 = 28;

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

/// Site and SKU, or site and item.
type Key = (String, String);

/// The rows of [`list`].
pub(super) async fn rows(pool: &PgPool, spans: &Spans) -> Result<Vec<SoldOutRow>, sqlx::Error> {
    let usual_days = usual_days(spans);
    let told = outages(pool, spans, &usual_days).await?;
    let items = items(pool, spans, told.keys()).await?;
    let sold = Sold::read(pool, &usual_days, &items).await?;
    let mut rows: Vec<SoldOutRow> = told
        .iter()
        .map(|(key, told)| told.row(key, items.get(key), &sold))
        .collect();
    let order = |row: &SoldOutRow| (row.site.clone(), row.sku.clone());
    rows.sort_by(|one, other| {
        let by_loss = other.lost_revenue.cmp(&one.lost_revenue);
        by_loss
            .then_with(|| other.minutes.total_cmp(&one.minutes))
            .then_with(|| order(one).cmp(&order(other)))
    });
    Ok(rows)
}

/// The days whose hours tell what is usual.
fn usual_days(spans: &Spans) -> Spans {
    let end = spans.each().map(|(_, span)| span.end_day).max();
    let tomorrow = spans.today() + Days::new(1);
    let end = end.map_or(tomorrow, |end| end.min(tomorrow));
    spans.over(end - Days::new(USUAL_DAYS), end)
}

/// When one SKU could not be sold.
#[derive(Debug)]
struct Told {
    zone: Tz,
    currency: String,
    /// Within the range.
    intervals: Vec<Interval>,
    /// The same and those of the days that tell what is usual, as they were told.
    all: Vec<Interval>,
    is_open: bool,
}

impl Told {
    fn row(&self, key: &Key, items: Option<&BTreeSet<String>>, sold: &Sold) -> SoldOutRow {
        let slots = by_slot(&self.intervals, self.zone);
        let out = touched(&self.all, self.zone);
        let (mut units, mut revenue) = (0.0, 0.0);
        for item in items.into_iter().flatten() {
            let item = (key.0.clone(), item.clone());
            if let Some((open, sold)) = sold.open.get(&key.0).zip(sold.items.get(&item)) {
                let (more, worth) = lost(&slots, &usual(open, sold, &out));
                (units, revenue) = (units + more, revenue + worth);
            }
        }
        let days = first_of_days(&self.intervals, self.zone);
        let millis: i64 = slots.values().sum();
        let items: Vec<&str> = items.into_iter().flatten().map(String::as_str).collect();
        SoldOutRow {
            site: key.0.clone(),
            sku: key.1.clone(),
            items: items.join(" "),
            times: self.intervals.len(),
            days: days.len(),
            minutes: rounded(millis as f64 / 60_000.0),
            usually_at: median(&days).map(|time| time.format("%H:%M").to_string()),
            is_out: self.is_open,
            lost_units: rounded(units),
            // Far from what a float cannot tell apart.
            lost_revenue: revenue.round() as i64,
            currency: self.currency.clone(),
        }
    }
}

/// The SKUs that could not be sold within the range.
async fn outages(
    pool: &PgPool,
    spans: &Spans,
    usual_days: &Spans,
) -> Result<BTreeMap<Key, Told>, sqlx::Error> {
    type Row = (String, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = spans
        .query(
            "select w.site_id, o.sku, o.since, o.until
             from w join sold_out o
               on o.site_id = w.site_id and o.since < w.hi
              and (o.until is null or o.until > least(w.lo, $8))",
        )
        .bind(usual_days.bounds().0)
        .fetch_all(pool)
        .await?;
    let mut told: BTreeMap<Key, (Vec<Interval>, bool)> = BTreeMap::new();
    for (site, sku, since, until) in rows {
        let (intervals, is_open) = told.entry((site, sku)).or_default();
        *is_open |= until.is_none();
        intervals.push((since, until.unwrap_or(spans.now)));
    }
    let usual_from = usual_days.bounds().0;
    let sites: BTreeMap<&str, (&Site, Span)> = spans
        .each()
        .map(|(site, span)| (site.id.as_str(), (site, span)))
        .collect();
    let within = |(key, (intervals, is_open)): (Key, (Vec<Interval>, bool))| {
        let (site, span) = sites.get(key.0.as_str())?;
        let to = span.to.min(spans.now);
        let from = usual_from.map_or(span.from, |from| from.min(span.from));
        let told = Told {
            zone: site.zone,
            currency: site.currency.clone(),
            intervals: merged(intervals.clone(), (span.from, to)),
            all: merged(intervals, (from, to)),
            is_open,
        };
        (!told.intervals.is_empty()).then_some((key, told))
    };
    Ok(told.into_iter().filter_map(within).collect())
}

/// The items that need each of the SKUs: by the menu that the site told it runs, or, where the hub
/// does not have that menu, the item of the same code.
async fn items(
    pool: &PgPool,
    spans: &Spans,
    skus: impl Iterator<Item = &Key>,
) -> Result<BTreeMap<Key, BTreeSet<String>>, sqlx::Error> {
    let running: Vec<(String, String, i64)> = spans
        .query(
            "select w.site_id, m.menu_id, m.version from w join site_menu m on m.site_id = w.site_id
             where m.menu_id is not null and m.version is not null",
        )
        .fetch_all(pool)
        .await?;
    // Most sites run the same menu: each is taken apart once.
    let menus: BTreeSet<(&str, i64)> = running
        .iter()
        .map(|(_, menu, version)| (menu.as_str(), *version))
        .collect();
    let (ids, versions): (Vec<&str>, Vec<i64>) = menus.into_iter().unzip();
    let needs: Vec<(String, i64, String, String)> = sqlx::query_as(
        "select v.menu_id, v.version, k.sku, i.item ->> 'id'
         from unnest($1::text[], $2::bigint[]) as m (menu_id, version)
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
    .bind(ids)
    .bind(versions)
    .fetch_all(pool)
    .await?;
    let mut by_menu: BTreeMap<(String, i64), Vec<(String, String)>> = BTreeMap::new();
    for (menu, version, sku, item) in needs {
        by_menu
            .entry((menu, version))
            .or_default()
            .push((sku, item));
    }
    let rows = running.into_iter().flat_map(|(site, menu, version)| {
        let needs = by_menu.get(&(menu, version)).into_iter().flatten();
        needs.map(move |(sku, item)| (site.clone(), sku.clone(), item.clone()))
    });
    let rows: Vec<(String, String, String)> = rows.collect();
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

/// What was sold in which hours of the days that tell what is usual.
struct Sold {
    /// By site: the hours in which it took orders.
    open: BTreeMap<String, Days24>,
    /// By site and item.
    items: BTreeMap<Key, ItemDays>,
}

impl Sold {
    async fn read(
        pool: &PgPool,
        days: &Spans,
        items: &BTreeMap<Key, BTreeSet<String>>,
    ) -> Result<Self, sqlx::Error> {
        let wanted = items
            .iter()
            .flat_map(|((site, _), items)| items.iter().map(|item| (site.clone(), item.clone())));
        let wanted: BTreeSet<Key> = wanted.collect();
        let sites: BTreeSet<String> = wanted.iter().map(|(site, _)| site.clone()).collect();
        let (of, codes): (Vec<String>, Vec<String>) = wanted.into_iter().unzip();
        let open = days
            .query(
                "select d.site_id, d.day, d.hour_orders from w join daily_orders d
                   on d.site_id = w.site_id and d.day >= w.first_day and d.day < w.end_day
                 where w.site_id = any($8)",
            )
            .bind(sites.into_iter().collect::<Vec<String>>())
            .fetch_all(pool);
        let sold = days
            .query(
                "select d.site_id, d.item, d.day, d.units, d.revenue
                 from unnest($8::text[], $9::text[]) as p (site_id, item)
                 join w on w.site_id = p.site_id
                 join daily_item_hours d
                   on d.site_id = p.site_id and d.item = p.item
                  and d.day >= w.first_day and d.day < w.end_day",
            )
            .bind(of)
            .bind(codes)
            .fetch_all(pool);
        type Open = Vec<(String, NaiveDate, Vec<i64>)>;
        type Rows = Vec<(String, String, NaiveDate, Vec<i64>, Vec<i64>)>;
        let (open, sold): (Open, Rows) = tokio::try_join!(open, sold)?;
        let mut all = Self {
            open: BTreeMap::new(),
            items: BTreeMap::new(),
        };
        for (site, day, orders) in open {
            all.open.entry(site).or_default().insert(day, orders);
        }
        for (site, item, day, units, revenue) in sold {
            let days = all.items.entry((site, item)).or_default();
            days.insert(day, (units, revenue));
        }
        Ok(all)
    }
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
