//! What was sold, how fast it was made, what was not there, what to expect. What each figure means
//! stands in docs/data-dictionary.md. Every answer is JSON or, with `format=csv`, a file for a
//! spreadsheet, and all of it comes from what the projection keeps, never from raw events.

pub(super) mod cancellations;
pub(super) mod forecast;
pub(super) mod heatmap;
pub(super) mod items;
pub(super) mod preparation;
pub(super) mod sales;
pub(super) mod sites;
pub(super) mod sold_out;
mod spans;
pub(super) mod stock;

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use sunakku_common::http::{Json, languages};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use sunakku_common::text::Text;

use self::spans::Spans;
use super::access::Scope;
use crate::analytics::csv;
use crate::answer::{Answer, OrProblem};

/// Rows of an answer at most; beyond, whoever asks is to ask for less.
const MAX_ROWS: usize = 50_000;

/// Which sites and days are wanted.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Filter {
    /// A date of each site's own calendar (`2026-11-27`), or a moment (RFC 3339), which counts from the
    /// begin of its hour. 28 days before `to` when absent.
    from: Option<String>,
    /// The first date or moment that is not meant any more; tomorrow when absent.
    to: Option<String>,
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

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::api) enum Format {
    /// For programs.
    #[default]
    Json,
    /// For spreadsheets: RFC 4180, amounts in minor units beside their currency.
    Csv,
}

/// Rows, and what all orders of the same sites and days come to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Report<R> {
    /// The begin of the range at the first site that enters it.
    from: Option<DateTime<Utc>>,
    /// Its end at the last site that leaves it.
    to: Option<DateTime<Utc>>,
    /// The rows.
    rows: Vec<R>,
    /// Of all orders in the range, whatever the rows are.
    totals: Totals,
}

/// What orders come to. Amounts of different currencies are never added up.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Totals {
    /// Orders that were not called off.
    orders: i64,
    /// Units on their lines.
    units: i64,
    /// Their totals, minor units; null when they are in several currencies.
    revenue: Option<i64>,
    /// ISO 4217 code; null when there are several, or none.
    currency: Option<String>,
    /// The same by currency.
    currencies: Vec<CurrencyTotal>,
}

/// What orders in one currency come to.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(in crate::api) struct CurrencyTotal {
    /// ISO 4217 code.
    currency: String,
    /// Orders.
    orders: i64,
    /// Units.
    units: i64,
    /// Minor units.
    revenue: i64,
}

async fn totals(pool: &PgPool, spans: &Spans) -> Result<Totals, sqlx::Error> {
    let text = format!(
        "select w.currency, sum(h.orders)::bigint as orders, sum(h.units)::bigint as units,
                sum(h.revenue)::bigint as revenue
         from w join {} group by w.currency order by w.currency",
        orders_of(spans)
    );
    let mut currencies: Vec<CurrencyTotal> = spans.query(&text).fetch_all(pool).await?;
    if currencies.is_empty() && spans.currencies().len() == 1 {
        currencies.extend(
            spans
                .currencies()
                .into_iter()
                .map(|currency| CurrencyTotal {
                    currency: currency.to_owned(),
                    orders: 0,
                    units: 0,
                    revenue: 0,
                }),
        );
    }
    let only = match &currencies[..] {
        [one] => Some((one.revenue, one.currency.clone())),
        _ => None,
    };
    Ok(Totals {
        orders: currencies.iter().map(|total| total.orders).sum(),
        units: currencies.iter().map(|total| total.units).sum(),
        revenue: match currencies.is_empty() {
            true => Some(0),
            false => only.as_ref().map(|(revenue, _)| *revenue),
        },
        currency: only.map(|(_, currency)| currency),
        currencies,
    })
}

/// The smaller of the two tables that have the orders of the range, as `h`, joined to `w`.
fn orders_of(spans: &Spans) -> &'static str {
    match spans.range.is_whole_days() {
        true => {
            "daily_orders h on h.site_id = w.site_id and h.day >= w.first_day and h.day < w.end_day"
        }
        false => "hourly_orders h on h.site_id = w.site_id and h.hour >= w.lo and h.hour < w.hi",
    }
}

/// Writes the rows with their totals as it was asked for. `name` is what a file is called.
async fn report<R: Serialize>(
    pool: &PgPool,
    spans: &Spans,
    filter: &Filter,
    name: &str,
    rows: Vec<R>,
) -> Answer<Response> {
    if rows.len() > MAX_ROWS {
        let detail = format!(
            "The answer would have more than {MAX_ROWS} rows. Ask for fewer days, for one site, or \
             for sums."
        );
        return Err(Problem::bad_request("too-many-rows", detail));
    }
    match filter.format {
        Format::Json => {
            let totals = totals(pool, spans).await.or_problem()?;
            let (from, to) = spans.bounds();
            Ok(Json(Report {
                from,
                to,
                rows,
                totals,
            })
            .into_response())
        }
        Format::Csv => file(&spans.file_name(name), &rows),
    }
}

/// The rows as a file.
fn file<R: Serialize>(name: &str, rows: &[R]) -> Answer<Response> {
    let table = csv::table(rows).map_err(|error| {
        tracing::error!(%error, "rows do not fit into a table");
        Problem::internal()
    })?;
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let disposition = HeaderValue::try_from(disposition).map_err(|_| Problem::internal())?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, table).into_response())
}

/// What items are called, in the reader's language.
async fn names(
    pool: &PgPool,
    spans: &Spans,
    headers: &HeaderMap,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    // Sites may call an item otherwise: then the first site's word stands for all.
    let rows: Vec<(String, Jsonb<Text>)> = spans
        .query(
            "select distinct on (i.item) i.item, i.name
             from w join site_item i on i.site_id = w.site_id order by i.item, i.site_id",
        )
        .fetch_all(pool)
        .await?;
    let languages = languages(headers);
    let name = |(item, name): (String, Jsonb<Text>)| (item, name.pick(&languages).to_owned());
    Ok(rows.into_iter().map(name).collect())
}

/// By how many per cent one is more than the other; `None` when the other is nothing.
fn change(now: i64, before: i64) -> Option<f64> {
    (before != 0).then(|| rounded((now - before) as f64 * 100.0 / before as f64))
}

/// Rounded to hundredths, for people.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
