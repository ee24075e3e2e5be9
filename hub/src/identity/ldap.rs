//! Asks the directory: finds a person, and lets the directory say whether a password is right.
//!
//! Search, then bind. A name is never part of a filter's text (`filter.rs`), referrals are not
//! followed, and a name must find one entry. An empty password is never sent: a server takes a bind
//! without one for an anonymous one and says yes (RFC 4513, 5.1.2).

mod ber;
mod client;
mod entry;
pub(crate) mod filter;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use metrics::gauge;
use sunakku_common::telemetry::note_answer;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use self::client::{Client, Outcome, Search, code};
use self::entry::{PersonEntry, place_of};
use self::filter::Filter;
use crate::config;
use crate::config::ldap::{DN, USER};
use crate::metrics::DEPENDENCY_UP;
use crate::people::Place;

/// Groups of one person at most.
const MAX_GROUPS: u32 = 1_000;

/// Somebody whom the directory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What the directory calls the person, in the form of our names.
    pub(super) name: String,
    pub(super) display_name: String,
    /// What the person may do; nothing when no group says so.
    pub(super) place: Option<Place>,
}

/// Who a name is, and whether the password was right.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) found: Option<Found>,
    pub(super) is_right: bool,
}

/// The directory. Each question has a connection of its own.
#[derive(Debug)]
pub(crate) struct Directory {
    options: config::Ldap,
    user_filter: Filter,
    group_filter: Filter,
    at_once: Semaphore,
}

impl Directory {
    /// The directory of the settings, if they name one.
    ///
    /// # Errors
    /// When a filter cannot be read.
    pub(crate) fn new(options: &config::Ldap) -> Result<Option<Self>> {
        if !options.is_used() {
            return Ok(None);
        }
        let read = |name: &str, text: &str| {
            Filter::read(text).with_context(|| format!("ldap.{name} is no filter: {text}"))
        };
        Ok(Some(Self {
            user_filter: read("user_filter", &options.user_filter)?,
            group_filter: read("group_filter", &options.group_filter)?,
            at_once: Semaphore::new(options.connections.get()),
            options: options.clone(),
        }))
    }

    pub(super) fn options(&self) -> &config::Ldap {
        &self.options
    }

    /// Who a name is, and whether this is the person's password.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub(super) async fn check(&self, name: &str, password: &str) -> Result<Verdict> {
        self.ask("sign-in", async {
            let mut client = self.connect().await?;
            let entry = self.find(&mut client, name).await?;
            let found = match &entry {
                Some(entry) => Some(self.known(&mut client, entry).await?),
                None => None,
            };
            // A name that is unknown takes as many steps as one that is known.
            let nobody = format!("cn={},{}", Uuid::new_v4(), self.options.base_dn);
            let dn = entry.as_ref().map_or(&nobody, |entry| &entry.dn);
            let is_right = bind(&mut client, dn, password).await? && found.is_some();
            client.unbind().await;
            Ok(Verdict { found, is_right })
        })
        .await
    }

    /// Who each of these names is now, in their order.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub(super) async fn look_up(&self, names: &[String]) -> Result<Vec<Option<Found>>> {
        self.ask("look-up", async {
            let mut client = self.connect().await?;
            let mut found = Vec::with_capacity(names.len());
            for name in names {
                found.push(match self.find(&mut client, name).await? {
                    Some(entry) => Some(self.known(&mut client, &entry).await?),
                    None => None,
                });
            }
            client.unbind().await;
            Ok(found)
        })
        .await
    }

    /// Looks whether people can be looked up.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.look_up(&[Uuid::new_v4().to_string()]).await?;
        Ok(())
    }

    /// Works within the limits of time and of connections.
    async fn ask<T>(&self, what: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let (started, limit) = (Instant::now(), self.options.limit());
        let limited = timeout(limit, async {
            let _place = self.at_once.acquire().await?;
            work.await
        });
        let done = match limited.await {
            Ok(done) => done,
            Err(_) => Err(anyhow::anyhow!("no answer within {limit:?}")),
        };
        gauge!(DEPENDENCY_UP, "dependency" => "ldap").set(f64::from(u8::from(done.is_ok())));
        if done.is_ok() {
            note_answer("ldap", what, started.elapsed());
        }
        done
    }

    /// A connection on which people can be looked up.
    async fn connect(&self) -> Result<Client> {
        let of = &self.options;
        let client = Client::connect(of).await;
        let mut client = client.with_context(|| format!("connecting to {}", of.url))?;
        if !of.bind_dn.is_empty() {
            let password = self.bind_password()?;
            let is_in = bind(&mut client, &of.bind_dn, &password).await?;
            ensure!(is_in, "{} is not let in", of.bind_dn);
        }
        Ok(client)
    }

    /// Reads it each time, so that a new one needs no restart.
    fn bind_password(&self) -> Result<String> {
        let file = &self.options.bind_password_file;
        let read = || format!("ldap.bind_password_file {}", file.display());
        let text = std::fs::read_to_string(file).with_context(read)?;
        let password = text.trim_end_matches(['\r', '\n']);
        ensure!(!password.is_empty(), "{}: it is empty", read());
        Ok(password.to_owned())
    }

    /// The one entry of a name.
    async fn find(&self, client: &mut Client, name: &str) -> Result<Option<PersonEntry>> {
        let of = &self.options;
        let mut attributes = vec![&*of.name_attribute, &*of.display_name_attribute];
        attributes.extend((!of.group_attribute.is_empty()).then_some(&*of.group_attribute));
        let search = Search {
            base: &of.base_dn,
            filter: &self.user_filter,
            places: &[(USER, name)],
            attributes: &attributes,
            limits: (2, of.timeout_seconds),
        };
        let (mut entries, is_cut) = search_within(client, &search).await?;
        if 1 < entries.len() || is_cut {
            tracing::warn!(who = name, "the directory has several of one name: none");
            return Ok(None);
        }
        Ok(entries.pop().and_then(|entry| PersonEntry::read(entry, of)))
    }

    /// What a person is to us.
    async fn known(&self, client: &mut Client, person: &PersonEntry) -> Result<Found> {
        let of = &self.options;
        let mut groups = person.groups.clone();
        if !of.group_base_dn.is_empty() {
            let search = Search {
                base: &of.group_base_dn,
                filter: &self.group_filter,
                places: &[(DN, &person.dn), (USER, &person.name)],
                // No attribute: the name of the group is enough (RFC 4511, 4.5.1.8).
                attributes: &["1.1"],
                limits: (MAX_GROUPS, of.timeout_seconds),
            };
            let (found, is_cut) = search_within(client, &search).await?;
            ensure!(!is_cut, "{} is in too many groups", person.dn);
            groups.extend(found.into_iter().map(|group| group.dn));
        }
        Ok(Found {
            name: person.name.clone(),
            display_name: person.display_name.clone(),
            place: place_of(&groups, &of.groups),
        })
    }
}

/// The entries that are found, and whether there are more than were asked for.
async fn search_within(
    client: &mut Client,
    search: &Search<'_>,
) -> Result<(Vec<client::Entry>, bool)> {
    let (entries, end) = client.search(search).await?;
    match end.code {
        code::SUCCESS => Ok((entries, false)),
        code::SIZE_LIMIT_EXCEEDED => Ok((entries, true)),
        _ => Err(unexpected("a search", &end)),
    }
}

/// Whether the directory lets this name in with this password.
async fn bind(client: &mut Client, dn: &str, password: &str) -> Result<bool> {
    if dn.is_empty() || password.is_empty() {
        return Ok(false);
    }
    let bound = client.bind(dn, password).await?;
    match bound.code {
        code::SUCCESS => Ok(true),
        denied if code::DENIED.contains(&denied) => Ok(false),
        _ => Err(unexpected("a bind", &bound)),
    }
}

fn unexpected(what: &str, outcome: &Outcome) -> anyhow::Error {
    let Outcome { code, text } = outcome;
    anyhow::anyhow!("{what} was answered with {code} {text}")
}
