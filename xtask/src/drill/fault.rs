//! What can break, and what this machine must have so that it can be broken.

use std::process::Command;

use clap::ValueEnum;
use serde::Serialize;

use crate::harness::WallClock;

/// A kind of fault. Those of a site strike one of the sites, those of the line all lines to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// SIGKILL of the edge.
    KillEdge,
    /// SIGKILL of a site's Redis.
    KillRedis,
    /// SIGKILL of a site's nats-server.
    KillNats,
    /// SIGKILL of the hub.
    KillHub,
    /// SIGKILL of Postgres and all its children.
    KillPostgres,
    /// SIGKILL of the hub's nats-server.
    KillHubNats,
    /// SIGSTOP of the edge, and SIGCONT.
    HangEdge,
    /// The same of a site's Redis.
    HangRedis,
    /// The same of a site's nats-server.
    HangNats,
    /// The same of the hub.
    HangHub,
    /// The same of Postgres.
    HangPostgres,
    /// The same of the hub's nats-server.
    HangHubNats,
    /// The edge is killed again and again, as soon as it is up.
    RestartStorm,
    /// A site's JetStream loses everything.
    WipeNats,
    /// The hub's JetStream loses everything.
    WipeHubNats,
    /// Redis dies in the middle of a write that nobody was promised.
    TornLog,
    /// The plug of a site's box is pulled: what was not synced is gone.
    PowerCut,
    /// No room is left on a site's disk.
    SiteDiskFull,
    /// No room is left on the hub's disk.
    HubDiskFull,
    /// Every sync of a site's Redis takes 200 ms longer.
    SlowDisk,
    /// Connections break, and none can be made.
    LineCut,
    /// Connections stand and carry nothing.
    LineSilent,
    /// Two seconds in each direction.
    LineSlow,
    /// 64 kbit/s in each direction.
    LineNarrow,
    /// Three pieces of ten come late, as after lost packets.
    LineLossy,
    /// Cut and whole by turns.
    LineFlapping,
    /// An edge's wall clock jumps 26 hours ahead, and back.
    ClockAhead,
    /// It jumps as far into the past, and back.
    ClockBehind,
    /// The hub's wall clock jumps 26 hours ahead, and back.
    HubClockAhead,
    /// It jumps as far into the past, and back.
    HubClockBehind,
    /// The hub's Postgres is restored from a copy of the round's beginning.
    PostgresRestored,
    /// Rubbish arrives at the hub's intake and in a site's queue.
    Poison,
    /// The kitchen printer and the webhook's receiver are off.
    ReceiversOff,
    /// A copy of a site's box is switched on beside it, with its store and its credentials.
    SecondBox,
    /// The hub's database tells another price of an order: no fault that Sunakku stands, but a planted lie, by
    /// which it is seen that an account can fail. Only when it is asked for; always the last of these.
    #[value(hide = true)]
    Lie,
}

/// What a fault needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Root, and `mkfs.ext4`.
    Disks,
    /// strace, and the right to trace.
    Strace,
    /// libfaketime.
    Clock,
}

impl Kind {
    /// All of them, without the lie.
    pub fn all() -> &'static [Self] {
        let kinds = Self::value_variants();
        kinds.split_last().map_or(kinds, |(_lie, kinds)| kinds)
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn need(self) -> Need {
        match self {
            Self::PowerCut | Self::SiteDiskFull | Self::HubDiskFull => Need::Disks,
            Self::SlowDisk => Need::Strace,
            Self::ClockAhead | Self::ClockBehind | Self::HubClockAhead | Self::HubClockBehind => {
                Need::Clock
            }
            _ => Need::Nothing,
        }
    }

    /// Whether it needs disks of its own.
    pub(super) fn needs_disks(self) -> bool {
        self.need() == Need::Disks
    }

    /// Whether nothing else may be broken meanwhile. Of two boxes that fell silent together, the hub cannot tell
    /// which was the first.
    pub(super) fn is_always_alone(self) -> bool {
        self == Self::SecondBox
    }

    /// Whether admins change nothing meanwhile. What the hub is told between a copy of its database and its
    /// restoration is lost with it; what is published by a clock that is ahead takes effect by it.
    pub(super) fn wants_quiet_admins(self) -> bool {
        matches!(
            self,
            Self::PostgresRestored | Self::HubClockAhead | Self::HubClockBehind
        )
    }

    /// What is missing here so that it can be staged.
    pub fn missing(self, means: Means) -> Option<&'static str> {
        match self.need() {
            Need::Disks if !means.disks => Some("root and mkfs.ext4 (a disk of its own)"),
            Need::Strace if !means.strace => Some("strace and root"),
            Need::Clock if !means.clock => Some("libfaketime"),
            _ => None,
        }
    }

    /// Whether it strikes one site rather than the hub or its line.
    pub(super) fn is_of_a_site(self) -> bool {
        matches!(
            self,
            Self::KillEdge
                | Self::KillRedis
                | Self::KillNats
                | Self::HangEdge
                | Self::HangRedis
                | Self::HangNats
                | Self::RestartStorm
                | Self::WipeNats
                | Self::TornLog
                | Self::PowerCut
                | Self::SiteDiskFull
                | Self::SlowDisk
                | Self::ClockAhead
                | Self::ClockBehind
                | Self::Poison
                | Self::SecondBox
        )
    }
}

/// What this machine has.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// Disks can be made and mounted.
    pub disks: bool,
    /// System calls can be traced.
    pub strace: bool,
    /// Wall clocks can be set.
    pub clock: bool,
}

impl Means {
    /// Tries.
    pub fn find() -> Self {
        Self {
            disks: works("unshare", &["--mount", "--", "sh", "-c", TRY_A_DISK]),
            strace: works(
                "strace",
                &[
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    "inject=fsync:delay_exit=1",
                    "true",
                ],
            ),
            clock: WallClock::is_there(),
        }
    }
}

/// Makes a disk in a file, mounts it, and leaves nothing behind.
const TRY_A_DISK: &str = r#"
    root=$(mktemp -d) && trap 'umount "$root/at" 2>/dev/null; rm -rf "$root"' EXIT &&
    truncate -s 8M "$root/image" && mkfs.ext4 -q -F "$root/image" && mkdir "$root/at" &&
    mount -o loop "$root/image" "$root/at""#;

fn works(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}
