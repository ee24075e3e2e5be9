//! What goes down to all sites: a menu that is published, and settings that change everywhere.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use async_nats::Subscriber;
use futures::StreamExt as _;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};
use sunakku_common::subjects;
use tokio::time::{sleep, timeout};

use super::super::bench::Length;
use super::super::figure::{Figure, Target};
use super::fleet::Fleet;
use super::site::Site;
use crate::demo::plan::lunch_menu;

/// How long anything may take to be everywhere.
const LIMIT: Duration = Duration::from_secs(60);
/// What is wanted, milliseconds.
const WANTED_MS: f64 = 1_000.0;
/// The code of the menu that all sites are given.
const MENU: &str = "lunch";
/// Until the sites' server has told the hub's what it listens to.
const INTEREST: Duration = Duration::from_millis(500);

/// A menu is published to all sites.
pub(super) async fn menu(fleet: &Fleet, length: Length) -> Result<Vec<Figure>> {
    let (admin, menu) = (&fleet.admin, lunch_menu()?.menu);
    let sites = fleet.sites.len();
    let import = admin.request(reqwest::Method::POST, &format!("/v1/menus/{MENU}/import"));
    let import = import
        .header("If-Match", "*")
        .json(&json!({ "document": menu }));
    admin.send(import).await?.expect(201)?;
    for site in &fleet.sites {
        let assign = format!("/v1/menus/{MENU}/sites/{}", site.id());
        admin.put(&assign, &Value::Null).await?.expect(200)?;
    }
    let mut rounds = Vec::new();
    for n in 0..=length.rounds {
        let hearing = listen(fleet, |site| subjects::menu(site.id())).await?;
        let begin = Instant::now();
        let note = json!({ "note": format!("round {n}") });
        let publish = format!("/v1/menus/{MENU}/publish");
        let published = admin.post(&publish, None, &note).await?.expect(201)?.body;
        let is_it = |told: &Value| told["current"]["version"] == published["version"];
        let heard = everywhere(hearing, begin, is_it).await?;
        // The first one makes the keys.
        if 0 < n {
            rounds.push(round(&heard, sites));
        }
    }
    Ok(vec![figure("publish to the last site", &rounds, sites)])
}

/// Somebody's tokens are void from now on, which every site is told in its settings.
pub(super) async fn settings(fleet: &Fleet, length: Length) -> Result<Vec<Figure>> {
    let (mut rounds, sites) = (Vec::new(), fleet.sites.len());
    for n in 1..=length.rounds {
        let name = format!("leaver-{n}");
        let person = json!({ "name": name, "display_name": name, "role": "admin" });
        fleet
            .admin
            .post("/v1/users", None, &person)
            .await?
            .expect(201)?;
        let hearing = listen(fleet, |site| subjects::settings(site.id())).await?;
        let begin = Instant::now();
        let disable = format!("/v1/users/{name}/disable");
        fleet.admin.act(&disable).await?.expect(200)?;
        let is_it = |told: &Value| {
            let revoked = told["revoked"].as_array().into_iter().flatten();
            revoked.into_iter().any(|void| void["sub"] == *name)
        };
        let heard = everywhere(hearing, begin, is_it).await?;
        rounds.push(round(&heard, sites));
    }
    let name = "settings changed everywhere, to the last site";
    Ok(vec![figure(name, &rounds, sites)])
}

/// Has every site listen, and its server known to.
async fn listen(fleet: &Fleet, subject: impl Fn(&Site) -> String) -> Result<Vec<Subscriber>> {
    let hearing = fleet.sites.iter().map(|site| {
        let subject = subject(site);
        async move {
            let subscription = site.client().subscribe(subject).await?;
            // So that nothing is published before the server knows who listens.
            site.client().flush().await?;
            anyhow::Ok(subscription)
        }
    });
    let hearing = try_join_all(hearing).await?;
    // The interest goes on from the sites' server to the hub's.
    sleep(INTEREST).await;
    Ok(hearing)
}

/// When each site has heard it, since `begin`; those that had not in time are missing.
async fn everywhere(
    hearing: Vec<Subscriber>,
    begin: Instant,
    is_it: impl Fn(&Value) -> bool,
) -> Result<Vec<Duration>> {
    let heard = hearing.into_iter().map(|mut subscription| {
        let is_it = &is_it;
        let heard = async move {
            while let Some(message) = subscription.next().await {
                if is_it(&serde_json::from_slice(&message.payload)?) {
                    return Ok(begin.elapsed());
                }
            }
            Err(anyhow!("a site has lost its server"))
        };
        timeout(LIMIT, heard)
    });
    // Who had not heard it in time is no error: it is what is measured.
    join_all(heard).await.into_iter().flatten().collect()
}

/// One round: until the last site had heard it, milliseconds; and how many had not in time.
fn round(heard: &[Duration], sites: usize) -> (f64, usize) {
    let missing = sites - heard.len();
    let last = heard.iter().max().copied().filter(|_| missing == 0);
    (last.unwrap_or(LIMIT).as_secs_f64() * 1e3, missing)
}

/// The figure of all rounds.
fn figure(name: &str, rounds: &[(f64, usize)], sites: usize) -> Figure {
    let times: Vec<f64> = rounds.iter().map(|(time, _)| *time).collect();
    let missing = rounds.iter().map(|(_, missing)| *missing).max();
    let figure = Figure::new(name, "ms", &times).wanted(Target::AtMost(WANTED_MS));
    match missing.unwrap_or(0) {
        0 => figure,
        some => figure.note(format!(
            "{some} of {sites} sites had not heard it after {} s",
            LIMIT.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_hears_nothing_counts_with_the_whole_limit() {
        let ms = Duration::from_millis;
        let rounds = [round(&[ms(20), ms(10)], 2), round(&[ms(20)], 2)];
        assert_eq!(rounds, [(20.0, 0), (60_000.0, 1)]);
        let figure = figure("down", &rounds, 2);
        assert_eq!(figure.reached, Some(false));
        assert_eq!(figure.note, "1 of 2 sites had not heard it after 60 s");
    }
}
