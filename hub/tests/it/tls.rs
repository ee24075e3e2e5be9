//! The line to the database, encrypted and proven by a private authority.

use anyhow::{Result, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use xtask::harness::{Authority, LIMIT, Server as _, wait_for};

use crate::support::{Hub, World};

#[tokio::test]
async fn the_database_is_asked_over_tls_by_setting_and_must_prove_who_it_is() -> Result<()> {
    let mut world = World::breakable(&["s1"]).await?;
    let authority = Authority::make(world.sandbox.root().join("ca"))?;
    let stranger = Authority::make(world.sandbox.root().join("stranger"))?;
    let plain = world.postgres_url.clone();
    {
        let certificate = authority.issue("postgres", "127.0.0.1")?;
        let server = world.postgres.as_ref().expect("of its own");
        // Beside its data, where the server's user may read them.
        let data = server.data();
        let (pem, key) = (data.join("server.crt"), data.join("server.key"));
        std::fs::copy(&certificate.pem, &pem)?;
        std::fs::copy(&certificate.key, &key)?;
        let certificate = xtask::harness::Certificate { pem, key };
        certificate.give_to_owner_of(data)?;
        let mut connection = PgConnection::connect(&plain).await?;
        for statement in ["alter system set ssl = on", "select pg_reload_conf()"] {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
        }
    }
    let with = |mode: &str, root: &std::path::Path| {
        format!("{plain}?sslmode={mode}&sslrootcert={}", root.display())
    };
    let proven = with("verify-full", &authority.root());
    wait_for("a database that speaks TLS", LIMIT, async || {
        let connection = PgConnection::connect(&proven).await;
        connection.map(|_| ()).map_err(|error| error.to_string())
    })
    .await?;
    world.postgres_url = proven;
    let hub = Hub::start(&world, "proven").await?;
    let lines: Vec<bool> = sqlx::query_scalar(
        "select s.ssl from pg_stat_ssl s join pg_stat_activity a on a.pid = s.pid
         where a.application_name = 'sunakku-hub'",
    )
    .fetch_all(&world.pool().await?)
    .await?;
    ensure!(
        !lines.is_empty() && lines.iter().all(|is_tls| *is_tls),
        "{lines:?}"
    );
    drop(hub);

    world.postgres_url = with("verify-full", &stranger.root());
    let hub = Hub::start_unready(&world, "stranger").await?;
    wait_for("a hub that says why not", LIMIT, async || {
        let log = std::fs::read_to_string(hub.process.log_path());
        let log = log.map_err(|error| error.to_string())?;
        log.contains("invalid peer certificate")
            .then_some(())
            .ok_or(log)
    })
    .await?;
    let answer = reqwest::Client::builder().no_proxy().build()?;
    let answer = answer.get(hub.url("/readyz")).send().await?;
    ensure!(answer.status() == 503, "{}", answer.status());
    Ok(())
}
