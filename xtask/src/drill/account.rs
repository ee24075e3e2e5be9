//! The full account: everything that guests and admins were told, and everything that sites did, held against
//! what stands at the sites and in the hub's Postgres.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use sqlx::PgPool;
use sunakku_common::menu::Menu;
use uuid::Uuid;

use super::admins::Known;
use super::effects::{CALLED_FOR, Effects};
use super::{books, quiet};
use crate::demo::audit::{self, Summary};
use crate::demo::guests::Outcome;
use crate::demo::tokens::Tokens;
use crate::harness::wait_for;
use crate::world::World;

/// How long everything may take to be everywhere once nothing is broken any more.
const CATCH_UP: Duration = Duration::from_secs(180);

/// What was found.
pub(super) struct Account {
    /// What does not hold, in words.
    pub(super) broken: Vec<String>,
    /// The reconciliation of orders.
    pub(super) summary: Summary,
    /// Calls of webhooks that came more than once, under the id of the first.
    pub(super) called_again: usize,
    /// Tickets on paper, and those of them that said `COPY`.
    pub(super) printed: (usize, usize),
}

/// Waits until nothing more is to come and holds everything against everything.
pub(super) async fn take(
    world: &World,
    tokens: &Tokens,
    menu: &Menu,
    told: &[Outcome],
    deeds: &Known,
    effects: &[Effects],
    postgres: &PgPool,
) -> Result<Account> {
    let mut broken = Vec::new();
    // What never comes to rest is told with the rest.
    if let Err(error) = quiet::settled(world, tokens, postgres, CATCH_UP).await {
        broken.push(error.to_string());
    }
    if let Err(error) = arrived(tokens, deeds).await {
        broken.push(error.to_string());
    }
    if let Err(error) = quiet::settled(world, tokens, postgres, CATCH_UP).await {
        broken.push(error.to_string());
    }
    let summary = audit::audit(world, tokens, menu, told, postgres).await?;
    if !summary.holds() {
        broken.push(format!(
            "orders do not add up: {}",
            serde_json::to_string(&summary)?
        ));
    }
    broken.extend(told_once(world, told, postgres).await?);
    broken.extend(books::broken(postgres).await?);
    broken.extend(stock(world, tokens, postgres).await?);
    broken.extend(applied_once(deeds, postgres).await?);
    if deeds.unanswered > 0 {
        broken.push(format!(
            "{} acts of admins without an answer",
            deeds.unanswered
        ));
    }
    let (mut called_again, mut printed) = (0, (0, 0));
    for (site, effects) in world.sites.iter().zip(effects) {
        match called(&site.id, effects, postgres).await {
            Ok(again) => called_again += again,
            Err(error) => broken.push(error.to_string()),
        }
        broken.extend(on_paper(&site.id, effects, postgres).await?);
        let sheets = effects.sheets();
        printed.0 += sheets.len();
        printed.1 += sheets.iter().filter(|sheet| is_copy(sheet)).count();
    }
    Ok(Account {
        broken,
        summary,
        called_again,
        printed,
    })
}

/// Waits until every command was applied and every site sells by the newest menu.
async fn arrived(tokens: &Tokens, deeds: &Known) -> Result<()> {
    wait_for(
        "commands and menus to be where they belong",
        CATCH_UP,
        async || {
            let all = tokens.admin.all::<Value>("/v1/commands").await;
            let all = all.map_err(|error| error.to_string())?;
            let states: HashMap<&str, &Value> = all
                .iter()
                .filter_map(|command| Some((command["id"].as_str()?, &command["state"])))
                .collect();
            for command in &deeds.commands {
                match states.get(command.id.as_str()) {
                    Some(state) if **state == "applied" => {}
                    state => return Err(format!("{command:?}: {state:?}")),
                }
            }
            for site in &tokens.sites {
                let menu = site.kiosk.get("/v1/menu").await;
                let version = menu.map_err(|error| error.to_string())?.body["version"].as_i64();
                if version < Some(deeds.version) {
                    return Err(format!(
                        "a site sells by version {version:?} of {}",
                        deeds.version
                    ));
                }
            }
            Ok(())
        },
    )
    .await
}

/// Whoever was told 201 stands in Postgres once, with the same number and total; who was refused does not.
pub async fn told_once(world: &World, told: &[Outcome], postgres: &PgPool) -> Result<Vec<String>> {
    type Row = (String, String, Uuid, i32, i64);
    let rows: Vec<Row> =
        sqlx::query_as("select site_id, idempotency_key, order_id, number, total from site_order")
            .fetch_all(postgres)
            .await?;
    let mut held: HashMap<(&str, &str), Vec<_>> = HashMap::new();
    for (site, key, order, number, total) in &rows {
        let orders = held.entry((site, key)).or_default();
        orders.push((*order, u64::try_from(*number).unwrap_or_default(), *total));
    }
    let contradicted = told.iter().filter_map(|outcome| {
        let key = (world.sites[outcome.site].id.as_str(), outcome.key.as_str());
        let held = held.get(&key).map(Vec::as_slice).unwrap_or_default();
        let expected: Vec<_> = outcome
            .answer
            .iter()
            .map(|accepted| (accepted.order, accepted.number, accepted.total))
            .collect();
        (held != expected).then(|| format!("a guest was told {outcome:?}; the hub has {held:?}"))
    });
    Ok(contradicted.collect())
}

/// What is at hand of each SKU is the same at the hub and at the site.
pub async fn stock(world: &World, tokens: &Tokens, postgres: &PgPool) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (site, tokens) in world.sites.iter().zip(&tokens.sites) {
        let held: Vec<(String, i64)> = sqlx::query_as(
            "select sku, on_hand from stock where site_id = $1 and on_hand is not null",
        )
        .bind(&site.id)
        .fetch_all(postgres)
        .await?;
        let mut held: HashMap<String, i64> = held.into_iter().collect();
        for row in tokens.manager.all::<Value>("/v1/stock").await? {
            // What was never counted has no row at the hub.
            let (Some(sku), Some(on_hand)) = (row["sku"].as_str(), row["on_hand"].as_i64()) else {
                continue;
            };
            let there = held.remove(sku);
            if there != Some(on_hand) {
                broken.push(format!(
                    "{}: {on_hand} of {sku}, at the hub {there:?}",
                    site.id
                ));
            }
        }
        let strangers = held.into_iter();
        broken.extend(strangers.map(|(sku, on_hand)| {
            format!("{}: {on_hand} of {sku} at the hub, none counted", site.id)
        }));
    }
    Ok(broken)
}

/// The stock that every command asked for moved once.
async fn applied_once(deeds: &Known, postgres: &PgPool) -> Result<Vec<String>> {
    let rows: Vec<(Option<String>, i64)> = sqlx::query_as(
        "select event::jsonb #>> '{body,reason}', count(*) from site_event
         where kind = 'stock.adjusted' group by 1",
    )
    .fetch_all(postgres)
    .await?;
    let times: HashMap<String, i64> = rows
        .into_iter()
        .filter_map(|(reason, times)| Some((reason?, times)))
        .collect();
    let wrong = deeds.commands.iter().filter_map(|command| {
        let times = times.get(&command.reason).copied().unwrap_or(0);
        (times != 1).then(|| format!("{command:?} took effect {times} times"))
    });
    Ok(wrong.collect())
}

/// The receiver was called for each event at least once, always with the same words under one id. Answers how
/// many calls came again.
async fn called(site: &str, effects: &Effects, postgres: &PgPool) -> Result<usize> {
    let kinds = CALLED_FOR.map(str::to_owned).to_vec();
    let events: i64 =
        sqlx::query_scalar("select count(*) from site_event where site_id = $1 and kind = any($2)")
            .bind(site)
            .bind(kinds)
            .fetch_one(postgres)
            .await?;
    let calls = wait_for(
        "the receiver to be called for every event",
        CATCH_UP,
        async || {
            let calls = effects.calls();
            if i64::try_from(calls.len()) == Ok(events) {
                Ok(calls)
            } else {
                Err(format!("{site}: {} ids for {events} events", calls.len()))
            }
        },
    )
    .await?;
    for (id, bodies) in &calls {
        anyhow::ensure!(
            bodies.iter().all(|body| *body == bodies[0]),
            "{site}: call {id} came with different words: {bodies:?}"
        );
    }
    Ok(calls.values().map(|bodies| bodies.len() - 1).sum())
}

/// No ticket is on paper twice without saying so, and none that never was.
async fn on_paper(site: &str, effects: &Effects, postgres: &PgPool) -> Result<Vec<String>> {
    let tickets: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(
        "select event::jsonb #>> '{body,number}', event::jsonb #>> '{body,details,station}', count(*)
         from site_event where site_id = $1 and kind = 'ticket.created' group by 1, 2",
    )
    .bind(site)
    .fetch_all(postgres)
    .await?;
    let sheets = effects.sheets();
    let mut originals: HashMap<String, i64> = HashMap::new();
    for sheet in sheets.iter().filter(|sheet| !is_copy(sheet)) {
        *originals.entry(headline(sheet)).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for (number, station, count) in tickets {
        let (Some(number), Some(station)) = (number, station) else {
            wrong.push(format!("{site}: a ticket without number or station"));
            continue;
        };
        let printed = originals
            .remove(&format!("{number} {station}"))
            .unwrap_or(0);
        if printed > count {
            wrong.push(format!(
                "{site}: ticket {number} of {station} was printed {printed} times and does not say COPY"
            ));
        }
    }
    wrong.extend(
        originals
            .into_keys()
            .map(|ticket| format!("{site}: printed and never made: {ticket}")),
    );
    Ok(wrong)
}

fn is_copy(sheet: &str) -> bool {
    sheet.contains("*** COPY ***")
}

/// The line with pickup number and station, `12 grill`, without the printer's commands before it.
fn headline(sheet: &str) -> String {
    let mut texts = sheet
        .lines()
        .filter_map(|line| line.rsplit(char::is_control).next());
    let is_headline = |text: &&str| {
        let number = text.split(' ').next().unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    };
    texts
        .find(is_headline)
        .unwrap_or(sheet)
        .trim_end()
        .to_owned()
}
