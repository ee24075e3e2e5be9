//! What an operator is to see of the sites, of Postgres and of JetStream, read by timer. Each
//! replica hears only some batches: what is to be seen of a site is read from the database.

use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::connection::State;
use metrics::{counter, gauge};
use sqlx::PgConnection;
use sunakku_common::telemetry::note_answer;
use tokio::time::timeout;

use crate::metrics as names;

/// How long nats-server's answer may take.
const NATS_LIMIT: Duration = Duration::from_secs(2);

#[derive(sqlx::FromRow)]
struct SiteFacts {
    site_id: String,
    last_seen: f64,
    pending: i64,
    chain_equal: bool,
    forks: i64,
    parked: i64,
    menu_version: i64,
}

/// The figures of every site. One that is archived counts as never heard: it is not missed.
pub(crate) async fn sites(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sites: Vec<SiteFacts> = sqlx::query_as(
        "select s.site_id,
                case when s.archived_at is null
                     then coalesce(extract(epoch from c.last_seen_at), 0)::float8
                     else 0 end as last_seen,
                coalesce(greatest(c.head - c.cursor, 0), 0) as pending,
                coalesce(c.chain = c.chain_edge, true) as chain_equal,
                coalesce((select sum(a.forks)::bigint from site_cursor a
                          where a.site_id = s.site_id), 0) as forks,
                (select count(*) from parked_event p where p.site_id = s.site_id) as parked,
                coalesce(m.version, 0) as menu_version
         from site s
         left join site_cursor c on c.site_id = s.site_id and c.is_current
         left join site_menu m on m.site_id = s.site_id",
    )
    .fetch_all(connection)
    .await?;
    for facts in sites {
        let site = facts.site_id;
        names::describe_site(&site);
        let set = |name: &'static str, value: f64| {
            gauge!(name, "site" => site.clone()).set(value);
        };
        set(names::SITE_LAST_SEEN, facts.last_seen);
        set(names::SITE_PENDING, facts.pending as f64);
        set(
            names::SITE_CHAIN_EQUAL,
            f64::from(u8::from(facts.chain_equal)),
        );
        set(names::SITE_PARKED, facts.parked as f64);
        set(names::SITE_MENU_VERSION, facts.menu_version as f64);
        let forks = u64::try_from(facts.forks).unwrap_or(0);
        counter!(names::SITE_FORKS, "site" => site.clone()).absolute(forks);
    }
    Ok(())
}

/// The last published version of every menu.
pub(crate) async fn menus(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let menus: Vec<(String, i64, f64)> = sqlx::query_as(
        "select distinct on (menu_id) menu_id, version,
                extract(epoch from published_at)::float8
         from menu_version order by menu_id, version desc",
    )
    .fetch_all(connection)
    .await?;
    for (menu, version, at) in menus {
        gauge!(names::MENU_PUBLISHED_VERSION, "menu" => menu.clone()).set(version as f64);
        gauge!(names::MENU_PUBLISHED_AT, "menu" => menu).set(at);
    }
    Ok(())
}

/// What Postgres tells of itself.
pub(crate) async fn postgres(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let started = Instant::now();
    let (safe, connections, max, bytes): (bool, i64, i64, i64) = sqlx::query_as(
        "select current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on'
                and current_setting('synchronous_commit') <> 'off',
                (select coalesce(sum(numbackends), 0)::bigint from pg_stat_database),
                current_setting('max_connections')::bigint,
                pg_database_size(current_database())",
    )
    .fetch_one(connection)
    .await?;
    note_answer("postgres", "facts", started.elapsed());
    gauge!(names::DURABILITY_OK, "store" => "postgres").set(f64::from(u8::from(safe)));
    gauge!(names::POSTGRES_CONNECTIONS).set(connections as f64);
    gauge!(names::POSTGRES_CONNECTIONS_MAX).set(max as f64);
    gauge!(names::POSTGRES_SIZE).set(bytes as f64);
    Ok(())
}

/// What JetStream stores at the hub; nothing is noted while nats-server is away.
pub(crate) async fn nats(client: &Client) {
    if client.connection_state() != State::Connected {
        return;
    }
    let started = Instant::now();
    let jetstream = async_nats::jetstream::new(client.clone());
    if let Ok(Ok(account)) = timeout(NATS_LIMIT, jetstream.query_account()).await {
        note_answer("nats", "account", started.elapsed());
        gauge!(names::NATS_STORED).set(account.storage as f64);
    }
}
