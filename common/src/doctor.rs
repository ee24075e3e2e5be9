//! What the `doctor` commands of both programs find, and how they say it.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::telemetry::watch::{Watch, expiry, modified};

/// How long a program on this machine may take to answer.
const LOCAL_LIMIT: Duration = Duration::from_secs(3);
/// Certificates that end within this time are told, seconds.
const CERTIFICATE_SOON: i64 = 14 * 86_400;
/// A backup that is older is told, seconds: two daily runs.
const BACKUP_OLD: u64 = 50 * 3_600;
/// Less than this share of a disk is told.
const DISK_LOW_PERCENT: u64 = 15;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All is well.
    Ok,
    /// It works, but somebody should look at it.
    Warning,
    /// It does not work, or may lose something.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it belongs to, such as `redis`.
    pub group: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub what: String,
    /// What to do about it; nothing when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Notes that something is well.
    pub fn ok(&mut self, group: &'static str, what: impl Into<String>) {
        self.add(group, Outcome::Ok, what.into(), None);
    }

    /// Notes something that somebody should look at.
    pub fn warn(
        &mut self,
        group: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(group, Outcome::Warning, what.into(), Some(advice.into()));
    }

    /// Notes something that does not work.
    pub fn fault(
        &mut self,
        group: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(group, Outcome::Fault, what.into(), Some(advice.into()));
    }

    /// Whether anything does not work.
    pub fn has_faults(&self) -> bool {
        self.findings.iter().any(|f| f.outcome == Outcome::Fault)
    }

    /// Everything that was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn add(&mut self, group: &'static str, outcome: Outcome, what: String, advice: Option<String>) {
        self.findings.push(Finding {
            group,
            outcome,
            what,
            advice,
        });
    }

    /// A private key must be readable by its owner, or his group, alone.
    pub fn look_at_key(&mut self, path: &Path) {
        let shown = path.display();
        match std::fs::metadata(path) {
            Ok(found) if found.permissions().mode() & 0o027 != 0 => self.fault(
                "configuration",
                format!("others may read the key {shown}"),
                format!("chmod 600 {shown}; if others have read it, make another one"),
            ),
            Ok(_) => match std::fs::read(path) {
                Ok(_) => self.ok("configuration", format!("the key {shown} is ours alone")),
                Err(error) => self.fault(
                    "configuration",
                    format!("the key {shown} cannot be read: {error}"),
                    "run this as the user of the service",
                ),
            },
            Err(_) => self.warn(
                "configuration",
                format!("there is no key {shown}"),
                "it is made at the first start, if the folder may be written",
            ),
        }
    }

    /// Watched certificates and backups.
    pub fn look_at_files(&mut self, watch: &Watch) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        for (name, path) in &watch.certificates {
            let left = expiry(path).map(|end| end - now.cast_signed());
            let advice = "renew it, then reload what uses it: deploy/ca/sunakku-ca renew";
            match left {
                Ok(left) if left < 0 => {
                    self.fault("files", format!("the certificate {name} has ended"), advice);
                }
                Ok(left) if left < CERTIFICATE_SOON => {
                    let days = left / 86_400;
                    self.warn(
                        "files",
                        format!("the certificate {name} ends in {days} days"),
                        advice,
                    );
                }
                Ok(left) => self.ok(
                    "files",
                    format!("the certificate {name} is good for {} days", left / 86_400),
                ),
                Err(error) => self.fault(
                    "files",
                    format!("the certificate {name}: {error:#}"),
                    "correct the path below [watch] certificates, or its rights",
                ),
            }
        }
        for (store, path) in &watch.backups {
            match modified(path).map(|at| now.saturating_sub(at)) {
                Some(age) if age < BACKUP_OLD => self.ok(
                    "files",
                    format!("{store} was backed up {} hours ago", age / 3_600),
                ),
                Some(age) => self.warn(
                    "files",
                    format!("the last backup of {store} is {} hours old", age / 3_600),
                    "systemctl status sunakku-backup; see docs/backup.md",
                ),
                None => self.warn(
                    "files",
                    format!("{store} was never backed up to {}", path.display()),
                    "see docs/backup.md",
                ),
            }
        }
    }

    /// The disk under a store: bytes free and in all.
    pub fn look_at_disk(&mut self, store: &'static str, free: u64, size: u64) {
        let percent = free * 100 / size.max(1);
        let what = format!("{percent} % of its disk are free");
        if percent < DISK_LOW_PERCENT {
            self.warn(store, what, "a full disk stops it: free or add space");
        } else {
            self.ok(store, what);
        }
    }

    /// The clock against another one that is trusted: seconds that ours is ahead.
    pub fn look_at_clock(&mut self, ahead: f64, other: &str) {
        let what = format!("the clock is {ahead:.1} s ahead of {other}'s");
        if ahead.abs() > 5.0 {
            let advice =
                "systemctl restart systemd-timesyncd, and see that a time server is reached";
            self.fault("clock", what, advice);
        } else {
            self.ok("clock", what);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = "";
        for finding in &self.findings {
            if finding.group != group {
                group = finding.group;
                writeln!(f, "{group}")?;
            }
            let mark = match finding.outcome {
                Outcome::Ok => "✔",
                Outcome::Warning => "!",
                Outcome::Fault => "✘",
            };
            writeln!(f, "  {mark} {}", finding.what)?;
            if let Some(advice) = &finding.advice {
                writeln!(f, "      → {advice}")?;
            }
        }
        let count = |outcome| {
            let all = self.findings.iter();
            all.filter(|found| found.outcome == outcome).count()
        };
        let (faults, warnings) = (count(Outcome::Fault), count(Outcome::Warning));
        write!(f, "{faults} faults, {warnings} warnings")
    }
}

/// What a program on this machine answers to `GET path`: status and body; none when it does not.
/// An address that means all of this machine is asked on the loopback.
pub fn ask_locally(listen: &str, path: &str) -> Option<(u16, String)> {
    let mut address: SocketAddr = listen.parse().ok()?;
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    let mut stream = TcpStream::connect_timeout(&address, LOCAL_LIMIT).ok()?;
    stream.set_read_timeout(Some(LOCAL_LIMIT)).ok()?;
    // Without keep-alive: the end of the answer is the end of the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_their_groups_with_what_to_do() {
        let mut report = Report::default();
        report.ok("redis", "it answers");
        report.warn("redis", "it is slow", "look at the disk");
        assert!(!report.has_faults());
        report.fault("nats", "it is away", "start it");
        assert!(report.has_faults());
        let wanted = "redis\n  ✔ it answers\n  ! it is slow\n      → look at the disk\n\
                      nats\n  ✘ it is away\n      → start it\n1 faults, 1 warnings";
        assert_eq!(report.to_string(), wanted);
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["findings"][2]["outcome"], "fault");
        assert_eq!(json["findings"][0].get("advice"), None);
    }

    #[test]
    fn a_full_disk_and_a_wrong_clock_are_told() {
        let mut report = Report::default();
        report.look_at_disk("redis", 10, 100);
        report.look_at_disk("redis", 0, 0);
        assert!(!report.has_faults(), "{report}");
        report.look_at_clock(-9.0, "the hub");
        let last = report.findings().last().map(|last| last.outcome);
        assert_eq!(last, Some(Outcome::Fault));
    }

    #[test]
    fn a_key_that_others_can_read_is_a_fault() {
        let folder = std::env::temp_dir().join(format!("sunakku-doctor-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let key = folder.join("key");
        std::fs::write(&key, "x").expect("written");
        for (mode, is_fault) in [(0o644, true), (0o600, false)] {
            let rights = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&key, rights).expect("rights");
            let mut report = Report::default();
            report.look_at_key(&key);
            assert_eq!(report.has_faults(), is_fault, "{report}");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
