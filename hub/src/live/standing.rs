//! What the hub knows of a site besides its figures: whether it takes orders now, and whether it
//! is to sell by another menu than it does.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use sunakku_common::event::{Event, SiteSwitched};
use sunakku_common::site::OpeningHours;

use crate::menus::schedule::plan;
use crate::menus::wanted::timings_of;

/// Nobody can close a site for longer.
const LONGEST_DAYS: i32 = 14;

/// Of one site.
#[derive(Debug, Default, Clone)]
pub(super) struct Standing {
    /// The menu that it is to run by now, and its version.
    wanted: Option<(String, i64)>,
    opening_hours: OpeningHours,
    /// Until when somebody at the site has closed it.
    closed_until: Option<DateTime<Utc>>,
}

/// What a site told of its menus.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    /// Code and version of the menu that it sells by.
    pub(super) menu: Option<&'a str>,
    pub(super) version: Option<i64>,
    /// Whether that is one of the hub's, and no seed of its own.
    pub(super) is_published: bool,
    /// Of the one that it last refused.
    pub(super) refused_menu: Option<&'a str>,
    pub(super) refused_version: Option<i64>,
}

impl Standing {
    /// The version that the site is to take and has not taken yet; `None` when it refused to.
    pub(super) fn updates_to(&self, told: &Told<'_>) -> Option<i64> {
        let (menu, version) = self.wanted.as_ref()?;
        // A report from before menus had codes is taken for one of this menu.
        let is_of = |code: Option<&str>| code.is_none_or(|code| code == menu);
        let has = |code, of: Option<i64>| is_of(code) && of.is_some_and(|of| *version <= of);
        let is_there = told.is_published && has(told.menu, told.version);
        let is_refused = has(told.refused_menu, told.refused_version);
        (!is_there && !is_refused).then_some(*version)
    }

    /// Whether it takes no orders at a moment: outside its hours, or closed by somebody.
    pub(super) fn is_closed(&self, now: DateTime<Utc>, zone: Tz) -> bool {
        self.closed_until.is_some_and(|until| now < until) || !self.opening_hours.is_open(now, zone)
    }
}

/// Of every site that is not archived.
pub(super) async fn read(
    pool: &PgPool,
    now: DateTime<Utc>,
) -> Result<HashMap<String, Standing>, sqlx::Error> {
    type Row = (
        String,
        String,
        Option<String>,
        Option<Jsonb<OpeningHours>>,
        Option<String>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "select s.site_id, s.time_zone, s.menu_id, t.opening_hours, e.event
         from site s
         left join site_settings t on t.site_id = s.site_id
         left join lateral (
             select event from site_event e
             where e.site_id = s.site_id and e.kind in ('site.closed', 'site.opened')
               and e.received_at > now() - make_interval(days => $1)
             order by e.received_at desc, e.seq desc limit 1) e on true
         where s.archived_at is null",
    )
    .bind(LONGEST_DAYS)
    .fetch_all(pool)
    .await?;
    let menus: HashSet<&str> = rows.iter().filter_map(|row| row.2.as_deref()).collect();
    let menus: Vec<&str> = menus.into_iter().collect();
    let timings = timings_of(pool, &menus).await?;
    let standing = |(site, zone, menu, hours, event): Row| {
        let zone = zone.parse().unwrap_or(Tz::UTC);
        let of_menu = |menu: String| {
            let version = plan(timings.get(&menu)?, zone, now).now?;
            Some((menu, version))
        };
        let standing = Standing {
            wanted: menu.and_then(of_menu),
            opening_hours: hours.map(|Jsonb(hours)| hours).unwrap_or_default(),
            closed_until: event.as_deref().and_then(closed_until),
        };
        (site, standing)
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// Until when an event says that the site is closed. What cannot be read closes nothing.
fn closed_until(event: &str) -> Option<DateTime<Utc>> {
    let event = Event::decode(event).ok()?;
    let switched: SiteSwitched = serde_json::from_str(event.body.get()).ok()?;
    switched.until
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_run(menu: &str, version: i64) -> Standing {
        Standing {
            wanted: Some((menu.to_owned(), version)),
            ..Standing::default()
        }
    }

    fn sells_by(menu: &str, version: i64) -> Told<'_> {
        Told {
            menu: Some(menu),
            version: Some(version),
            is_published: true,
            ..Told::default()
        }
    }

    #[test]
    fn a_site_updates_until_it_has_taken_or_refused_what_it_is_to_run() {
        let lunch = to_run("lunch", 3);
        assert_eq!(lunch.updates_to(&sells_by("lunch", 2)), Some(3));
        assert_eq!(lunch.updates_to(&sells_by("winter", 9)), Some(3));
        assert_eq!(lunch.updates_to(&Told::default()), Some(3));
        let seed = Told {
            version: Some(7),
            ..Told::default()
        };
        assert_eq!(lunch.updates_to(&seed), Some(3));
        assert_eq!(lunch.updates_to(&sells_by("lunch", 3)), None);
        let refused = Told {
            refused_menu: Some("lunch"),
            refused_version: Some(3),
            ..sells_by("lunch", 2)
        };
        assert_eq!(lunch.updates_to(&refused), None);
        let nothing_wanted = Standing::default();
        assert_eq!(nothing_wanted.updates_to(&sells_by("lunch", 2)), None);
    }

    #[test]
    fn a_site_is_closed_by_its_hours_or_by_somebody_for_a_time() {
        let now = Utc::now();
        let until = |seconds| Standing {
            closed_until: Some(now + chrono::TimeDelta::seconds(seconds)),
            ..Standing::default()
        };
        assert!(until(60).is_closed(now, Tz::UTC));
        assert!(!until(-60).is_closed(now, Tz::UTC));
        let today = now.date_naive();
        let on_holiday = Standing {
            opening_hours: OpeningHours {
                exceptions: [(today, Vec::new())].into(),
                ..OpeningHours::default()
            },
            ..Standing::default()
        };
        assert!(on_holiday.is_closed(now, Tz::UTC));
    }
}
