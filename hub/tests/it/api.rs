//! The HTTP API, as a client sees it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Hub, World, order_id, placed};

#[tokio::test]
async fn only_the_right_password_signs_in() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let sign_in = async |user: &str, password: &str| {
        let body = json!({"user": user, "password": password});
        hub.send(Method::POST, "/v1/session", None, Some(body), 401)
            .await
    };
    let wrong = sign_in("ann", "wrong").await?;
    let unknown = sign_in("nobody", "wrong").await?;
    ensure!(
        wrong == unknown,
        "{wrong} tells from {unknown} who is a user"
    );

    let token = hub.token("ann").await?;
    let at_site = Some(json!({"site": "s1"}));
    let session = hub
        .send(Method::POST, "/v1/session/site", Some(&token), at_site, 200)
        .await?;
    let claims = claims(session["access_token"].as_str().context("a token")?)?;
    let expected = ("sunakku:site:s1", "sunakku:hub", "admin", "ann");
    let said = (
        &claims["aud"],
        &claims["iss"],
        &claims["role"],
        &claims["sub"],
    );
    ensure!(
        said == (
            &expected.0.into(),
            &expected.1.into(),
            &expected.2.into(),
            &expected.3.into()
        )
    );
    let site_token = session["access_token"].as_str();
    hub.send(Method::GET, "/v1/sites", site_token, None, 401)
        .await?;
    let nowhere = Some(json!({"site": "s2"}));
    hub.send(Method::POST, "/v1/session/site", Some(&token), nowhere, 404)
        .await?;

    let keys = hub
        .send(Method::GET, "/.well-known/jwks.json", None, None, 200)
        .await?;
    let key = &keys["keys"][0];
    ensure!(
        key["kty"] == "OKP" && key["crv"] == "Ed25519" && key["alg"] == "EdDSA",
        "{key}"
    );
    Ok(())
}

/// What a token says, without asking whether it is true.
fn claims(token: &str) -> Result<Value> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let part = token.split('.').nth(1).context("three parts")?;
    Ok(serde_json::from_slice(
        &BASE64_URL_SAFE_NO_PAD.decode(part)?,
    )?)
}

/// Two sites with 13 orders each; every third is cancelled, the last has two lines.
async fn with_orders() -> Result<(World, Hub)> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    for name in ["s1", "s2"] {
        let mut site = world.site(name).await?;
        for number in 1..=12 {
            let order = site.place(number, "cola", 1, 250);
            if number % 3 == 0 {
                site.step(order, number, "cancelled");
            }
        }
        let lines = [("burger", 2, 900), ("fries", 1, 300)];
        site.push("order.placed", &placed(order_id(), 13, &lines));
        site.commit(1, site.head()).await?;
    }
    Ok((world, hub))
}

fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn orders_are_found_by_each_filter() -> Result<()> {
    let (_world, hub) = with_orders().await?;
    for (query, expected) in [
        ("", 26),
        ("site=s1", 13),
        ("site=s3", 0),
        ("number=5", 2),
        ("number=5&site=s2", 1),
        ("state=cancelled", 8),
        ("state=placed&site=s1", 9),
        ("item=burger", 2),
        ("item=burg", 0),
        ("q=BURG", 2),
        ("q=13", 2),
        ("q=日fri", 2),
        ("q=%25", 0),
        ("amount=2100", 2),
        ("amount=250&site=s1", 12),
        ("amount=2101", 0),
        ("from=2020-01-01T00:00:00Z", 26),
        ("from=2120-01-01T00:00:00Z", 0),
        ("to=2020-01-01T00:00:00Z", 0),
    ] {
        let found = hub.get(&format!("/v1/orders?{query}")).await?;
        ensure!(
            items(&found).len() == expected,
            "{query}: {} found",
            items(&found).len()
        );
    }
    let token = hub.token("ann").await?;
    for bad in [
        "state=eaten",
        "number=x",
        "amount=2.50",
        "from=today",
        "after=x",
        "colour=red",
    ] {
        let path = format!("/v1/orders?{bad}");
        hub.send(Method::GET, &path, Some(&token), None, 400)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_walk_through_the_pages_meets_each_order_once_whatever_comes_meanwhile() -> Result<()> {
    let (world, hub) = with_orders().await?;
    let expected: BTreeSet<String> = items(&hub.get("/v1/orders?limit=200").await?)
        .iter()
        .map(|order| order["id"].to_string())
        .collect();
    let mut site = world.site("s1").await?.reborn();
    let (mut met, mut path) = (Vec::new(), "/v1/orders?limit=4".to_owned());
    loop {
        let page = hub.get(&path).await?;
        met.extend(items(&page).iter().map(|order| order["id"].to_string()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/orders?limit=4&after={next}");
        let seq = site.head() + 1;
        site.place(100 + seq as u32, "cola", 1, 250);
        site.commit(seq, seq).await?;
    }
    let distinct: BTreeSet<String> = met.iter().cloned().collect();
    ensure!(distinct.len() == met.len(), "an order came twice: {met:?}");
    ensure!(
        distinct == expected,
        "{} orders instead of {}",
        distinct.len(),
        expected.len()
    );
    for page in ["/v1/sites", "/v1/ledger"] {
        let first = hub.get(&format!("{page}?limit=1")).await?;
        let after = first["next"].as_str().context("more")?;
        let second = hub.get(&format!("{page}?limit=1&after={after}")).await?;
        ensure!(
            items(&second).len() == 1 && second["next"].is_null(),
            "{second}"
        );
        ensure!(items(&first) != items(&second), "{second}");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_is_told_with_its_lines_and_its_story() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let order = site.place(1, "cola", 2, 250);
    for state in ["preparing", "ready", "collected"] {
        site.step(order, 1, state);
    }
    site.place(2, "cola", 1, 250);
    site.commit(1, 5).await?;

    let found = hub.get(&format!("/v1/orders/{order}")).await?;
    ensure!(found["site"] == "s1" && found["total"] == 500 && found["currency"] == "EUR");
    ensure!(
        found["state"] == "collected" && found["collected_at"].is_string(),
        "{found}"
    );
    let line = &found["lines"][0];
    let figures = (
        &line["item"],
        &line["quantity"],
        &line["unit_price"],
        &line["total"],
    );
    ensure!(
        figures == (&json!("cola"), &json!(2), &json!(250), &json!(500)),
        "{line}"
    );
    ensure!(line["name"] == "cola", "{line}");

    let timeline = hub.get(&format!("/v1/orders/{order}/timeline")).await?;
    let story: Vec<_> = items(&timeline)
        .iter()
        .map(|row| format!("{} {} {}", row["seq"], row["side"], row["kind"]).replace('"', ""))
        .collect();
    ensure!(
        story
            == [
                "1 edge order.placed",
                "1 hub hub.committed",
                "2 edge order.preparing",
                "3 edge order.ready",
                "4 edge order.collected",
            ],
        "{story:?}"
    );
    let step = &timeline["items"][2];
    ensure!(
        step["actor"] == "kim" && step["device"] == "kds-1",
        "{step}"
    );
    ensure!(step["body"]["state"] == "preparing", "{step}");
    let token = hub.token("ann").await?;
    for missing in [order_id().to_string(), "no-id".to_owned()] {
        for path in [
            format!("/v1/orders/{missing}"),
            format!("/v1/orders/{missing}/timeline"),
        ] {
            hub.send(Method::GET, &path, Some(&token), None, 404)
                .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn names_are_answered_in_the_readers_language() -> Result<()> {
    let (_world, hub) = with_orders().await?;
    let token = hub.token("ann").await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client
        .get(hub.url("/v1/orders?item=fries&site=s1"))
        .bearer_auth(token);
    let answer = request
        .header("accept-language", "ja-JP, en;q=0.5")
        .send()
        .await?;
    ensure!(
        answer.headers()["vary"]
            .to_str()?
            .contains("accept-language")
    );
    ensure!(answer.headers().contains_key("x-request-id"));
    let found: Value = answer.json().await?;
    ensure!(
        found["items"][0]["lines"][1]["name"] == "日fries",
        "{found}"
    );
    Ok(())
}
