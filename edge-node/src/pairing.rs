//! Screens that ask to be let in. Each shows a code; who runs the site types it in, and the screen, which
//! alone knows a secret, gets its token. Nothing of it is kept for long, and a restart only makes screens
//! show other codes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use sunakku_common::claims::Role;
use sunakku_common::command::PAIRING_DIGITS;
use uuid::Uuid;

use crate::gate::Gate;
use crate::store::{Device, Operation, StoreError};

/// Screens that ask at a time at most, in all and of one address.
const MAX: usize = 200;
const MAX_OF_ADDRESS: usize = 50;

/// A screen that asks.
struct Asking {
    code: String,
    screen: String,
    role: Role,
    address: IpAddr,
    until: Instant,
    device: Option<Device>,
}

/// How it stands with a screen that has asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nobody has typed its code in yet.
    Waiting,
    /// It is this device, on this page.
    Paired(Device, String),
    /// It has never asked, or not lately.
    Unknown,
}

/// Why a screen is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPaired {
    #[error("No screen shows this code now. Codes run out: look at the screen again.")]
    Unknown,
    #[error("The page that shows this code is that of a {0}.")]
    OtherKind(Role),
    #[error("A device has this name. Revoke it first if this one takes its place.")]
    NameTaken,
    #[error("This site has as many devices as one may have. Revoke those that are not used.")]
    TooMany,
}

impl NotPaired {
    /// The same as a word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown-pairing",
            Self::OtherKind(_) => "other-kind",
            Self::NameTaken => "name-taken",
            Self::TooMany => "too-many-devices",
        }
    }
}

/// All screens that ask, by their secrets.
#[derive(Default)]
pub(crate) struct Pairings {
    asking: Mutex<HashMap<String, Asking>>,
}

/// What a screen is told that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// For people: eight digits.
    pub(crate) code: String,
    /// For the screen alone: 244 random bits.
    pub(crate) secret: String,
}

impl Pairings {
    /// Takes a screen's wish; `None` when too many ask.
    pub(crate) fn ask(
        &self,
        (screen, role): (&str, Role),
        address: IpAddr,
        life: Duration,
        now: Instant,
    ) -> Option<Asked> {
        self.with(now, |asking| {
            let of_address = asking.values().filter(|one| one.address == address).count();
            if MAX <= asking.len() || MAX_OF_ADDRESS <= of_address {
                return None;
            }
            let mut source = rand::rng();
            let code = loop {
                let code = format!("{:0PAIRING_DIGITS$}", source.random_range(0..100_000_000));
                if asking.values().all(|one| one.code != code) {
                    break code;
                }
            };
            let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            let one = Asking {
                code: code.clone(),
                screen: screen.to_owned(),
                role,
                address,
                until: now + life,
                device: None,
            };
            asking.insert(secret.clone(), one);
            Some(Asked { code, secret })
        })
    }

    /// Lets the screen in that shows a code, as a device of this name and role. Asked again, it answers the
    /// device of the first time.
    pub(crate) async fn confirm(
        &self,
        gate: &Gate,
        operation: &Operation,
        (code, name, role): (&str, String, Role),
    ) -> Result<Result<Device, NotPaired>, StoreError> {
        let Some((shown, already)) = self.shown(code, Instant::now()) else {
            return Ok(Err(NotPaired::Unknown));
        };
        if let Some(device) = already {
            let same = device.name == name && device.role == role;
            return Ok(same.then_some(device).ok_or(NotPaired::Unknown));
        }
        if shown != role {
            return Ok(Err(NotPaired::OtherKind(shown)));
        }
        if gate.devices().iter().any(|(device, _)| device.name == name) {
            return Ok(Err(NotPaired::NameTaken));
        }
        let Some(device) = gate.pair(operation, name, role).await? else {
            return Ok(Err(NotPaired::TooMany));
        };
        self.pair(code, &device, Instant::now());
        tracing::info!(by = operation.actor(), device = device.name, role = %device.role, "a device was paired");
        Ok(Ok(device))
    }

    /// What the screen that shows a code may become, and what it is already.
    fn shown(&self, code: &str, now: Instant) -> Option<(Role, Option<Device>)> {
        self.with(now, |asking| {
            let found = asking.values().find(|one| one.code == code);
            found.map(|one| (one.role, one.device.clone()))
        })
    }

    /// Lets the screen with this code know what device it is; one that knows keeps what it has.
    fn pair(&self, code: &str, device: &Device, now: Instant) {
        self.with(now, |asking| {
            let found = asking.values_mut().find(|one| one.code == code);
            if let Some(one) = found {
                one.device.get_or_insert_with(|| device.clone());
            }
        });
    }

    /// How it stands with the screen that has this secret. May be asked again: an answer can get lost.
    pub(crate) fn standing(&self, secret: &str, now: Instant) -> Standing {
        self.with(now, |asking| match asking.get(secret) {
            None => Standing::Unknown,
            Some(one) => match &one.device {
                Some(device) => Standing::Paired(device.clone(), one.screen.clone()),
                None => Standing::Waiting,
            },
        })
    }

    fn with<T>(&self, now: Instant, act: impl FnOnce(&mut HashMap<String, Asking>) -> T) -> T {
        // Each act leaves the rows whole, so a poisoned lock is as good as another.
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.retain(|_, one| now < one.until);
        act(&mut asking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(600);
    const KIOSK: (&str, Role) = ("kiosk", Role::Kiosk);

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    fn device() -> Device {
        Device {
            id: Uuid::new_v4(),
            name: "kiosk-2".into(),
            role: Role::Kiosk,
            paired_at: chrono::Utc::now(),
            paired_by: "ann".into(),
        }
    }

    #[test]
    fn a_screen_is_what_its_code_was_typed_in_for_and_only_for_so_long() {
        let (pairings, now) = (Pairings::default(), Instant::now());
        let ask = || pairings.ask(KIOSK, address(1), LIFE, now).expect("room");
        let (one, two) = (ask(), ask());
        assert_ne!((&one.code, &one.secret), (&two.code, &two.secret));
        assert_eq!(one.code.len(), 8);
        assert_eq!(pairings.standing(&one.secret, now), Standing::Waiting);
        assert_eq!(pairings.shown(&one.code, now), Some((Role::Kiosk, None)));
        let device = device();
        pairings.pair(&one.code, &device, now);
        let paired = Standing::Paired(device, "kiosk".into());
        for _ in 0..2 {
            assert_eq!(pairings.standing(&one.secret, now), paired);
        }
        assert_eq!(pairings.standing(&two.secret, now), Standing::Waiting);
        assert_eq!(pairings.standing(&one.code, now), Standing::Unknown);
        assert_eq!(
            pairings.standing(&one.secret, now + LIFE),
            Standing::Unknown
        );
        assert_eq!(pairings.shown(&two.code, now + LIFE), None);
    }

    #[test]
    fn no_more_ask_than_there_is_room_for_and_one_address_leaves_room_for_others() {
        let (pairings, now) = (Pairings::default(), Instant::now());
        let asked = |n, at| pairings.ask(KIOSK, address(n), LIFE, at).is_some();
        assert_eq!((0..60).filter(|_| asked(1, now)).count(), MAX_OF_ADDRESS);
        assert_eq!(
            (0..300).filter(|n| asked(2 + n, now)).count(),
            MAX - MAX_OF_ADDRESS
        );
        assert!(asked(1, now + LIFE));
    }
}
