//! Everything that can be killed.

use xtask::harness::{Process, Server as _};
use xtask::world::World;

/// One process of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Edge(usize),
    SiteRedis(usize),
    SiteNats(usize),
    Hub,
    Postgres,
    HubNats,
}

impl Victim {
    /// What belongs to a site.
    pub(crate) const fn of_site(n: usize) -> [Self; 3] {
        [Self::Edge(n), Self::SiteRedis(n), Self::SiteNats(n)]
    }

    /// What belongs to the hub.
    pub(crate) const OF_HUB: [Self; 3] = [Self::Hub, Self::Postgres, Self::HubNats];

    pub(crate) fn process(self, world: &World) -> &Process {
        match self {
            Self::Edge(n) => world.sites[n].process(),
            Self::SiteRedis(n) => world.sites[n].redis.process(),
            Self::SiteNats(n) => world.sites[n].nats.process(),
            Self::Hub => world.hub.process(),
            Self::Postgres => world.hub.postgres.process(),
            Self::HubNats => world.hub.nats.process(),
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(self, world: &World) {
        // Postgres leaves shared memory behind that its own kill clears away.
        match self {
            Self::Postgres => world.hub.postgres.kill(),
            _ => self.process(world).kill(),
        }
        .unwrap();
    }

    /// Whether what it stores can be made again from what others have.
    pub(crate) fn owns_nothing(self) -> bool {
        matches!(self, Self::SiteNats(_) | Self::HubNats)
    }

    /// Loses all that it stored; it must have been killed.
    pub(crate) fn wipe(self, world: &World) {
        match self {
            Self::SiteNats(n) => world.sites[n].nats.wipe(),
            Self::HubNats => world.hub.nats.wipe(),
            other => panic!("{other:?} holds the truth"),
        }
        .unwrap();
    }

    /// Starts it again, and waits until it serves.
    pub(crate) async fn start(self, world: &World) {
        match self {
            Self::Edge(n) => world.sites[n].restart().await,
            Self::SiteRedis(n) => world.sites[n].redis.restart().await,
            Self::SiteNats(n) => world.sites[n].nats.restart().await,
            Self::Hub => world.hub.restart().await,
            Self::Postgres => world.hub.postgres.restart().await,
            Self::HubNats => world.hub.nats.restart().await,
        }
        .unwrap();
    }
}
