//! `sunakku-hub doctor`: looks at what the hub stands on, changes nothing, and says what to do.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sunakku_common::claims::Role;
use sunakku_common::doctor::{Report, ask_locally};
use sunakku_common::nats::Keys;
use tokio::time::timeout;

use crate::database::{migrator, pool};
use crate::health::Health;
use crate::identity::ldap::Directory;
use crate::{Config, broker};

/// How long a server may take to answer.
const LIMIT: Duration = Duration::from_secs(3);
/// The oldest Postgres that will do, as it counts: 15.0.
const POSTGRES_OLDEST: i64 = 150_000;
/// Seconds without a heart beat after which a site is told.
const SILENT: f64 = 300.0;

/// Looks at everything.
pub async fn examine(config: &Config) -> Report {
    let mut report = Report::default();
    configuration(config, &mut report);
    match connect(config).await {
        Ok(pool) => {
            if let Err(error) = postgres(&pool, &mut report).await {
                away(&mut report, &error.to_string());
            }
            pool.close().await;
        }
        Err(error) => away(&mut report, &format!("{error:#}")),
    }
    nats(config, &mut report).await;
    directory(config, &mut report).await;
    running(config, &mut report);
    report.look_at_files(&config.watch);
    report
}

fn configuration(config: &Config, report: &mut Report) {
    report.ok("configuration", "it can be used");
    report.look_at_key(&config.identity.key_file);
    if config.users.iter().any(|user| user.role == Role::Admin) {
        report.ok("configuration", "an admin can sign in");
    } else {
        report.fault(
            "configuration",
            "no admin can sign in",
            "add [[users]] with role = \"admin\"; sunakku-hub hash-password makes the hash",
        );
    }
}

async fn connect(config: &Config) -> Result<PgPool> {
    let pool = pool(&config.postgres, 1)?;
    let probe = sqlx::query("select 1").execute(&pool);
    timeout(LIMIT, probe)
        .await
        .map_err(|_| anyhow::anyhow!("no answer within {LIMIT:?}"))??;
    Ok(pool)
}

fn away(report: &mut Report, why: &str) {
    report.fault(
        "postgres",
        format!("it cannot be used: {why}"),
        "systemctl status postgresql; postgres.url must have its address, user and password",
    );
}

async fn postgres(pool: &PgPool, report: &mut Report) -> Result<(), sqlx::Error> {
    let asked = Utc::now();
    let (version, name, encoding, now): (i64, String, String, DateTime<Utc>) = sqlx::query_as(
        "select current_setting('server_version_num')::bigint, current_setting('server_version'),
                current_setting('server_encoding'), clock_timestamp()",
    )
    .fetch_one(pool)
    .await?;
    let half = (Utc::now() - asked) / 2;
    if version < POSTGRES_OLDEST || encoding != "UTF8" {
        let what = format!("PostgreSQL {name} with encoding {encoding}");
        report.fault(
            "postgres",
            what,
            "PostgreSQL 15 or newer with UTF8 is needed",
        );
    } else {
        report.ok("postgres", format!("PostgreSQL {name} answers"));
    }
    durability(pool, report).await?;
    role(pool, report).await?;
    schema(pool, report).await?;
    let ahead = (asked + half - now).as_seconds_f64();
    report.look_at_clock(ahead, "Postgres");
    Ok(())
}

async fn durability(pool: &PgPool, report: &mut Report) -> Result<(), sqlx::Error> {
    let wrong: Vec<String> = sqlx::query_scalar(
        "select name || ' = ' || setting from pg_settings
         where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'",
    )
    .fetch_all(pool)
    .await?;
    if wrong.is_empty() {
        report.ok("postgres", "an answer means that it is on disk");
    } else {
        report.fault(
            "postgres",
            format!("it can lose what it answered: {}", wrong.join(", ")),
            "switch them on and restart it",
        );
    }
    let (used, max): (i64, i64) = sqlx::query_as(
        "select (select coalesce(sum(numbackends), 0)::bigint from pg_stat_database),
                current_setting('max_connections')::bigint",
    )
    .fetch_one(pool)
    .await?;
    let what = format!("{used} of {max} connections are in use");
    if used * 100 < max * 85 {
        report.ok("postgres", what);
    } else {
        report.warn("postgres", what, "raise max_connections of Postgres");
    }
    Ok(())
}

/// Whether the hub's role could change the schema and the audit's triggers, itself or as one that it belongs to.
async fn role(pool: &PgPool, report: &mut Report) -> Result<(), sqlx::Error> {
    let is_owner: bool = sqlx::query_scalar(
        "select exists (select from pg_tables
                        where schemaname = 'public' and pg_has_role(tableowner, 'member'))",
    )
    .fetch_one(pool)
    .await?;
    if is_owner {
        let advice = "let another role own them: postgres.owner_url, docs/install.md";
        report.warn("postgres", "the hub's role owns the tables", advice);
    } else {
        report.ok("postgres", "the hub's role owns no table");
    }
    Ok(())
}

async fn schema(pool: &PgPool, report: &mut Report) -> Result<(), sqlx::Error> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(pool)
        .await?;
    if !is_there {
        let advice = "sunakku-hub migrate; a hub whose role may makes it when it starts";
        report.warn("schema", "there is none yet", advice);
        return Ok(());
    }
    let have: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations where success")
        .fetch_all(pool)
        .await?;
    let have: BTreeSet<i64> = have.into_iter().collect();
    let migrator = migrator();
    let up = migrator
        .iter()
        .filter(|step| step.migration_type.is_up_migration());
    let wanted: BTreeSet<i64> = up.map(|step| step.version).collect();
    let missing: Vec<&i64> = wanted.difference(&have).collect();
    if missing.is_empty() {
        report.ok("schema", format!("it is up to date ({} steps)", have.len()));
        sites(pool, report).await
    } else {
        let what = format!("steps are missing: {missing:?}");
        report.warn(
            "schema",
            what,
            "sunakku-hub migrate, as the role that owns the schema",
        );
        Ok(())
    }
}

async fn sites(pool: &PgPool, report: &mut Report) -> Result<(), sqlx::Error> {
    let sites: Vec<(String, Option<f64>, bool, i64)> = sqlx::query_as(
        "select s.site_id, extract(epoch from now() - c.last_seen_at)::float8,
                coalesce(c.chain = c.chain_edge, true),
                (select count(*) from parked_event p where p.site_id = s.site_id)
         from site s left join site_cursor c on c.site_id = s.site_id and c.is_current
         where s.archived_at is null
         order by s.site_id",
    )
    .fetch_all(pool)
    .await?;
    let count = sites.len();
    let mut are_well = true;
    for (site, silence, is_equal, parked) in sites {
        if let Some(silence) = silence.filter(|silence| SILENT < *silence) {
            are_well = false;
            report.warn(
                "sites",
                format!("{site} was last heard {silence:.0} s ago"),
                "docs/runbooks/SunakkuSiteSilent.md",
            );
        }
        if !is_equal {
            are_well = false;
            report.fault(
                "sites",
                format!("the proof of {site} is broken: the chains differ"),
                "docs/runbooks/SunakkuProofBroken.md",
            );
        }
        if 0 < parked {
            are_well = false;
            report.warn(
                "sites",
                format!("{parked} events of {site} could not be projected"),
                "docs/runbooks/SunakkuParkedEvents.md",
            );
        }
    }
    if are_well {
        report.ok("sites", format!("{count} sites, nothing wrong with any"));
    }
    Ok(())
}

async fn nats(config: &Config, report: &mut Report) {
    let found = timeout(LIMIT, streams(config)).await;
    let found = found.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {LIMIT:?}")));
    match found {
        Ok(streams) => report.ok(
            "nats",
            format!("it answers, and its JetStream has {streams} streams"),
        ),
        Err(error) => report.fault(
            "nats",
            format!("it cannot be used: {error:#}"),
            "sites are not heard: systemctl status sunakku-nats; nats.url; nats.keys, and its \
             operator.conf beside nats-server's configuration",
        ),
    }
}

async fn streams(config: &Config) -> Result<usize> {
    let keys = Keys::open(&config.nats.keys)?;
    let client = broker::connect(&config.nats, &keys, &config.intake, &Health::default()).await?;
    let account = async_nats::jetstream::new(client).query_account().await?;
    Ok(account.streams)
}

async fn directory(config: &Config, report: &mut Report) {
    let Ok(Some(directory)) = Directory::new(&config.ldap) else {
        return;
    };
    if !config.ldap.bind_password_file.as_os_str().is_empty() {
        report.look_at_key(&config.ldap.bind_password_file);
    }
    if !config.ldap.is_encrypted() {
        report.warn(
            "directory",
            "passwords go there unencrypted",
            "ldap.url = \"ldaps://...\", or ldap.starttls",
        );
    }
    match directory.probe().await {
        Ok(()) => report.ok("directory", "it answers, and people can be looked up"),
        Err(error) => report.fault(
            "directory",
            format!("it cannot be asked: {error:#}"),
            "its people cannot sign in: ldap.url, ldap.ca_file, ldap.bind_dn and its password, \
             ldap.base_dn",
        ),
    }
}

/// What the hub says that runs on this machine.
fn running(config: &Config, report: &mut Report) {
    let listen = config.http.listen.to_string();
    match ask_locally(&listen, "/readyz") {
        Some((200, _)) => report.ok("hub", "it is ready"),
        Some((status, body)) => {
            let what = format!("it is not ready ({status}): {body}");
            report.fault("hub", what, "journalctl -u sunakku-hub");
        }
        None => report.warn(
            "hub",
            format!("nothing answers on {listen}"),
            "systemctl start sunakku-hub",
        ),
    }
}
