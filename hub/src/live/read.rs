//! The queries behind the live board, over what the projection keeps.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;
use sunakku_common::local_time::{day, hour, local, midnight, moment};

use super::board::{Before, Known, Signs, SiteNow, half, tenths};
use super::standing::{self, Standing, Told};
use crate::sites::SILENT_AFTER_SECONDS;

/// Five-minute pieces of the last hour.
const PIECES: usize = 12;

/// What moves slowly: the week before, preparation times, what is refused, parked and wanted.
#[derive(Debug, Default)]
pub(super) struct Slow(HashMap<String, SlowSite>);

#[derive(Debug, Default, Clone)]
struct SlowSite {
    before: Before,
    times: Vec<(i32, i64)>,
    times_before: Vec<(i32, i64)>,
    refused: Option<(i64, String)>,
    parked: i64,
    standing: Standing,
}

/// Sites with moments of their own clocks, as parameters of a query.
#[derive(Default)]
struct Moments {
    sites: Vec<String>,
    from: Vec<DateTime<Utc>>,
    hour: Vec<DateTime<Utc>>,
    to: Vec<DateTime<Utc>>,
}

/// The sites that are not archived, with their zones, and the database's time.
async fn zones(pool: &PgPool) -> Result<(DateTime<Utc>, Vec<(String, Tz)>), sqlx::Error> {
    let rows: Vec<(DateTime<Utc>, String, String)> = sqlx::query_as(
        "select now(), site_id, time_zone from site where archived_at is null order by site_id",
    )
    .fetch_all(pool)
    .await?;
    let now = rows.first().map_or_else(Utc::now, |(now, ..)| *now);
    // Checked when the site was added, and counted by the projection in the same way.
    let zone = |(_, site, zone): (_, String, String)| (site, zone.parse().unwrap_or(Tz::UTC));
    Ok((now, rows.into_iter().map(zone).collect()))
}

impl Slow {
    pub(super) async fn read(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let (now, zones) = zones(pool).await?;
        let mut slow = Self::default();
        let (mut past, mut recent) = (Moments::default(), Moments::default());
        for (site, zone) in &zones {
            let week_ago = moment(local(now, *zone) - TimeDelta::days(7), *zone);
            past.sites.push(site.clone());
            past.from.push(midnight(day(week_ago, *zone), *zone));
            past.hour.push(hour(week_ago, *zone));
            past.to.push(week_ago);
            recent.sites.push(site.clone());
            recent.from.push(hour(now, *zone) - TimeDelta::hours(1));
            recent
                .hour
                .push(hour(week_ago, *zone) - TimeDelta::hours(1));
            recent.to.push(hour(week_ago, *zone) + TimeDelta::hours(1));
        }
        slow.read_before(pool, &past).await?;
        slow.read_times(pool, &recent).await?;
        slow.read_troubles(pool).await?;
        for (site, standing) in standing::read(pool, now).await? {
            slow.of(site).standing = standing;
        }
        Ok(slow)
    }

    fn of(&mut self, site: String) -> &mut SlowSite {
        self.0.entry(site).or_default()
    }

    /// Whole hours from their sums, and the hour that is not over from its orders.
    async fn read_before(&mut self, pool: &PgPool, past: &Moments) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "with w as (select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[],
                                             $4::timestamptz[]) as w (site_id, lo, hour, hi))
             select w.site_id, h.orders + o.orders, h.revenue + o.revenue
             from w,
                  lateral (select coalesce(sum(orders), 0)::bigint as orders,
                                  coalesce(sum(revenue), 0)::bigint as revenue
                           from hourly_orders h
                           where h.site_id = w.site_id and h.hour >= w.lo and h.hour < w.hour) h,
                  lateral (select count(*) as orders, coalesce(sum(total), 0)::bigint as revenue
                           from site_order o
                           where o.site_id = w.site_id and o.placed_at >= w.hour
                             and o.placed_at < w.hi
                             and o.state not in ('cancelled', 'rejected')) o",
        )
        .bind(&past.sites)
        .bind(&past.from)
        .bind(&past.hour)
        .bind(&past.to)
        .fetch_all(pool)
        .await?;
        for (site, orders, revenue) in rows {
            self.of(site).before = Before { orders, revenue };
        }
        Ok(())
    }

    async fn read_times(&mut self, pool: &PgPool, recent: &Moments) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, bool, i32, i64)> = sqlx::query_as(
            "with w as (select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[],
                                             $4::timestamptz[]) as w (site_id, recent, lo, hi))
             select w.site_id, d.is_recent, d.bucket, sum(d.count)::bigint
             from w cross join lateral (
                 select true as is_recent, r.bucket, r.count from hourly_duration r
                 where r.site_id = w.site_id and r.measure = 'preparation' and r.hour >= w.recent
                 union all
                 select false, b.bucket, b.count from hourly_duration b
                 where b.site_id = w.site_id and b.measure = 'preparation'
                   and b.hour >= w.lo and b.hour < w.hi) d
             group by 1, 2, 3 order by 1, 2, 3",
        )
        .bind(&recent.sites)
        .bind(&recent.from)
        .bind(&recent.hour)
        .bind(&recent.to)
        .fetch_all(pool)
        .await?;
        for (site, is_recent, bucket, count) in rows {
            let site = self.of(site);
            let times = match is_recent {
                true => &mut site.times,
                false => &mut site.times_before,
            };
            times.push((bucket, count));
        }
        Ok(())
    }

    async fn read_troubles(&mut self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let parked: Vec<(String, i64)> =
            sqlx::query_as("select site_id, count(*) from parked_event group by 1")
                .fetch_all(pool)
                .await?;
        for (site, count) in parked {
            self.of(site).parked = count;
        }
        let refused: Vec<(String, i64, String)> = sqlx::query_as(
            "select site_id, refused_version, coalesce(refused_reason, '') from site_menu
             where refused_version is not null
               and (version is null or refused_version > version
                    or menu_id is distinct from refused_menu_id)",
        )
        .fetch_all(pool)
        .await?;
        for (site, version, why) in refused {
            self.of(site).refused = Some((version, why));
        }
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    now: DateTime<Utc>,
    site_id: String,
    name: String,
    region: Option<String>,
    time_zone: String,
    currency: String,
    last_seen_at: Option<DateTime<Utc>>,
    is_heard: bool,
    lag_events: i64,
    is_same: bool,
    is_revoked: bool,
    conflict_since: Option<DateTime<Utc>>,
    menu_id: Option<String>,
    menu_version: Option<i64>,
    is_published: bool,
    refused_menu_id: Option<String>,
    refused_version: Option<i64>,
    open_orders: i64,
    late_orders: i64,
    sold_out: i64,
}

/// All sites that are not archived, and when this was so.
pub(super) async fn sites(
    pool: &PgPool,
    slow: &Slow,
) -> Result<(DateTime<Utc>, Vec<Known>), sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select now() as now, s.site_id, s.name, s.region, s.time_zone, s.currency, c.last_seen_at,
                coalesce(now() - c.last_seen_at <= make_interval(secs => $1), false) as is_heard,
                greatest(coalesce(c.head - c.cursor, 0), 0) as lag_events,
                coalesce(c.chain = c.chain_edge, true) as is_same,
                coalesce((select b.ended_at is not null from site_box b where b.site_id = s.site_id
                          order by b.ended_at is null desc, b.enrolled_at desc limit 1), false)
                    as is_revoked,
                (select min(i.first_seen_at) from site_instance i
                 where i.site_id = s.site_id and i.state = 'refused'
                   and now() - i.last_seen_at < interval '5 minutes') as conflict_since,
                m.menu_id, m.version as menu_version,
                m.hash is not null as is_published, m.refused_menu_id, m.refused_version,
                coalesce(o.open_orders, 0) as open_orders,
                coalesce(o.late_orders, 0) as late_orders, coalesce(x.sold_out, 0) as sold_out
         from site s
         left join site_cursor c on c.site_id = s.site_id and c.is_current
         left join site_menu m on m.site_id = s.site_id
         left join (select site_id, count(*) as open_orders,
                           count(*) filter (where state <> 'ready'
                               and ready_estimate_at < now() - interval '2 minutes') as late_orders
                    from site_order where state in ('placed', 'preparing', 'ready')
                    group by site_id) o on o.site_id = s.site_id
         left join (select site_id, count(distinct sku) as sold_out from sold_out
                    where until is null group by site_id) x on x.site_id = s.site_id
         where s.archived_at is null
         order by s.site_id",
    )
    .bind(SILENT_AFTER_SECONDS)
    .fetch_all(pool)
    .await?;
    let now = rows.first().map_or_else(Utc::now, |row| row.now);
    let mut rates = rates(pool, &rows).await?;
    let mut today = today(pool, &rows).await?;
    let known = |row: Row| {
        let figures = slow.0.get(&row.site_id).cloned().unwrap_or_default();
        let (orders, revenue) = today.remove(&row.site_id).unwrap_or_default();
        let pieces = rates
            .remove(&row.site_id)
            .unwrap_or_else(|| vec![0; PIECES]);
        row.known(figures, (orders, revenue), pieces)
    };
    Ok((now, rows.into_iter().map(known).collect()))
}

impl Row {
    /// Until when anything is known of the site.
    fn known_until(&self) -> DateTime<Utc> {
        match self.last_seen_at {
            Some(seen) if !self.is_heard => seen,
            _ => self.now,
        }
    }

    fn zone(&self) -> Tz {
        self.time_zone.parse().unwrap_or(Tz::UTC)
    }

    fn known(self, slow: SlowSite, (orders, revenue): (i64, i64), last_hour: Vec<i64>) -> Known {
        let menu_wanted = slow.standing.updates_to(&Told {
            menu: self.menu_id.as_deref(),
            version: self.menu_version,
            is_published: self.is_published,
            refused_menu: self.refused_menu_id.as_deref(),
            refused_version: self.refused_version,
        });
        let signs = Signs {
            is_conflicting: self.conflict_since.is_some(),
            is_revoked: self.is_revoked,
            was_heard: self.last_seen_at.is_some(),
            is_heard: self.is_heard,
            is_same: self.is_same,
            lag_events: self.lag_events,
            late_orders: self.late_orders,
            is_updating: menu_wanted.is_some(),
            is_closed: slow.standing.is_closed(self.now, self.zone()),
        };
        let is_stale = !self.is_heard;
        Known {
            since: self
                .conflict_since
                .or(self.last_seen_at.filter(|_| is_stale)),
            before: slow.before,
            refused: slow.refused,
            parked: slow.parked,
            now: SiteNow {
                state: signs.state(),
                is_stale,
                last_seen: self.last_seen_at,
                lag_events: self.lag_events,
                orders_per_minute: tenths(last_hour.last().copied().unwrap_or(0) as f64 / 5.0),
                last_hour,
                open_orders: self.open_orders,
                late_orders: self.late_orders,
                orders_today: orders,
                revenue_today: revenue,
                preparation_p50_seconds: half(slow.times.iter()),
                sold_out: self.sold_out,
                menu_version: self.menu_version,
                menu_wanted,
                site: self.site_id,
                name: self.name,
                region: self.region,
                time_zone: self.time_zone,
                currency: self.currency,
            },
            times: slow.times,
            times_before: slow.times_before,
        }
    }
}

/// Orders in each five minutes of the last hour in which anything is known, the oldest first.
async fn rates(pool: &PgPool, rows: &[Row]) -> Result<HashMap<String, Vec<i64>>, sqlx::Error> {
    let ids: Vec<&str> = rows.iter().map(|row| &*row.site_id).collect();
    let until: Vec<DateTime<Utc>> = rows.iter().map(Row::known_until).collect();
    let counts: Vec<(String, i32, i64)> = sqlx::query_as(
        "select w.site_id,
                least(floor(extract(epoch from w.until - o.placed_at) / 300), 11)::int, count(*)
         from unnest($1::text[], $2::timestamptz[]) as w (site_id, until)
         join site_order o
           on o.site_id = w.site_id and o.placed_at > w.until - interval '1 hour'
          and o.placed_at <= w.until
         group by 1, 2",
    )
    .bind(ids)
    .bind(until)
    .fetch_all(pool)
    .await?;
    let mut rates: HashMap<String, Vec<i64>> = HashMap::new();
    for (site, back, count) in counts {
        let pieces = rates.entry(site).or_insert_with(|| vec![0; PIECES]);
        let at = PIECES - 1 - usize::try_from(back.max(0)).unwrap_or(0).min(PIECES - 1);
        pieces[at] += count;
    }
    Ok(rates)
}

/// Orders and their totals of each site's own day.
async fn today(pool: &PgPool, rows: &[Row]) -> Result<HashMap<String, (i64, i64)>, sqlx::Error> {
    let ids: Vec<&str> = rows.iter().map(|row| &*row.site_id).collect();
    let begin = |row: &Row| midnight(day(row.now, row.zone()), row.zone());
    let from: Vec<DateTime<Utc>> = rows.iter().map(begin).collect();
    let sums: Vec<(String, i64, i64)> = sqlx::query_as(
        "select h.site_id, sum(h.orders)::bigint, sum(h.revenue)::bigint
         from unnest($1::text[], $2::timestamptz[]) as w (site_id, lo)
         join hourly_orders h on h.site_id = w.site_id and h.hour >= w.lo
         group by 1",
    )
    .bind(ids)
    .bind(from)
    .fetch_all(pool)
    .await?;
    let of = |(site, orders, revenue)| (site, (orders, revenue));
    Ok(sums.into_iter().map(of).collect())
}
