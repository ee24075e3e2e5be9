//! What was sold, by site, item and time.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::Query;
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, Format, MAX_ROWS, OrProblem, Report, Scope, Spans, report};
use crate::state::Hub;

/// Which sales are wanted, and how they are summed up.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SalesFilter {
    /// As in the other analytics: a date of the sites' calendars, or a moment.
    from: Option<String>,
    /// The first date or moment that is not meant any more.
    to: Option<String>,
    /// This site alone.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
    /// The sites of this region alone.
    region: Option<String>,
    /// This item alone.
    item: Option<String>,
    /// `hour`, `day`, `week` (from Monday) or `all`, by the sites' clocks.
    #[serde(default)]
    #[param(inline)]
    by: By,
    /// What rows tell apart: `site`, `item`, both (`site,item`), or `none`. `site,item` when absent.
    of: Option<String>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// How long a row's time is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::api) enum By {
    /// An hour of the site's clock.
    Hour,
    /// A date of the site's calendar.
    #[default]
    Day,
    /// From Monday to Sunday.
    Week,
    /// The whole range.
    All,
}

/// What was sold in one time.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(in crate::api) struct SalesRow {
    /// The site; null when sites are summed up.
    site: Option<String>,
    /// Code of the item; null when items are summed up.
    item: Option<String>,
    /// When the time began, at the first of the sites.
    from: DateTime<Utc>,
    /// The same as the sites' clocks showed it: `2026-11-27T12:00` or `2026-11-27`.
    local: String,
    /// Units.
    units: i64,
    /// Orders: those with the item, where rows tell items apart.
    orders: i64,
    /// Minor units.
    revenue: i64,
    /// ISO 4217 code; sites of several currencies are never summed up.
    currency: String,
}

/// Sales.
#[utoipa::path(get, path = "/v1/analytics/sales", tag = "analytics", params(SalesFilter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows, by time, site and item", body = Report<SalesRow>),
    (status = 400, description = "`invalid-range`, `too-many-rows`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(asked): Query<SalesFilter>,
) -> Answer<Response> {
    let (by_site, by_item) = told_apart(asked.of.as_deref())?;
    let SalesFilter {
        from,
        to,
        site,
        region,
        item,
        by,
        format,
        ..
    } = asked;
    let filter = Filter {
        from,
        to,
        site,
        region,
        format,
    };
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let source = Source::of(&spans, by, by_item || item.is_some());
    let rows: Vec<SalesRow> = spans
        .query(&source.text(by))
        .bind(by_site)
        .bind(by_item)
        .bind(item)
        .bind(MAX_ROWS as i64 + 1)
        .fetch_all(&hub.pool)
        .await
        .or_problem()?;
    report(&hub.pool, &spans, &filter, "sales", rows).await
}

/// Whether rows tell sites apart, and items.
fn told_apart(of: Option<&str>) -> Answer<(bool, bool)> {
    match of {
        None | Some("site,item" | "item,site") => Ok((true, true)),
        Some("site") => Ok((true, false)),
        Some("item") => Ok((false, true)),
        Some("none") => Ok((false, false)),
        Some(_) => Err(Problem::bad_request(
            "invalid-query",
            "`of` must be site, item, `site,item` or none.",
        )),
    }
}

/// The smallest of the tables that have what is asked for.
#[derive(Debug, Clone, Copy)]
enum Source {
    Orders,
    OrderDays,
    Days,
    Hours,
}

impl Source {
    fn of(spans: &Spans, by: By, needs_items: bool) -> Self {
        let by_days = by != By::Hour && spans.range.is_whole_days();
        match (needs_items, by_days) {
            (false, true) => Self::OrderDays,
            (false, false) => Self::Orders,
            (true, true) => Self::Days,
            (true, false) => Self::Hours,
        }
    }

    fn text(self, by: By) -> String {
        let (table, at, item, bounds) = match self {
            Self::Orders => (
                "hourly_orders",
                "(s.hour at time zone w.zone)",
                "null::text",
                "s.hour >= w.lo and s.hour < w.hi",
            ),
            Self::OrderDays => (
                "daily_orders",
                "s.day::timestamp",
                "null::text",
                "s.day >= w.first_day and s.day < w.end_day",
            ),
            Self::Hours => (
                "hourly_sales",
                "(s.hour at time zone w.zone)",
                "s.item",
                "s.hour >= w.lo and s.hour < w.hi",
            ),
            Self::Days => (
                "daily_sales",
                "s.day::timestamp",
                "s.item",
                "s.day >= w.first_day and s.day < w.end_day",
            ),
        };
        // The begin of the time, and as it is shown. An hour that a clock shows twice is two for a
        // site alone.
        let (begin, local) = match by {
            By::Hour => (
                "s.hour".to_owned(),
                format!("to_char({at}, 'YYYY-MM-DD\"T\"HH24:MI')"),
            ),
            By::Day => (
                format!("date_trunc('day', {at}) at time zone w.zone"),
                format!("to_char({at}, 'YYYY-MM-DD')"),
            ),
            By::Week => (
                format!("date_trunc('week', {at}) at time zone w.zone"),
                format!("to_char(date_trunc('week', {at}), 'YYYY-MM-DD')"),
            ),
            By::All => (
                "w.lo".to_owned(),
                "to_char(w.first_day, 'YYYY-MM-DD')".to_owned(),
            ),
        };
        format!(
            "select case when $8 then w.site_id end as site, case when $9 then {item} end as item,
                    min({begin}) as \"from\", {local} as local, sum(s.units)::bigint as units,
                    sum(s.orders)::bigint as orders, sum(s.revenue)::bigint as revenue, w.currency
             from w join {table} s on s.site_id = w.site_id and {bounds}
             where $10::text is null or {item} = $10
             group by 1, 2, {local}, w.currency, case when $8 then {begin} end
             order by 4, 3, 1, 2, w.currency
             limit $11"
        )
    }
}
