//! How long it takes to make things, and how well promises are kept.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, OrProblem, Report, Scope, Spans, report, rounded};
use crate::analytics::buckets::{self, Histogram};
use crate::state::Hub;

/// Times of one kind at one site and station.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct PreparationRow {
    /// `preparation`: from when a station was given a ticket until it was first made. `promise`: how
    /// much later than promised, or with a minus earlier, orders were ready.
    measure: String,
    /// The site; null for all of them.
    site: Option<String>,
    /// Code of the station; null for all, and for promises.
    station: Option<String>,
    /// Tickets, or orders.
    count: i64,
    /// Half took no longer, seconds.
    p50_seconds: f64,
    /// Nine in ten took no longer, seconds.
    p90_seconds: f64,
    /// Per cent of the promises that were kept.
    kept: Option<f64>,
}

/// Preparation times, and errors of the promise: of each station at each site, of each station,
/// of each site, and of all. What began in the range counts.
#[utoipa::path(get, path = "/v1/analytics/preparation", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows", body = Report<PreparationRow>),
    (status = 400, description = "`invalid-range`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let times = times(&hub.pool, &spans).await.or_problem()?;
    let row = |((measure, site, station), times): (Key, Histogram)| {
        PreparationRow::of(measure, site, station, &times.counts())
    };
    let rows = times.into_iter().filter_map(row).collect();
    report(&hub.pool, &spans, &filter, "preparation", rows).await
}

/// Measure, site, station.
pub(super) type Key = (String, Option<String>, Option<String>);
/// The histograms: of each station at each site, and summed up.
pub(super) async fn times(
    pool: &PgPool,
    spans: &Spans,
) -> Result<BTreeMap<Key, Histogram>, sqlx::Error> {
    let text = match spans.range.is_whole_days() {
        true => {
            "select d.measure, d.site_id, d.station, d.buckets, d.counts
             from w join weekly_duration d
               on d.site_id = w.site_id and d.week >= w.first_week and d.week < w.end_week
             union all
             select d.measure, d.site_id, d.station, d.buckets, d.counts
             from rest r join daily_duration d
               on d.site_id = r.site_id and d.day >= r.lo and d.day < r.hi"
        }
        false => {
            "select d.measure, d.site_id, d.station, array_agg(d.bucket), array_agg(d.count)
             from w join hourly_duration d
               on d.site_id = w.site_id and d.hour >= w.lo and d.hour < w.hi
             group by 1, 2, 3"
        }
    };
    type Row = (String, String, String, Vec<i32>, Vec<i64>);
    let rows: Vec<Row> = spans.query(text).fetch_all(pool).await?;
    // Most rows are of few keys: each is added up by itself first.
    let mut each: BTreeMap<(String, String, String), Histogram> = BTreeMap::new();
    for (measure, site, station, buckets, counts) in rows {
        let sum = each.entry((measure, site, station)).or_default();
        buckets
            .into_iter()
            .zip(counts)
            .for_each(|(bucket, count)| sum.add(bucket, count));
    }
    let mut sums: BTreeMap<Key, Histogram> = BTreeMap::new();
    for ((measure, site, station), one) in each {
        let station = (!station.is_empty()).then_some(station);
        let mut keys = vec![
            (measure.clone(), None, None),
            (measure.clone(), Some(site.clone()), None),
        ];
        if station.is_some() {
            keys.push((measure.clone(), None, station.clone()));
            keys.push((measure, Some(site), station));
        }
        for key in keys {
            sums.entry(key).or_default().merge(&one);
        }
    }
    Ok(sums)
}

impl PreparationRow {
    fn of(
        measure: String,
        site: Option<String>,
        station: Option<String>,
        counts: &[(i32, i64)],
    ) -> Option<Self> {
        let is_promise = measure == "promise";
        let seconds = |per_cent| {
            let bucket = buckets::quantile(counts, per_cent)?;
            Some(rounded(match is_promise {
                true => buckets::promise(bucket),
                false => buckets::preparation(bucket),
            }))
        };
        let count = counts.iter().map(|(_, count)| count).sum();
        let in_time = counts.iter().filter(|(bucket, _)| *bucket <= 0);
        let in_time: i64 = in_time.map(|(_, count)| count).sum();
        Some(Self {
            measure,
            site,
            station,
            count,
            p50_seconds: seconds(50)?,
            p90_seconds: seconds(90)?,
            kept: is_promise.then(|| rounded(in_time as f64 * 100.0 / count as f64)),
        })
    }
}
