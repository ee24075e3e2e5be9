//! `sunakku-edge doctor`: looks at what the edge stands on, changes nothing, and says what to do.

use std::time::Duration;

use anyhow::Result;
use async_nats::{ConnectOptions, ServerAddr};
use sunakku_common::doctor::{Report, ask_locally};
use tokio::time::timeout;

use crate::config::Config;
use crate::facts::disk;
use crate::metrics::{CLOCK_SKEW, LOG_BYTES, LOG_LEFT};
use crate::store::{Look, ServerFacts, look};

/// How long a server may take to answer.
const LIMIT: Duration = Duration::from_secs(3);
/// Who has every right, unless somebody took some away.
const ALL_POWERFUL: &str = "default";
/// Of Redis' memory: more is told.
const MEMORY_HIGH_PERCENT: u64 = 85;
/// Fewer days without the hub are told.
const DAYS_LOW: f64 = 2.0;

/// Looks at everything.
pub async fn examine(config: &Config) -> Report {
    let mut report = Report::default();
    configuration(config, &mut report);
    redis(config, &mut report).await;
    nats(config, &mut report).await;
    running(config, &mut report);
    report.look_at_files(&config.watch);
    report
}

fn configuration(config: &Config, report: &mut Report) {
    report.ok(
        "configuration",
        format!("it can be used; the site is {}", config.site.id),
    );
    match config.seed() {
        Ok(Some(seed)) => {
            let items = seed.menu.items.len();
            report.ok(
                "configuration",
                format!("the seed has a menu of {items} items"),
            );
        }
        Ok(None) => report.ok("configuration", "no seed: the menu comes from the hub"),
        Err(error) => report.fault(
            "configuration",
            format!("{error:#}"),
            "correct the file, or take it away",
        ),
    }
    report.look_at_key(&config.identity.key_file);
    if config.identity.users.is_empty() && config.identity.hub_public_key.is_empty() {
        report.fault(
            "configuration",
            "nobody can sign in",
            "add [[identity.users]], or identity.hub_public_key from the hub's /.well-known/jwks.json",
        );
    }
}

async fn redis(config: &Config, report: &mut Report) {
    let found = timeout(LIMIT, look(config.redis.url.expose())).await;
    let Look {
        facts,
        unsafe_settings,
        user,
    } = match found.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {LIMIT:?}"))) {
        Ok(found) => found,
        Err(error) => {
            return report.fault(
                "redis",
                format!("it cannot be used: {error:#}"),
                "systemctl status sunakku-redis; redis.url must have its address, user and password, and the \
                 user the rights of deploy/redis/users.conf",
            );
        }
    };
    report.ok("redis", format!("{} answers", facts.version));
    match user.as_deref() {
        Some(ALL_POWERFUL) => report.warn(
            "redis",
            format!("the edge is its user {ALL_POWERFUL}, who may do everything"),
            "give the edge the user of deploy/redis/users.conf, and name it in redis.url",
        ),
        Some(user) => report.ok("redis", format!("the edge is its user {user}")),
        None => {}
    }
    match unsafe_settings {
        Some(found) => report.fault(
            "redis",
            found.to_string(),
            "use deploy/redis/redis.conf and restart it",
        ),
        None => report.ok("redis", "an answer means that the order is on disk"),
    }
    if facts.aof_write_ok {
        report.ok("redis", "its last write succeeded");
    } else {
        let advice = "the disk is full or failing: look at it before anything else";
        report.fault("redis", "its last write to disk failed", advice);
    }
    memory(config, &facts, report);
    if let Some((free, size)) = disk(&facts.folder) {
        report.look_at_disk("redis", free, size);
    }
}

fn memory(config: &Config, facts: &ServerFacts, report: &mut Report) {
    let (used, max) = (facts.memory_used, facts.memory_max);
    let Some(percent) = (used * 100).checked_div(max) else {
        let advice = "set maxmemory, as deploy/redis/redis.conf does";
        return report.warn("redis", "its memory has no limit", advice);
    };
    let what = format!("{percent} % of its memory are in use");
    if percent < MEMORY_HIGH_PERCENT {
        report.ok("redis", what);
    } else {
        report.warn(
            "redis",
            what,
            "raise maxmemory, or mend the line to the hub",
        );
    }
    let budget = config.log.budget_bytes;
    let log = exported(config, LOG_BYTES).unwrap_or(0.0) as u64;
    if has_room_for_log(used, max, log, budget) {
        report.ok("redis", "the log can use up its budget");
    } else {
        report.warn(
            "redis",
            "it would be full before the log has used up its budget, and then refuse more than orders",
            "raise maxmemory, or lower log.budget_bytes (docs/sizing.md)",
        );
    }
}

/// Whether a log that grows to its budget stays within Redis' memory; all in bytes.
fn has_room_for_log(used: u64, max: u64, log: u64, budget: u64) -> bool {
    let wanted = used.checked_add(budget.saturating_sub(log));
    wanted.is_some_and(|wanted| wanted <= max)
}

/// A figure that the edge on this machine exports.
fn exported(config: &Config, name: &str) -> Option<f64> {
    let (200, metrics) = ask_locally(&config.http.listen, "/metrics")? else {
        return None;
    };
    figure(&metrics, name)
}

fn figure(metrics: &str, name: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

async fn nats(config: &Config, report: &mut Report) {
    match timeout(LIMIT, jetstream(config)).await {
        Ok(Ok(streams)) => report.ok(
            "nats",
            format!("it answers, and its JetStream has {streams} streams"),
        ),
        Ok(Err(error)) => away(report, &format!("{error:#}")),
        Err(_) => away(report, &format!("no answer within {LIMIT:?}")),
    }
}

fn away(report: &mut Report, why: &str) {
    report.warn(
        "nats",
        format!("it cannot be used: {why}"),
        "orders are taken without it; systemctl status sunakku-nats; nats.url",
    );
}

async fn jetstream(config: &Config) -> Result<usize> {
    let address: ServerAddr = config.nats.url.expose().parse()?;
    let options = ConnectOptions::new().name("sunakku-edge doctor");
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => options.user_and_password(user.into(), password.into()),
        _ => options,
    };
    let client = options.connect(address).await?;
    let account = async_nats::jetstream::new(client).query_account().await?;
    Ok(account.streams)
}

/// What the edge says that runs on this machine.
fn running(config: &Config, report: &mut Report) {
    let listen = &config.http.listen;
    let Some((status, body)) = ask_locally(listen, "/readyz") else {
        return report.warn(
            "edge",
            format!("nothing answers on {listen}"),
            "systemctl start sunakku-edge",
        );
    };
    let ready: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    if status == 200 {
        report.ok("edge", "it takes orders");
    } else {
        let what = format!("it is not ready ({status}): {body}");
        report.fault("edge", what, "journalctl -u sunakku-edge");
    }
    if ready["hub"] == true {
        report.ok("hub", "it answers");
    } else {
        let advice = "the site goes on without it: look at the line, and `problem` of /v1/sync";
        report.warn("hub", "it does not answer", advice);
    }
    let Some((200, metrics)) = ask_locally(listen, "/metrics") else {
        return;
    };
    let value = |name| figure(&metrics, name);
    let days = value(LOG_LEFT).map(|seconds| seconds / 86_400.0);
    if let Some(days) = days.filter(|days| days.is_finite()) {
        let what = format!("the log has room for {days:.1} days without it");
        if days < DAYS_LOW {
            report.warn("hub", what, "raise log.budget_bytes, or mend the line");
        } else {
            report.ok("hub", what);
        }
    }
    if let (Some(ahead), true) = (value(CLOCK_SKEW), ready["hub"] == true) {
        report.look_at_clock(ahead, "the hub");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_to_its_budget_must_stay_within_the_memory() {
        assert!(has_room_for_log(500, 1_000, 0, 500));
        assert!(!has_room_for_log(501, 1_000, 0, 500));
        assert!(has_room_for_log(900, 1_000, 400, 500));
        assert!(has_room_for_log(900, 1_000, 600, 500));
        assert!(!has_room_for_log(1, u64::MAX, 0, u64::MAX));
    }
}
