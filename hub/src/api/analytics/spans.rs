//! The sites that are asked for, each with the range by its own clock.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, PgPool, Postgres};
use sunakku_common::local_time::day;
use sunakku_common::problem::Problem;

use super::super::access::Scope;
use super::Filter;
use crate::analytics::range::{End, Range, Span};
use crate::answer::{Answer, OrProblem as _};

/// Days that are meant when nothing is said.
const USUAL_DAYS: u64 = 28;

/// The sites with their ranges, as every query begins; its parameters are `$1` to `$7`. The days of a
/// range are its whole weeks, from `first_week` up to `end_week`, and the `rest` at both ends.
const WITH: &str = "with w as (
    select *, date_trunc('week', (first_day + 6)::timestamp)::date as first_week,
           date_trunc('week', end_day::timestamp)::date as end_week
    from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::date[], $5::date[],
                $6::text[], $7::text[])
             as w (site_id, lo, hi, first_day, end_day, zone, currency)),
rest as (
    select site_id, currency, first_day as lo, least(first_week, end_day) as hi from w
    union all
    select site_id, currency, greatest(first_week, end_week), end_day from w) ";

/// A site.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) region: Option<String>,
    pub(super) zone: Tz,
    pub(super) currency: String,
}

/// Sites, and which hours and days of them are meant.
#[derive(Debug, Clone)]
pub(super) struct Spans {
    pub(super) sites: Vec<Site>,
    pub(super) range: Range,
    pub(super) now: DateTime<Utc>,
}

/// A query over the sites.
pub(super) type Query<R> = QueryAs<'static, Postgres, R, PgArguments>;

impl Spans {
    /// Finds the sites, among those that the caller may see, and reads the range.
    ///
    /// # Errors
    /// 400 for a range that is none, 404 for a site that is not there.
    pub(super) async fn of(pool: &PgPool, scope: &Scope, filter: &Filter) -> Answer<Self> {
        if let Some(site) = &filter.site {
            scope.require(site)?;
        }
        let sites = sites(pool, scope, filter).await.or_problem()?;
        if let (Some(site), true) = (&filter.site, sites.is_empty()) {
            return Err(Problem::not_found(format!("There is no site {site}.")));
        }
        let now = Utc::now();
        let range = range(filter, &sites, now)?;
        Ok(Self { sites, range, now })
    }

    /// The same sites over the range of the same length right before.
    pub(super) fn before(&self) -> Self {
        Self {
            range: self.range.before(),
            ..self.clone()
        }
    }

    /// The same sites over other days.
    pub(super) fn over(&self, from: NaiveDate, to: NaiveDate) -> Self {
        let (from, to) = (End::Day(from), End::Day(to));
        Self {
            range: Range { from, to },
            ..self.clone()
        }
    }

    /// The range at each site.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Site, Span)> {
        self.sites
            .iter()
            .map(|site| (site, self.range.at(site.zone)))
    }

    /// Begins a query that reads `w (site_id, lo, hi, first_day, end_day, zone, currency, first_week,
    /// end_week)` and `rest (site_id, currency, lo, hi)`. Further parameters count from `$8`. Nothing of a request may stand in the text.
    pub(super) fn query<R: for<'r> FromRow<'r, PgRow>>(&self, text: &str) -> Query<R> {
        let spans: Vec<(&Site, Span)> = self.each().collect();
        let column =
            |of: fn(&(&Site, Span)) -> String| -> Vec<String> { spans.iter().map(of).collect() };
        let instants = |of: fn(&Span) -> DateTime<Utc>| -> Vec<DateTime<Utc>> {
            spans.iter().map(|(_, span)| of(span)).collect()
        };
        let days = |of: fn(&Span) -> NaiveDate| -> Vec<NaiveDate> {
            spans.iter().map(|(_, span)| of(span)).collect()
        };
        sqlx::query_as(AssertSqlSafe(format!("{WITH}{text}")))
            .bind(column(|(site, _)| site.id.clone()))
            .bind(instants(|span| span.from))
            .bind(instants(|span| span.to))
            .bind(days(|span| span.first_day))
            .bind(days(|span| span.end_day))
            .bind(column(|(site, _)| site.zone.name().to_owned()))
            .bind(column(|(site, _)| site.currency.clone()))
            // Planned anew each time: which index is best depends on how much is asked for.
            .persistent(false)
    }

    /// When the range begins at the first site and ends at the last.
    pub(super) fn bounds(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let from = self.each().map(|(_, span)| span.from).min();
        (from, self.each().map(|(_, span)| span.to).max())
    }

    /// The currencies of the sites.
    pub(super) fn currencies(&self) -> BTreeSet<&str> {
        self.sites
            .iter()
            .map(|site| site.currency.as_str())
            .collect()
    }

    /// What a file about them is called.
    pub(super) fn file_name(&self, what: &str) -> String {
        let site = match &self.sites[..] {
            [one] => format!("-{}", one.id),
            _ => String::new(),
        };
        let span = self.range.at(Tz::UTC);
        format!("{what}{site}-{}-to-{}", span.first_day, span.end_day)
    }

    /// The last date that any of the sites has today.
    pub(super) fn today(&self) -> NaiveDate {
        today(&self.sites, self.now)
    }
}

fn today(sites: &[Site], now: DateTime<Utc>) -> NaiveDate {
    let days = sites.iter().map(|site| day(now, site.zone));
    days.max().unwrap_or(now.date_naive())
}

async fn sites(pool: &PgPool, scope: &Scope, filter: &Filter) -> Result<Vec<Site>, sqlx::Error> {
    let rows: Vec<(String, String, Option<String>, String, String)> = sqlx::query_as(
        "select site_id, name, region, time_zone, currency from site
         where ($1::text is null or site_id = $1)
           and ($2::text is null or region = $2)
           and ($3::text[] is null or site_id = any($3))
         order by site_id",
    )
    .bind(filter.site.as_ref().map(|site| site.as_str()))
    .bind(filter.region.as_deref())
    .bind(scope.sites())
    .fetch_all(pool)
    .await?;
    let site = |(id, name, region, zone, currency): (_, _, _, String, _)| Site {
        id,
        name,
        region,
        // Checked when the site was added, and counted by the projection in the same way.
        zone: zone.parse().unwrap_or(Tz::UTC),
        currency,
    };
    Ok(rows.into_iter().map(site).collect())
}

fn range(filter: &Filter, sites: &[Site], now: DateTime<Utc>) -> Answer<Range> {
    let refused = |detail: String| Problem::bad_request("invalid-range", detail);
    let end = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => End::parse(text).map(Some).ok_or_else(|| {
            refused(format!(
                "`{name}` must be a date such as 2026-11-27, which is one of each site's own \
                 calendar, or an RFC 3339 time such as 2026-11-27T11:00:00Z."
            ))
        }),
    };
    let to = match end("to", &filter.to)? {
        Some(to) => to,
        None => End::Day(today(sites, now) + Days::new(1)),
    };
    let from = match (end("from", &filter.from)?, to) {
        (Some(from), _) => from,
        (None, End::Day(day)) => End::Day(day - Days::new(USUAL_DAYS)),
        (None, End::Moment(at)) => End::Moment(at - Days::new(USUAL_DAYS)),
    };
    Range { from, to }.check().map_err(refused)
}
