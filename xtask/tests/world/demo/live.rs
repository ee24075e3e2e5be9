//! A demo that a person, or a script, plays with.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use xtask::harness::process::is_alive;
use xtask::harness::wait_for;
use xtask::world::Client;

use super::{Demo, Files, RUN, assert_even, file_until, pid, run, text};

/// Process ids in the state file by what they belong to.
fn pids(state: &Value) -> BTreeMap<String, u32> {
    let mut pids = BTreeMap::new();
    let owners = state["sites"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&state["hub"]]);
    for owner in owners {
        let name = owner["id"].as_str().unwrap_or("hub");
        for (part, pid) in owner["pids"].as_object().unwrap() {
            let pid = u32::try_from(pid.as_u64().unwrap()).unwrap();
            pids.insert(format!("{name}.{part}"), pid);
        }
    }
    pids
}

/// What scripts rely on.
fn assert_complete(state: &Value) {
    let is_url = |value: &Value, scheme: &str| {
        let url = value.as_str().unwrap_or_default();
        assert!(
            url.starts_with(&format!("{scheme}://")),
            "{value} is no {scheme} URL"
        );
    };
    let is_text =
        |value: &Value| assert!(!value.as_str().unwrap_or_default().is_empty(), "{value}");
    let hub = &state["hub"];
    is_url(&hub["url"], "http");
    is_url(&hub["nats_url"], "nats");
    is_url(&hub["postgres_url"], "postgres");
    for name in ["user", "password", "token"] {
        is_text(&hub["admin"][name]);
    }
    let sites = state["sites"].as_array().unwrap();
    assert_eq!(
        sites.iter().map(|site| &site["id"]).collect::<Vec<_>>(),
        ["s1", "s2"]
    );
    for site in sites {
        is_url(&site["url"], "http");
        is_url(&site["nats_url"], "nats");
        is_url(&site["redis_url"], "redis");
        for name in ["kiosk", "kitchen", "manager"] {
            is_text(&site["tokens"][name]);
        }
        for name in ["kiosk", "kitchen", "pickup", "ops"] {
            is_url(&site["pages"][name], "http");
            let code = site["pages"][name].as_str().unwrap().split_once("#code=");
            assert!(code.is_some_and(|(_, code)| code.len() == 19), "{site}");
        }
        for folder in ["edge", "redis", "jetstream"] {
            let path = Path::new(site["data"].as_str().unwrap()).join(folder);
            assert!(path.is_dir(), "{}", path.display());
        }
    }
    assert!(Path::new(hub["data"].as_str().unwrap()).is_dir());
    let names: Vec<String> = pids(state).into_keys().collect();
    let expected = [
        "hub.hub",
        "hub.nats",
        "hub.postgres",
        "s1.edge",
        "s1.nats",
        "s1.redis",
        "s2.edge",
        "s2.nats",
        "s2.redis",
    ];
    assert_eq!(names, expected);
}

fn kiosk(state: &Value, n: usize) -> Client {
    let site = &state["sites"][n];
    let (url, token) = (
        site["url"].as_str().unwrap(),
        site["tokens"]["kiosk"].as_str().unwrap(),
    );
    Client::with_token(url, token).unwrap()
}

/// Orders of one line, sent until they are answered.
async fn place(kiosk: &Client, orders: usize) -> i64 {
    let order = json!({"channel": "kiosk", "lines": [{"item": "croissant", "quantity": 2}]});
    let mut total = 0;
    for _ in 0..orders {
        let key = crate::scene::new_key();
        let answer = wait_for("an answer", RUN, async || {
            let answer = kiosk
                .order(&key, &order)
                .await
                .map_err(|error| error.to_string())?;
            answer.expect(201).map_err(|error| error.to_string())
        });
        total += answer.await.unwrap().body["total"].as_i64().unwrap();
    }
    total
}

#[tokio::test]
async fn a_script_can_drive_the_demo_break_it_and_end_it() {
    sunakku_common::install_crypto();
    let files = Files::new();
    let (state_file, summary) = (files.path("state.json"), files.path("summary.json"));
    let demo = Demo::start(&[
        "--rush",
        "0",
        "--state",
        text(&state_file),
        "--summary",
        text(&summary),
    ]);
    let state = file_until(&state_file, "the state file", |state| Ok(state.clone())).await;
    assert_complete(&state);
    let before = pids(&state);
    for (name, pid) in &before {
        assert!(is_alive(*pid), "{name} ({pid}) is not alive");
    }
    let mut expected = [0; 2];
    expected[0] += place(&kiosk(&state, 0), 5).await;
    expected[1] += place(&kiosk(&state, 1), 3).await;

    let killed = Instant::now();
    kill_process(pid(before["s1.edge"]), Signal::KILL).unwrap();
    let state = file_until(&state_file, "the edge's new process", |state| {
        let now = pids(state)["s1.edge"];
        (now != before["s1.edge"])
            .then(|| state.clone())
            .ok_or_else(|| now.to_string())
    })
    .await;
    // Two seconds on a machine that has nothing else to do.
    eprintln!("started again and told after {:?}", killed.elapsed());
    assert_complete(&state);
    let now = pids(&state);
    let same = |pids: &BTreeMap<String, u32>| {
        pids.iter()
            .filter(|(name, _)| *name != "s1.edge")
            .map(|(name, pid)| (name.clone(), *pid))
            .collect::<Vec<_>>()
    };
    assert_eq!(same(&now), same(&before), "nothing else was restarted");
    assert!(is_alive(now["s1.edge"]) && !is_alive(before["s1.edge"]));
    expected[0] += place(&kiosk(&state, 0), 4).await;

    demo.signal(Signal::INT);
    let ended = demo.end().await;
    assert!(ended.status.success(), "{ended}");
    for (name, pid) in before.iter().chain(&now) {
        assert!(!is_alive(*pid), "{name} ({pid}) is left");
    }
    let data = Path::new(state["hub"]["data"].as_str().unwrap());
    assert!(!data.exists(), "its folder is left");
    let summary = files.json("summary.json");
    assert_even(&summary);
    for (n, orders) in [9, 3].into_iter().enumerate() {
        let site = &summary["sites"][n];
        // They were placed by somebody else than the demo's guests.
        let counts = json!({"sent": 0, "accepted": orders, "refused": 0, "committed": orders});
        assert_eq!(site["orders"], counts);
        assert_eq!(site["total"]["committed"], expected[n]);
    }
    assert_eq!(summary["items"], json!({"Croissant": 24}));
}

#[tokio::test]
async fn a_rush_ends_after_its_time_and_holds() {
    let files = Files::new();
    let summary = files.path("summary.json");
    run(&[
        "--rush",
        "30",
        "--for",
        "4",
        "--sites",
        "1",
        "--summary",
        text(&summary),
    ])
    .await;
    let summary = files.json("summary.json");
    assert_even(&summary);
    let orders = &summary["orders"];
    assert!(30 < orders["committed"].as_u64().unwrap(), "{summary:#}");
    assert_eq!(summary["sites"].as_array().unwrap().len(), 1);
    assert!(4.0 <= summary["seconds"].as_f64().unwrap(), "{summary:#}");
}
