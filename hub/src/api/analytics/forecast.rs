//! What to expect of a day, and how right such forecasts were.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sunakku_common::http::{Json, Query};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, Format, OrProblem, Scope, Spans, file, names, rounded};
use crate::analytics::forecast::{Errors, HISTORY_DAYS, History, back_test, forecast, naive};
use crate::state::Hub;

/// Of which day and sites.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ForecastFilter {
    /// A date of the sites' calendars; tomorrow when absent.
    day: Option<NaiveDate>,
    /// This site alone.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
    /// The sites of this region alone.
    region: Option<String>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// What is expected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Forecast {
    /// The day.
    day: NaiveDate,
    /// By item, most units first.
    rows: Vec<ForecastRow>,
    /// How right it was for all items together.
    accuracy: Accuracy,
}

/// How far forecasts were off on the 14 days before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Accuracy {
    /// Items and days that were tried.
    tested: i64,
    /// Mean absolute error, units.
    mae: Option<f64>,
    /// Units off for each unit sold (weighted absolute percentage error; 0.2 is 20 %).
    wape: Option<f64>,
    /// The mean absolute error of "as a week before", units.
    naive_mae: Option<f64>,
    /// Its weighted absolute percentage error.
    naive_wape: Option<f64>,
}

/// What is expected of one item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct ForecastRow {
    /// Code of the item.
    item: String,
    /// What it was last called, in the reader's language.
    name: String,
    /// Units, by the mean of the same weekday in the four weeks before.
    units: f64,
    /// Units, as a week before; null when nothing is known of it.
    naive: Option<f64>,
    /// Days on which the forecast was tried.
    tested: i64,
    /// Mean absolute error on them, units.
    mae: Option<f64>,
    /// Units off for each unit sold.
    wape: Option<f64>,
    /// The mean absolute error of "as a week before", units.
    naive_mae: Option<f64>,
    /// Its units off for each unit sold.
    naive_wape: Option<f64>,
}

/// Units that each item will sell on a day.
#[utoipa::path(get, path = "/v1/analytics/forecast", tag = "analytics", params(ForecastFilter),
    security(("token" = [])), responses(
    (status = 200, description = "The forecast", body = Forecast),
    (status = 400, description = "`invalid-range`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn get(
    State(hub): State<Hub>,
    scope: Scope,
    headers: HeaderMap,
    Query(asked): Query<ForecastFilter>,
) -> Answer<Response> {
    let to = asked.day.map(|day| day.to_string());
    let filter = Filter {
        // Any range up to the day; the one that is looked at is worked out below.
        from: None,
        to,
        site: asked.site,
        region: asked.region,
        format: asked.format,
    };
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let day = asked.day.unwrap_or(spans.today() + Days::new(1));
    let history = spans.over(day - Days::new(HISTORY_DAYS), day);
    let items = sold(&hub.pool, &history).await.or_problem()?;
    let mut names = names(&hub.pool, &spans, &headers).await.or_problem()?;
    // Before the first day with any sale there was no cafeteria, rather than no guests.
    let since = items.values().filter_map(|days| days.keys().next()).min();
    let since = since.copied().unwrap_or(day);
    // Today is not over: it is no day to try on.
    let tried_to = day.min(spans.today());
    let mut all = Errors::default();
    let mut rows = Vec::with_capacity(items.len());
    for (item, days) in items {
        let errors = back_test(&days, tried_to, since);
        all.add(&errors);
        let Some(units) = forecast(&days, day, since) else {
            continue;
        };
        let accuracy = Accuracy::of(&errors);
        rows.push(ForecastRow {
            name: names.remove(&item).unwrap_or_else(|| item.clone()),
            item,
            units: rounded(units),
            naive: naive(&days, day, since),
            tested: accuracy.tested,
            mae: accuracy.mae,
            wape: accuracy.wape,
            naive_mae: accuracy.naive_mae,
            naive_wape: accuracy.naive_wape,
        });
    }
    rows.sort_by(|one, other| {
        other
            .units
            .total_cmp(&one.units)
            .then(one.item.cmp(&other.item))
    });
    match filter.format {
        Format::Csv => file(&format!("forecast-{day}"), &rows),
        Format::Json => Ok(Json(Forecast {
            day,
            rows,
            accuracy: Accuracy::of(&all),
        })
        .into_response()),
    }
}

impl Accuracy {
    fn of(errors: &Errors) -> Self {
        Self {
            tested: errors.days,
            mae: errors.mean(errors.ours).map(rounded),
            wape: errors.weighted(errors.ours).map(rounded),
            naive_mae: errors.mean(errors.naive).map(rounded),
            naive_wape: errors.weighted(errors.naive).map(rounded),
        }
    }
}

async fn sold(pool: &PgPool, spans: &Spans) -> Result<BTreeMap<String, History>, sqlx::Error> {
    let rows: Vec<(String, NaiveDate, i64)> = spans
        .query(
            "select s.item, s.day, sum(s.units)::bigint
             from w join daily_sales s
               on s.site_id = w.site_id and s.day >= w.first_day and s.day < w.end_day
             group by 1, 2",
        )
        .fetch_all(pool)
        .await?;
    let mut items: BTreeMap<String, History> = BTreeMap::new();
    for (item, day, units) in rows {
        items.entry(item).or_default().insert(day, units);
    }
    Ok(items)
}
