//! Sites: made known, changed, archived; and the boxes that become one by a token.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::nats::{KeyPair, proof_text, read_claims};

use crate::support::{Admin, Hub, World, refused_as};

/// What a box with this key sends.
fn asked(token: &str, key: &KeyPair) -> Result<Value> {
    let proof = key.sign(proof_text(token).as_bytes())?;
    let proof = URL_SAFE_NO_PAD.encode(proof);
    Ok(json!({"token": token, "nkey": key.public_key(), "proof": proof}))
}

async fn enrol(hub: &Hub, token: &str, key: &KeyPair, status: u16) -> Result<Value> {
    let body = Some(asked(token, key)?);
    hub.send(Method::POST, "/v1/enrol", None, body, status)
        .await
}

async fn token(admin: &Admin<'_>, site: &str, body: Value) -> Result<String> {
    let path = format!("/v1/sites/{site}/enrolment");
    let token = admin.post(&path, body, 201).await?;
    Ok(token["token"].as_str().context("a token")?.to_owned())
}

/// The slug of a problem.
fn slug(problem: &Value) -> &str {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.rsplit(['/', ':']).next().unwrap_or_default()
}

async fn site(hub: &Hub, id: &str) -> Result<Value> {
    let sites = hub.get("/v1/sites").await?;
    let found = sites["items"].as_array().into_iter().flatten();
    let found = found.into_iter().find(|site| site["id"] == id);
    found.cloned().with_context(|| sites.to_string())
}

fn leeds() -> Value {
    json!({"id": "leeds", "name": "Leeds", "region": "north", "time_zone": "Europe/London",
           "currency": "GBP"})
}

#[tokio::test]
async fn a_site_is_made_known_and_changed_by_an_admin() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let made = admin.post("/v1/sites", leeds(), 201).await?;
    ensure!(
        made["id"] == "leeds" && made["archived_at"].is_null(),
        "{made}"
    );
    let again = admin.post("/v1/sites", leeds(), 409).await?;
    ensure!(slug(&again) == "site-exists", "{again}");
    for (odd, status) in [
        (json!({"id": "Leeds"}), 422),
        (json!({"id": "a.>"}), 422),
        (json!({"name": " "}), 422),
        (json!({"time_zone": "Europe/Leeds"}), 422),
        (json!({"currency": "pounds"}), 422),
    ] {
        let mut body = leeds();
        body["id"] = "other".into();
        for (name, value) in odd.as_object().context("an object")? {
            body[name] = value.clone();
        }
        admin
            .post("/v1/sites", body, status)
            .await
            .with_context(|| odd.to_string())?;
    }
    let changed = json!({"name": "Leeds 2", "region": null});
    let changed = admin.patch("/v1/sites/leeds", changed, 200).await?;
    ensure!(
        changed["name"] == "Leeds 2" && changed["region"].is_null(),
        "{changed}"
    );
    ensure!(changed["time_zone"] == "Europe/London", "{changed}");
    admin
        .patch("/v1/sites/leeds", json!({"currency": "EUR"}), 200)
        .await?;
    admin
        .patch("/v1/sites/nowhere", json!({"name": "x"}), 404)
        .await?;
    admin
        .patch("/v1/sites/leeds", json!({"id": "york"}), 422)
        .await?;
    // A site that sells keeps its currency.
    admin.lunch(&["s1"]).await?;
    let refused = admin
        .patch("/v1/sites/s1", json!({"currency": "GBP"}), 409)
        .await?;
    ensure!(slug(&refused) == "currency-in-use", "{refused}");
    let audit = admin.get("/v1/audit?object=site/leeds").await?;
    let actions = audit["items"].as_array().into_iter().flatten();
    let actions: Vec<&str> = actions.filter_map(|row| row["action"].as_str()).collect();
    ensure!(
        actions == ["site.change", "site.change", "site.create"],
        "{audit}"
    );
    // The program's own command is noted in the same way.
    world.add_site("york").await?;
    let audit = admin.get("/v1/audit?object=site/york").await?;
    ensure!(audit["items"][0]["who"] == "sunakku-hub", "{audit}");
    Ok(())
}

#[tokio::test]
async fn a_token_lets_one_box_in_once_and_answers_it_again() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let (mine, other) = (KeyPair::new_user(), KeyPair::new_user());
    let void = token(&admin, "s1", Value::Null).await?;
    let good = token(&admin, "s1", Value::Null).await?;
    let refused = enrol(&hub, &void, &mine, 404).await?;
    ensure!(
        slug(&refused) == "token-unknown",
        "an earlier token: {refused}"
    );
    // A key that is none, and one that the box does not hold.
    let mut odd = asked(&good, &mine)?;
    odd["nkey"] = other.public_key().into();
    hub.send(Method::POST, "/v1/enrol", None, Some(odd.clone()), 422)
        .await?;
    odd["nkey"] = "U".into();
    hub.send(Method::POST, "/v1/enrol", None, Some(odd), 422)
        .await?;

    let first = enrol(&hub, &good, &mine, 200).await?;
    let claims = read_claims(first["jwt"].as_str().context("a jwt")?).context("claims")?;
    ensure!(
        claims.name == "s1" && claims.sub == mine.public_key(),
        "{claims:?}"
    );
    ensure!(
        first["site"] == "s1" && first["currency"] == "EUR",
        "{first}"
    );
    let leaf = format!("nats://{}", world.nats.leaf_address()?);
    ensure!(first["nats_url"] == leaf, "{first}");
    // Its answer was lost.
    let again = enrol(&hub, &good, &mine, 200).await?;
    ensure!(again["expires_at"] == first["expires_at"], "{again}");
    let refused = enrol(&hub, &good, &other, 409).await?;
    ensure!(slug(&refused) == "token-used", "{refused}");

    let row = site(&hub, "s1").await?;
    ensure!(
        row["box"]["nkey"] == mine.public_key() && row["box"]["ended_at"].is_null(),
        "{row}"
    );
    let pool = world.pool().await?;
    let tokens: Vec<String> = sqlx::query_scalar("select token_hash from enrolment_token")
        .fetch_all(&pool)
        .await?;
    ensure!(!tokens.contains(&good), "the token itself is kept");
    let audit: String =
        sqlx::query_scalar("select string_agg(coalesce(after::text, ''), '') from audit")
            .fetch_one(&pool)
            .await?;
    ensure!(!audit.contains(&good), "the token is in the audit");
    sqlx::query("update enrolment_token set expires_at = now()")
        .execute(&pool)
        .await?;
    let refused = enrol(&hub, &good, &mine, 410).await?;
    ensure!(slug(&refused) == "token-expired", "{refused}");
    Ok(())
}

#[tokio::test]
async fn another_box_takes_the_place_of_the_one_before_only_when_it_is_meant_to() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let (old, new) = (KeyPair::new_user(), KeyPair::new_user());
    enrol(&hub, &token(&admin, "s1", Value::Null).await?, &old, 200).await?;
    let path = "/v1/sites/s1/enrolment";
    let refused = admin.post(path, Value::Null, 409).await?;
    ensure!(slug(&refused) == "box-exists", "{refused}");
    let replace = token(&admin, "s1", json!({"replace": true})).await?;
    // Until the new one comes, the old one goes on.
    ensure!(site(&hub, "s1").await?["box"]["nkey"] == old.public_key());
    let refused = enrol(&hub, &replace, &old, 409).await?;
    ensure!(slug(&refused) == "nkey-used", "{refused}");
    enrol(&hub, &replace, &new, 200).await?;
    ensure!(site(&hub, "s1").await?["box"]["nkey"] == new.public_key());
    let (ended, kept): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where ended_why = 'replaced'), count(*) filter (where ended_at is null)
         from site_box where site_id = 's1'",
    )
    .fetch_one(&world.pool().await?)
    .await?;
    ensure!((ended, kept) == (1, 1), "{ended} ended, {kept} kept");
    let done = admin.post("/v1/sites/s1/revoke", Value::Null, 200).await?;
    ensure!(done["revoked"] == true, "{done}");
    let done = admin.post("/v1/sites/s1/revoke", Value::Null, 200).await?;
    ensure!(done["revoked"] == false, "{done}");
    ensure!(site(&hub, "s1").await?["box"]["ended_why"] == "revoked");
    Ok(())
}

#[tokio::test]
async fn who_tries_tokens_waits_after_some() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let key = KeyPair::new_user();
    let good = token(&admin, "s1", Value::Null).await?;
    for n in 0..10 {
        enrol(&hub, &format!("guess-{n}"), &key, 404).await?;
    }
    let refused = enrol(&hub, &good, &key, 429).await?;
    ensure!(slug(&refused) == "too-many-tries", "{refused}");
    Ok(())
}

#[tokio::test]
async fn an_archived_site_gets_nothing_and_gives_nothing() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1", "s2"]).await?;
    let key = KeyPair::new_user();
    enrol(&hub, &token(&admin, "s1", Value::Null).await?, &key, 200).await?;
    let mut log = world.site("s1").await?;
    log.place(1, "cola", 1, 250);
    let archived = admin.post("/v1/sites/s1/archive", Value::Null, 200).await?;
    ensure!(archived["archived_at"].is_string(), "{archived}");
    let row = site(&hub, "s1").await?;
    ensure!(
        row["state"] == "archived" && row["box"]["ended_why"] == "archived",
        "{row}"
    );
    let refused = log.send(&log.batch(1, 1)).await?;
    ensure!(refused_as(&refused, "archived"), "{refused:?}");
    for (path, body) in [
        ("/v1/sites/s1/enrolment", Value::Null),
        (
            "/v1/sites/s1/commands",
            json!({"kind": "site.open", "args": {}}),
        ),
    ] {
        let refused = admin.post(path, body, 409).await?;
        ensure!(slug(&refused) == "site-archived", "{refused}");
    }
    admin.publish().await?;
    let rollout = admin.get("/v1/menus/lunch/rollout").await?;
    ensure!(
        rollout["items"].as_array().map(Vec::len) == Some(1),
        "{rollout}"
    );
    let back = admin
        .post("/v1/sites/s1/unarchive", Value::Null, 200)
        .await?;
    ensure!(back["archived_at"].is_null(), "{back}");
    // Its box does not come back with it.
    let refused = log.send(&log.batch(1, 1)).await?;
    ensure!(refused_as(&refused, "revoked"), "{refused:?}");
    enrol(
        &hub,
        &token(&admin, "s1", Value::Null).await?,
        &KeyPair::new_user(),
        200,
    )
    .await?;
    ensure!(site(&hub, "s1").await?["state"] != "archived");
    Ok(())
}
