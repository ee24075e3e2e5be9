//! A real Prometheus that scrapes a world, with the shipped rules made quick.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use xtask::harness::ports::Port;
use xtask::harness::{LIMIT, Process, Spec, wait_for, workspace_root};

use crate::scene::Scene;

/// What is looked back for in place of minutes and hours.
const WINDOW: &str = "[15s]";

/// Thresholds that mean another thing when seconds are looked at: a heart beat that is missed, how long an event
/// or an order waits, how many events a site is behind, and how many rounds or sign-ins fail within minutes.
const THRESHOLDS: [(&str, &str); 6] = [
    (":max > 0) > 300", ":max > 0) > 20"),
    (
        "pending_timestamp_seconds > 0) > 600",
        "pending_timestamp_seconds > 0) > 3",
    ),
    (
        "due_timestamp_seconds > 0) > 60",
        "due_timestamp_seconds > 0) > 5",
    ),
    ("pending_events:max > 5000", "pending_events:max > 100"),
    ("failures_total[15s]) > 5", "failures_total[15s]) > 1"),
    ("result!=\"ok\"}[15s])) > 50", "result!=\"ok\"}[15s])) > 5"),
];

/// A running Prometheus.
pub(super) struct Prometheus {
    _process: Process,
    port: Port,
    http: reqwest::Client,
}

/// A program of `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

impl Prometheus {
    /// Starts it on the hub and all sites of the scene.
    pub(super) async fn start(scene: &Scene, program: PathBuf) -> Self {
        let folder = scene.world.sandbox.folder("prometheus").unwrap();
        let shipped = workspace_root().join("grafana/prometheus/rules");
        for rules in ["alerts.yml", "recording.yml"] {
            let text = std::fs::read_to_string(shipped.join(rules)).unwrap();
            std::fs::write(folder.join(rules), quick(&text)).unwrap();
        }
        let alerts = std::fs::read_to_string(folder.join("alerts.yml")).unwrap();
        for (shipped, here) in THRESHOLDS {
            assert!(alerts.contains(here), "{shipped} stands elsewhere");
        }
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, scrapes(scene)).unwrap();
        let port = Port::take().unwrap();
        let spec = Spec::new("prometheus", program)
            .args([format!("--config.file={}", config.display())])
            .args([format!("--storage.tsdb.path={}/data", folder.display())])
            .args([format!("--web.listen-address={}", port.address())])
            .cwd(folder);
        let prometheus = Self {
            _process: scene.world.sandbox.spawn(spec).unwrap(),
            port,
            http: reqwest::Client::new(),
        };
        wait_for("prometheus", LIMIT, async || {
            prometheus.try_query("up == 1").await.map(drop)
        })
        .await
        .unwrap();
        prometheus
    }

    /// The samples of a query; an error when it gives none.
    pub(super) async fn try_query(&self, query: &str) -> Result<Vec<Value>, String> {
        let url = format!("http://{}/api/v1/query", self.port.address());
        let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
        let answer = self.http.get(url).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        if body["status"] != "success" {
            return Err(format!("{query}: {body}"));
        }
        match body["data"]["result"].as_array() {
            Some(samples) if !samples.is_empty() => Ok(samples.clone()),
            _ => Err(format!("{query}: no data")),
        }
    }

    /// Alerts that fire, by name.
    pub(super) async fn firing(&self) -> Result<BTreeSet<String>, String> {
        let samples = self.try_query("ALERTS{alertstate=\"firing\"}").await?;
        let name = |sample: &Value| sample["metric"]["alertname"].as_str().map(str::to_owned);
        Ok(samples.iter().filter_map(name).collect())
    }

    /// Waits until none of these fires.
    pub(super) async fn is_calm(&self, alerts: &[&str]) {
        let what = format!("{alerts:?} to be quiet");
        wait_for(&what, LIMIT, async || {
            let firing = self.firing().await?;
            let loud = alerts.iter().find(|name| firing.contains(**name));
            loud.map_or(Ok(()), |name| Err(format!("{name} fires")))
        })
        .await
        .unwrap();
    }

    /// Waits until all of these have fired; not all at a time, since some faults pass by themselves.
    pub(super) async fn fires(&self, alerts: &[&str]) {
        let what = format!("{alerts:?} to fire");
        let seen = RefCell::new(BTreeSet::new());
        wait_for(&what, 3 * LIMIT, async || {
            let firing = self.firing().await?;
            let mut seen = seen.borrow_mut();
            seen.extend(firing);
            let missing: Vec<_> = alerts
                .iter()
                .filter(|name| !seen.contains(**name))
                .collect();
            missing
                .is_empty()
                .then_some(())
                .ok_or_else(|| format!("not yet: {missing:?}"))
        })
        .await
        .unwrap();
        eprintln!("fired: {alerts:?}");
    }
}

/// The shipped rules, with every look back cut to seconds and no waiting before an alert; thresholds
/// stay, but for [`THRESHOLDS`].
fn quick(rules: &str) -> String {
    let mut quick = String::new();
    for line in rules
        .lines()
        .filter(|line| !line.trim_start().starts_with("for: "))
    {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('[') {
            let (window, after) = after.split_once(']').unwrap();
            let is_window = window
                .chars()
                .next()
                .is_some_and(|first| first.is_ascii_digit());
            quick.push_str(before);
            let kept = format!("[{window}]");
            quick.push_str(if is_window { WINDOW } else { &kept });
            rest = after;
        }
        quick.push_str(rest);
        quick.push('\n');
    }
    for (shipped, here) in THRESHOLDS {
        quick = quick.replace(shipped, here);
    }
    quick
}

fn scrapes(scene: &Scene) -> String {
    let address = |url: String| url.trim_start_matches("http://").to_owned();
    let mut text = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: [alerts.yml, recording.yml]\n\
         scrape_configs:\n\
         - job_name: sunakku-hub\n  static_configs: [{{ targets: [\"{}\"] }}]\n\
         - job_name: sunakku-edge\n  static_configs:\n",
        address(scene.world.hub.url())
    );
    for site in &scene.world.sites {
        let (address, id) = (address(site.url()), &site.id);
        text.push_str(&format!(
            "  - {{ targets: [\"{address}\"], labels: {{ site: {id} }} }}\n"
        ));
    }
    text
}

/// What `promtool check metrics` finds wrong in an exposition.
pub(super) fn lint(promtool: &PathBuf, text: &str) -> String {
    use std::io::Write as _;

    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    String::from_utf8(told).unwrap()
}
