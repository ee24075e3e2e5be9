//! People whom a directory knows: a real slapd, asked over LDAPS and StartTLS.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Admin, Directory, Hub, Link, PASSWORD, World, password, person};

/// Signs in; gives status and body.
async fn try_sign_in(hub: &Hub, user: &str, password: &str) -> Result<(u16, Value)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = json!({"user": user, "password": password});
    let answer = client
        .post(hub.url("/v1/session"))
        .json(&body)
        .send()
        .await?;
    let status = answer.status().as_u16();
    if status == 503 {
        ensure!(answer.headers().contains_key("retry-after"));
    }
    Ok((status, answer.json().await?))
}

/// Signs somebody of the directory in; gives both tokens.
async fn sign_in(hub: &Hub, user: &str) -> Result<(String, String)> {
    let (status, body) = try_sign_in(hub, user, &password(user)).await?;
    ensure!(status == 200, "{user}: {status} {body}");
    let token = |of: &str| body[of].as_str().map(str::to_owned).context("a token");
    Ok((token("access_token")?, token("refresh_token")?))
}

async fn refuses(hub: &Hub, user: &str, password: &str) -> Result<Value> {
    let (status, body) = try_sign_in(hub, user, password).await?;
    ensure!(status == 401, "{user}: {status} {body}");
    Ok(body)
}

async fn refresh(hub: &Hub, token: &str, expected: u16) -> Result<Value> {
    let body = Some(json!({ "refresh_token": token }));
    hub.send(Method::POST, "/v1/session/refresh", None, body, expected)
        .await
}

/// Lets time pass since the directory was asked about everybody.
async fn age(world: &World, seconds: i32) -> Result<()> {
    sqlx::query("update person set directory_seen_at = now() - make_interval(secs => $1)")
        .bind(f64::from(seconds))
        .execute(&world.pool().await?)
        .await?;
    Ok(())
}

/// A hub that asks a directory, if there is a slapd.
async fn start(world: &World, link: Link, more: &str) -> Result<Option<(Hub, Directory)>> {
    let Some(directory) = Directory::start(&world.sandbox).await? else {
        return Ok(None);
    };
    let settings = directory.settings(link, more);
    let hub = Hub::start_with(world, "hub", &settings).await?;
    Ok(Some((hub, directory)))
}

#[tokio::test]
async fn people_of_the_directory_sign_in_and_their_groups_say_what_they_may_do() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, directory)) = start(&world, Link::Ldaps, "").await? else {
        return Ok(());
    };
    let admin = Admin::of(&hub).await?;
    sign_in(&hub, "dora").await?;
    let dora = admin.get("/v1/users/dora").await?;
    ensure!(
        dora["source"] == "ldap" && dora["role"] == "admin",
        "{dora}"
    );
    ensure!(dora["display_name"] == "dora of the directory" && dora["has_password"] == false);
    let (token, _) = sign_in(&hub, "kit").await?;
    let kit = admin.get("/v1/users/kit").await?;
    ensure!(kit["role"] == "kitchen" && kit["site"] == "s1", "{kit}");
    hub.send(Method::GET, "/v1/sites", Some(&token), None, 403)
        .await?;

    // Nothing tells a wrong name from a wrong password, or from a person without a role.
    let wrong = refuses(&hub, "dora", "a wrong password").await?;
    ensure!(wrong == refuses(&hub, "nobody", "a wrong password").await?);
    ensure!(wrong == refuses(&hub, "nora", &password("nora")).await?);
    ensure!(wrong == refuses(&hub, "ann", &password("ann")).await?);
    hub.send(
        Method::GET,
        "/v1/users/nora",
        Some(&hub.token("ann").await?),
        None,
        404,
    )
    .await?;
    ensure!(admin.get("/v1/users/ann").await?["source"] == "local");

    // The directory decides, except that an admin may shut its people out.
    let change = json!({"role": "auditor"});
    admin.patch("/v1/users/dora", change, 409).await?;
    admin
        .put(
            "/v1/users/dora/password",
            json!({"password": password("x")}),
            409,
        )
        .await?;
    admin
        .post("/v1/users/kit/disable", Value::Null, 200)
        .await?;
    refuses(&hub, "kit", &password("kit")).await?;
    admin.post("/v1/users/kit/enable", Value::Null, 200).await?;
    sign_in(&hub, "kit").await?;

    let audit = admin.get("/v1/audit?object=user/dora").await?;
    let made = &audit["items"][0];
    ensure!(
        made["action"] == "user.from-directory" && made["who"] == "directory",
        "{audit}"
    );
    let metrics = hub.metrics().await?;
    ensure!(
        metrics.contains("method=\"ldap\",result=\"denied\""),
        "{metrics}"
    );
    ensure!(
        hub.metric("sunakku_dependency_up{dependency=\"ldap\"}")
            .await?
            == 1.0
    );
    let log = std::fs::read_to_string(hub.process.log_path())?;
    for secret in [&password("dora"), &password("nora"), &directory.secret] {
        ensure!(!log.contains(secret.as_str()) && !metrics.contains(secret.as_str()));
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_password_reaches_no_directory() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, directory)) = start(&world, Link::Ldaps, "").await? else {
        return Ok(());
    };
    // Positive control: a sign-in is seen there.
    sign_in(&hub, "dora").await?;
    let connections = || Ok::<_, anyhow::Error>(directory.log()?.matches("ACCEPT from").count());
    ensure!(directory.log()?.contains("BIND dn=\"uid=dora"));
    // By name, the timer's look-up aside: it is far away.
    let before = connections()?;
    for blank in ["", " ", "   \t "] {
        refuses(&hub, "dora", blank).await?;
    }
    ensure!(connections()? == before, "{}", directory.log()?);
    Ok(())
}

#[tokio::test]
async fn a_name_finds_its_literal_text_alone_and_exactly_one_entry() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, directory)) = start(&world, Link::Ldaps, "").await? else {
        return Ok(());
    };
    let elsewhere = TcpListener::bind("127.0.0.1:0").await?;
    let reference = format!(
        "ldap://{}/uid=away,dc=example,dc=com",
        elsewhere.local_addr()?
    );
    let (people, secret) = ("ou=people,dc=example,dc=com", password("double"));
    let odd = format!(
        "dn: uid=away,{people}\nobjectClass: referral\nobjectClass: extensibleObject\nuid: away\n\
         ref: {reference}\n\n\
         dn: uid=double,{people}\nobjectClass: inetOrgPerson\nuid: double\nuid: trouble\ncn: d\nsn: d\n\
         userPassword: {secret}\n"
    );
    directory.change(&odd).await?;
    let searched = directory.log()?.len();
    for name in [
        "*",
        "d*ra",
        ")(uid=*",
        "*)(uid=*",
        "*)(uid=*))(|(uid=*",
        "dora)(cn=*",
        "\\00",
        "\\2a",
        "cn=x,dc=y",
        "nul\0l",
    ] {
        refuses(&hub, name, &password("dora")).await?;
    }
    let log = directory.log()?;
    let log = &log[searched..];
    let found = log.matches("nentries=1").count() + log.matches("nentries=2").count();
    ensure!(found == 0, "{log}");
    ensure!(
        log.contains("(uid=\\2A)") && log.contains("nentries=0"),
        "{log}"
    );

    for name in ["twin", "double", "trouble", "away"] {
        refuses(&hub, name, &password(name)).await?;
    }
    refuses(&hub, "trouble", &password("double")).await?;
    // Nobody went where the referral points.
    let visit = std::pin::pin!(elsewhere.accept());
    ensure!(futures::poll!(visit).is_pending());
    let searched = directory.log()?.len();
    let (status, body) = try_sign_in(&hub, "DORA ", &password("dora")).await?;
    ensure!(status == 200, "{status} {body}");
    ensure!(directory.log()?[searched..].contains("nentries=1"));
    Ok(())
}

#[tokio::test]
async fn a_session_does_not_outlive_the_group_that_it_came_from() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, directory)) = start(&world, Link::StartTls, "").await? else {
        return Ok(());
    };
    let (token, again) = sign_in(&hub, "dora").await?;
    age(&world, 60).await?;
    let next = refresh(&hub, &again, 200).await?;
    let again = next["refresh_token"].as_str().context("a token")?;
    directory.take_out("dora", "chiefs").await?;
    age(&world, 60).await?;
    refresh(&hub, again, 401).await?;
    hub.send(Method::GET, "/v1/sites", Some(&token), None, 401)
        .await?;
    // The group that is left gives another role.
    let (token, again) = sign_in(&hub, "dora").await?;
    let post = json!({"name": "x", "display_name": "x", "role": "admin"});
    hub.send(Method::POST, "/v1/users", Some(&token), Some(post), 403)
        .await?;
    directory.delete("dora").await?;
    age(&world, 60).await?;
    refresh(&hub, &again, 401).await?;
    refuses(&hub, "dora", &password("dora")).await?;
    let admin = Admin::of(&hub).await?;
    let dora = admin.get("/v1/users/dora").await?;
    ensure!(dora["absent_since"].is_string(), "{dora}");
    let audit = admin.get("/v1/audit?object=user/dora").await?.to_string();
    ensure!(
        audit.contains("user.absent") && audit.contains("user.change"),
        "{audit}"
    );
    // Who comes back without a group is not let in, and with one is.
    directory.change(&person("dora", "people")).await?;
    directory.take_out("dora", "readers").await?;
    refuses(&hub, "dora", &password("dora")).await?;
    directory.put_in("dora", "cooks").await?;
    sign_in(&hub, "dora").await?;
    let dora = admin.get("/v1/users/dora").await?;
    ensure!(
        dora["role"] == "kitchen" && dora["absent_since"].is_null(),
        "{dora}"
    );
    Ok(())
}

#[tokio::test]
async fn who_left_the_directory_is_shut_out_by_the_clock_and_comes_back() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let more = "reread_seconds = 1\ngroup_attribute = \"\"\ngroup_base_dn = \"ou=groups,dc=example,dc=com\"";
    let Some((hub, directory)) = start(&world, Link::Ldaps, more).await? else {
        return Ok(());
    };
    let admin = Admin::of(&hub).await?;
    let (token, _) = sign_in(&hub, "kit").await?;
    admin
        .put("/v1/users/kit/pin", json!({"pin": "2580"}), 200)
        .await?;
    let told = async |what: &str, is_told: bool| {
        let client = world
            .nats
            .connect(async_nats::ConnectOptions::new())
            .await?;
        let jetstream = async_nats::jetstream::new(client);
        wait_for(what, LIMIT, async || {
            let store = jetstream.get_key_value("site").await;
            let store = store.map_err(|error| error.to_string())?;
            let value = store.get("s1").await.map_err(|error| error.to_string())?;
            let value: Value = serde_json::from_slice(&value.ok_or("nothing yet")?)
                .map_err(|error| error.to_string())?;
            let has_kit = value["staff"].to_string().contains("kit");
            (has_kit == is_told)
                .then_some(())
                .ok_or_else(|| value.to_string())
        })
        .await
    };
    told("the PIN of kit at the site", true).await?;
    directory.delete("kit").await?;
    told("no PIN of kit at the site", false).await?;
    hub.send(Method::GET, "/v1/session", Some(&token), None, 401)
        .await?;
    directory.change(&person("kit", "people")).await?;
    told("the PIN of kit again", true).await?;
    sign_in(&hub, "kit").await?;
    Ok(())
}

#[tokio::test]
async fn no_password_goes_to_a_directory_that_is_not_proven() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some(directory) = Directory::start(&world.sandbox).await? else {
        return Ok(());
    };
    for (name, link) in [("ldaps", Link::Ldaps), ("starttls", Link::StartTls)] {
        let settings = directory.settings_by_stranger(link)?;
        let hub = Hub::start_with(&world, name, &settings).await?;
        let before = directory.log()?.len();
        let (status, body) = try_sign_in(&hub, "dora", &password("dora")).await?;
        ensure!(status == 503, "{name}: {status} {body}");
        ensure!(
            body["type"] == "urn:sunakku:problem:directory-unavailable",
            "{body}"
        );
        let log = directory.log()?;
        ensure!(!log[before..].contains("BIND"), "{name}: {log}");
        hub.token("ann").await?;
    }
    // One that does not do StartTLS is not asked without.
    let plain = Directory::start_without_tls(&world.sandbox).await?;
    let plain = plain.context("slapd")?;
    let settings = plain.settings(Link::StartTls, "");
    let hub = Hub::start_with(&world, "plain", &settings).await?;
    let (status, body) = try_sign_in(&hub, "dora", &password("dora")).await?;
    ensure!(status == 503, "{status} {body}");
    let log = plain.log()?;
    ensure!(
        log.contains("EXT oid=1.3.6.1.4.1.1466.20037") && !log.contains("BIND"),
        "{log}"
    );
    Ok(())
}

#[tokio::test]
async fn without_the_directory_local_people_sign_in_and_sessions_have_a_grace() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, directory)) = start(&world, Link::Ldaps, "grace_seconds = 600").await? else {
        return Ok(());
    };
    let (_, again) = sign_in(&hub, "dora").await?;
    directory.process.kill()?;
    let (status, body) = try_sign_in(&hub, "dora", &password("dora")).await?;
    ensure!(status == 503, "{status} {body}");
    ensure!(
        body["type"] == "urn:sunakku:problem:directory-unavailable",
        "{body}"
    );
    ensure!(try_sign_in(&hub, "nobody", "a wrong password").await?.0 == 503);
    ensure!(try_sign_in(&hub, "ann", PASSWORD).await?.0 == 200);
    refuses(&hub, "ann", "a wrong password").await?;
    ensure!(
        hub.metric("sunakku_dependency_up{dependency=\"ldap\"}")
            .await?
            == 0.0
    );
    hub.wait_ready().await?;
    age(&world, 300).await?;
    let next = refresh(&hub, &again, 200).await?;
    let again = next["refresh_token"].as_str().context("a token")?;
    age(&world, 700).await?;
    refresh(&hub, again, 503).await?;

    directory.process.restart()?;
    directory.wait_ready(true).await?;
    // The token was not used up by the failure.
    refresh(&hub, again, 200).await?;
    // One that hangs costs its limit, and nothing else.
    directory.process.stop()?;
    // Its threads stand still one after the other.
    wait_for("a directory that hangs", LIMIT, async || {
        let tried = try_sign_in(&hub, "kit", &password("kit")).await;
        let (status, _) = tried.map_err(|error| format!("{error:#}"))?;
        (status == 503)
            .then_some(())
            .ok_or_else(|| status.to_string())
    })
    .await?;
    ensure!(try_sign_in(&hub, "ann", PASSWORD).await?.0 == 200);
    directory.process.cont()?;
    sign_in(&hub, "kit").await?;
    Ok(())
}

#[tokio::test]
async fn whoever_guesses_at_the_directory_waits() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((hub, _directory)) = start(&world, Link::Ldaps, "").await? else {
        return Ok(());
    };
    for name in ["dora", "nobody"] {
        for _ in 0..5 {
            refuses(&hub, name, "a wrong password").await?;
        }
        let (status, body) = try_sign_in(&hub, name, &password(name)).await?;
        ensure!(status == 429, "{name}: {status} {body}");
    }
    sign_in(&hub, "kit").await?;
    Ok(())
}

#[tokio::test]
async fn the_doctor_looks_at_the_directory() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let Some((_hub, directory)) = start(&world, Link::Ldaps, "").await? else {
        return Ok(());
    };
    let config = world.sandbox.root().join("hub/hub.toml");
    let config = config.to_string_lossy().into_owned();
    let look = async || {
        let output = Hub::run(&world, &["--config", &config, "doctor", "--json"]).await?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        Ok::<_, anyhow::Error>(report.to_string())
    };
    let report = look().await?;
    ensure!(report.contains("people can be looked up"), "{report}");
    ensure!(!report.contains(&directory.secret));
    directory.process.kill()?;
    let report = look().await?;
    ensure!(report.contains("it cannot be asked"), "{report}");
    Ok(())
}
