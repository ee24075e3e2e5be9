//! What is told of all sites: how each is, all of them together, what needs a look. No IO.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sunakku_common::text::Text;
use uuid::Uuid;

use crate::analytics::buckets;

/// Events that a site may have to send before it counts as catching up.
const BEHIND_EVENTS: i64 = 100;
/// Late orders that make a kitchen slow.
const SLOW_ORDERS: i64 = 3;

/// How a site is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SiteState {
    /// Another box speaks with the same credentials.
    Conflict,
    /// Hub and site do not hold the same events.
    Differs,
    /// Not heard; its values are the last known.
    Silent,
    /// It has many events still to send.
    Behind,
    /// Three or more orders are two minutes later than promised.
    Slow,
    /// Its box is not let in any more.
    Revoked,
    /// Never heard.
    Never,
    /// It is to sell by a version of the menu that it has not taken yet.
    Updating,
    /// Nothing to do.
    Healthy,
    /// It takes no orders now, and nothing is wrong.
    Closed,
}

/// A site as it is now. Values of one that is not heard are those of when it last was.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct SiteNow {
    /// Its id.
    pub(crate) site: String,
    /// What people call it.
    pub(crate) name: String,
    /// What it is grouped by.
    pub(crate) region: Option<String>,
    /// IANA name.
    pub(crate) time_zone: String,
    /// ISO 4217 code of its amounts.
    pub(crate) currency: String,
    /// How it is.
    pub(crate) state: SiteState,
    /// Whether the values are old: true while it is not heard.
    pub(crate) is_stale: bool,
    /// When it was last heard.
    pub(crate) last_seen: Option<DateTime<Utc>>,
    /// Events that it has and the hub has not, as it last told.
    pub(crate) lag_events: i64,
    /// Orders a minute, of the last five.
    pub(crate) orders_per_minute: f64,
    /// Orders placed in each five minutes of the last hour, the oldest first.
    pub(crate) last_hour: Vec<i64>,
    /// Orders that are placed, preparing or ready.
    pub(crate) open_orders: i64,
    /// Those that are not ready two minutes after the time that was promised.
    pub(crate) late_orders: i64,
    /// Orders of its day that were not called off.
    pub(crate) orders_today: i64,
    /// Their totals, minor units.
    pub(crate) revenue_today: i64,
    /// Half of the tickets of this hour and the one before took no longer, seconds.
    pub(crate) preparation_p50_seconds: Option<f64>,
    /// SKUs that are sold out.
    pub(crate) sold_out: i64,
    /// The version of the menu that it says it sells by.
    pub(crate) menu_version: Option<i64>,
    /// The version that it is to take and has not taken yet.
    pub(crate) menu_wanted: Option<i64>,
}

/// A site with what is needed to sum it up.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) now: SiteNow,
    /// Since when its state is what it is, where that is known.
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) before: Before,
    /// Preparation times of this hour and the one before, and those of a week before.
    pub(super) times: Vec<(i32, i64)>,
    pub(super) times_before: Vec<(i32, i64)>,
    /// The version that it refused to take and why, while it has not taken a later one.
    pub(super) refused: Option<(i64, String)>,
    /// Events that could not be projected.
    pub(super) parked: i64,
}

/// The same weekday a week before, up to the same time of the site's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) orders: i64,
    pub(super) revenue: i64,
}

/// What all sites come to in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Money {
    /// ISO 4217 code.
    currency: String,
    /// Orders today.
    orders: i64,
    /// Their totals, minor units.
    revenue: i64,
    /// Totals on the same weekday a week before, up to the same time of day.
    before_revenue: i64,
}

/// All sites together.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Sum {
    /// Orders of each site's today that were not called off.
    orders: i64,
    /// The same on that weekday a week before, up to the same time of day.
    before_orders: i64,
    /// By currency; amounts of different ones are never added up.
    currencies: Vec<Money>,
    /// Orders a minute, of the last five, at the sites that are heard.
    orders_per_minute: f64,
    /// Orders that are placed, preparing or ready.
    open_orders: i64,
    /// Those that are late.
    late_orders: i64,
    /// Half of the tickets of this hour and the one before took no longer, seconds.
    preparation_p50_seconds: Option<f64>,
    /// The same a week before.
    before_preparation_p50_seconds: Option<f64>,
    /// SKUs that are sold out.
    sold_out: i64,
    /// Sites at which some are.
    sold_out_sites: i64,
    /// Events that sites still have to send.
    lag_events: i64,
    /// Sites.
    sites: i64,
    /// Those that are heard.
    in_touch: i64,
}

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Alarm {
    /// The site.
    site: String,
    /// A state of the site that a person has to look at, `menu-refused` or `parked`.
    kind: String,
    /// Since when, where that is known.
    since: Option<DateTime<Utc>>,
    /// More about it.
    detail: Option<String>,
}

/// All sites as they are now.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Overview {
    /// When this was so.
    pub(crate) at: DateTime<Utc>,
    /// All of them together.
    pub(crate) totals: Sum,
    /// Each, the worst first.
    pub(crate) sites: Vec<SiteNow>,
    /// What needs a look, the worst first.
    pub(crate) alarms: Vec<Alarm>,
}

/// An order as a list of the latest shows it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Latest {
    /// Its id.
    pub(crate) id: Uuid,
    /// Where it was placed.
    pub(crate) site: String,
    /// Its pickup number.
    pub(crate) number: i32,
    /// Where it stands.
    pub(crate) state: String,
    /// Minor units.
    pub(crate) total: i64,
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// When the edge took it.
    pub(crate) placed_at: DateTime<Utc>,
    /// When the hub stored it.
    pub(crate) committed_at: DateTime<Utc>,
    /// What was ordered.
    pub(crate) lines: Vec<LatestLine>,
}

/// A line of such an order.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize, utoipa::ToSchema)]
pub(crate) struct LatestLine {
    /// By language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) name: Text,
    /// How many.
    pub(crate) quantity: i32,
}

/// What decides how a site is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    pub(super) is_conflicting: bool,
    pub(super) is_revoked: bool,
    pub(super) was_heard: bool,
    pub(super) is_heard: bool,
    pub(super) is_same: bool,
    pub(super) lag_events: i64,
    pub(super) late_orders: i64,
    pub(super) is_updating: bool,
    pub(super) is_closed: bool,
}

impl Signs {
    /// The worst that they say.
    pub(super) fn state(self) -> SiteState {
        match self {
            _ if self.is_conflicting => SiteState::Conflict,
            _ if !self.is_same => SiteState::Differs,
            _ if self.is_revoked => SiteState::Revoked,
            _ if !self.was_heard => SiteState::Never,
            _ if !self.is_heard => SiteState::Silent,
            _ if self.lag_events > BEHIND_EVENTS => SiteState::Behind,
            _ if self.late_orders >= SLOW_ORDERS => SiteState::Slow,
            _ if self.is_updating => SiteState::Updating,
            _ if self.is_closed => SiteState::Closed,
            _ => SiteState::Healthy,
        }
    }
}

impl Overview {
    pub(super) fn of<'a>(at: DateTime<Utc>, sites: impl Iterator<Item = &'a Known>) -> Self {
        let mut sites: Vec<&Known> = sites.collect();
        sites.sort_by(|one, other| {
            let of = |known: &Known| (known.now.state, -known.now.open_orders);
            of(one)
                .cmp(&of(other))
                .then_with(|| one.now.site.cmp(&other.now.site))
        });
        Self {
            at,
            totals: Sum::of(&sites),
            alarms: sites.iter().flat_map(|known| Alarm::of(known)).collect(),
            sites: sites.iter().map(|known| known.now.clone()).collect(),
        }
    }
}

impl Sum {
    fn of(sites: &[&Known]) -> Self {
        let sum = |of: fn(&SiteNow) -> i64| sites.iter().map(|known| of(&known.now)).sum();
        let count =
            |is: fn(&SiteNow) -> bool| sites.iter().filter(|known| is(&known.now)).count() as i64;
        let codes: BTreeSet<&str> = sites.iter().map(|known| &*known.now.currency).collect();
        let money = |code: &str| {
            let of_code = || sites.iter().filter(move |known| known.now.currency == code);
            Money {
                currency: code.to_owned(),
                orders: of_code().map(|known| known.now.orders_today).sum(),
                revenue: of_code().map(|known| known.now.revenue_today).sum(),
                before_revenue: of_code().map(|known| known.before.revenue).sum(),
            }
        };
        let rates = sites.iter().filter(|known| !known.now.is_stale);
        Self {
            orders: sum(|site| site.orders_today),
            before_orders: sites.iter().map(|known| known.before.orders).sum(),
            currencies: codes.into_iter().map(money).collect(),
            orders_per_minute: tenths(rates.map(|known| known.now.orders_per_minute).sum()),
            open_orders: sum(|site| site.open_orders),
            late_orders: sum(|site| site.late_orders),
            preparation_p50_seconds: half(sites.iter().flat_map(|known| &known.times)),
            before_preparation_p50_seconds: half(
                sites.iter().flat_map(|known| &known.times_before),
            ),
            sold_out: sum(|site| site.sold_out),
            sold_out_sites: count(|site| site.sold_out > 0),
            lag_events: sum(|site| site.lag_events),
            sites: sites.len() as i64,
            in_touch: count(|site| !site.is_stale),
        }
    }
}

impl Alarm {
    fn of(known: &Known) -> Vec<Self> {
        let alarm = |kind: &str, since, detail| Self {
            site: known.now.site.clone(),
            kind: kind.to_owned(),
            since,
            detail,
        };
        let mut alarms = Vec::new();
        let state = known.now.state;
        // One that was never set up, or was cut off, is meant to be so.
        if state < SiteState::Revoked {
            let name = serde_json::to_value(state).unwrap_or_default();
            let detail = (state == SiteState::Slow).then(|| known.now.late_orders.to_string());
            alarms.push(alarm(
                name.as_str().unwrap_or_default(),
                known.since,
                detail,
            ));
        }
        if let Some((version, why)) = &known.refused {
            alarms.push(alarm(
                "menu-refused",
                None,
                Some(format!("v{version}: {why}")),
            ));
        }
        if known.parked > 0 {
            alarms.push(alarm("parked", None, Some(known.parked.to_string())));
        }
        alarms
    }
}

/// Half of the preparations took no longer, seconds.
pub(super) fn half<'a>(counts: impl Iterator<Item = &'a (i32, i64)>) -> Option<f64> {
    let mut sums: BTreeMap<i32, i64> = BTreeMap::new();
    for (bucket, count) in counts {
        *sums.entry(*bucket).or_default() += count;
    }
    let sums: Vec<(i32, i64)> = sums.into_iter().collect();
    buckets::quantile(&sums, 50).map(|bucket| tenths(buckets::preparation(bucket)))
}

/// Rounded to tenths, for people.
pub(super) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
