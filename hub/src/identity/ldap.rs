//! Asks the directory: finds a person, and lets the directory say whether a password is right.
//!
//! Search, then bind. Names are escaped (RFC 4515) before they come into a filter, referrals are not followed, and
//! a name must find one entry. An empty password is never sent: a server takes a bind
//! without one for an anonymous one and says yes (RFC 4513, 5.1.2).

mod entry;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use ldap3::{
    DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Scope, SearchEntry,
    SearchOptions, ldap_escape,
};
use metrics::gauge;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sunakku_common::telemetry::note_answer;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use self::entry::{Entry, place_of};
use crate::config::ldap::{DN, USER};
use crate::config::{self};
use crate::metrics::DEPENDENCY_UP;
use crate::people::Place;

/// Groups of one person at most.
const MAX_GROUPS: i32 = 1_000;

/// Result codes of RFC 4511 that are told apart.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub(super) const REFERRAL: u32 = 10;
    /// Referral, constraint violation, no such object, inappropriate authentication, invalid
    /// credentials, insufficient access rights, unwilling to perform: with each of them some server
    /// says that this person does not come in.
    pub(super) const DENIED: [u32; 7] = [REFERRAL, 19, 32, 48, 49, 50, 53];
}

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
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    options: Arc<config::Ldap>,
    at_once: Arc<Semaphore>,
}

impl Directory {
    /// The directory of the settings, if they name one.
    pub(crate) fn new(options: &config::Ldap) -> Option<Self> {
        options.is_used().then(|| Self {
            at_once: Arc::new(Semaphore::new(options.connections.get())),
            options: Arc::new(options.clone()),
        })
    }

    pub(super) fn options(&self) -> &config::Ldap {
        &self.options
    }

    /// Who a name is, and whether this is the person's password.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub(super) async fn check(&self, name: &str, password: String) -> Result<Verdict> {
        let (this, name) = (self.clone(), name.to_owned());
        self.ask("sign-in", async move {
            let mut ldap = this.connect().await?;
            let entry = this.find(&mut ldap, &name).await?;
            let found = match &entry {
                Some(entry) => Some(this.known(&mut ldap, entry).await?),
                None => None,
            };
            // A name that is unknown takes as many steps as one that is known.
            let nobody = format!("cn={},{}", Uuid::new_v4(), this.options.base_dn);
            let dn = entry.as_ref().map_or(&nobody, |entry| &entry.dn);
            let is_right = this.bind(&mut ldap, dn, &password).await? && found.is_some();
            goodbye(ldap).await;
            Ok(Verdict { found, is_right })
        })
        .await
    }

    /// Who each of these names is now, in their order.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub(super) async fn look_up(&self, names: Vec<String>) -> Result<Vec<Option<Found>>> {
        let this = self.clone();
        self.ask("look-up", async move {
            let mut ldap = this.connect().await?;
            let mut found = Vec::with_capacity(names.len());
            for name in names {
                found.push(match this.find(&mut ldap, &name).await? {
                    Some(entry) => Some(this.known(&mut ldap, &entry).await?),
                    None => None,
                });
            }
            goodbye(ldap).await;
            Ok(found)
        })
        .await
    }

    /// Looks whether the directory can be asked.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.look_up(vec![Uuid::new_v4().to_string()]).await?;
        Ok(())
    }

    /// Works within the limits of time and of connections. The work is a task of its own: the
    /// library panics at an answer that is no LDAP.
    async fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (started, limit) = (Instant::now(), self.options.limit());
        let at_once = Arc::clone(&self.at_once);
        let limited = timeout(limit, async move {
            let permit = at_once.acquire_owned().await?;
            let mut task = Aborted(tokio::spawn(work));
            let done = (&mut task.0).await.context("its answer cannot be read")?;
            drop(permit);
            done
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
    async fn connect(&self) -> Result<Ldap> {
        let of = &self.options;
        let mut settings = LdapConnSettings::new()
            .set_conn_timeout(of.limit())
            .set_starttls(of.starttls);
        if of.is_encrypted() && !of.ca_file.as_os_str().is_empty() {
            settings = settings.set_config(self.trust()?);
        }
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &of.url)
            .await
            .with_context(|| format!("connecting to {}", of.url))?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to the directory broke");
            }
        });
        if !of.bind_dn.is_empty() {
            let password = self.bind_password()?;
            let bound = self.bind(&mut ldap, &of.bind_dn, &password).await?;
            anyhow::ensure!(bound, "{} is not let in", of.bind_dn);
        }
        Ok(ldap)
    }

    /// Reads whom to believe each time, so that a new root needs no restart.
    fn trust(&self) -> Result<Arc<ClientConfig>> {
        let file = &self.options.ca_file;
        let read = || format!("ldap.ca_file {}", file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).with_context(read)? {
            roots
                .add(certificate.with_context(read)?)
                .with_context(read)?;
        }
        anyhow::ensure!(!roots.is_empty(), "{}: no certificate in it", read());
        let config = ClientConfig::builder().with_root_certificates(roots);
        Ok(Arc::new(config.with_no_client_auth()))
    }

    fn bind_password(&self) -> Result<String> {
        let file = &self.options.bind_password_file;
        let read = || format!("ldap.bind_password_file {}", file.display());
        let text = std::fs::read_to_string(file).with_context(read)?;
        let password = text.trim_end_matches(['\r', '\n']);
        anyhow::ensure!(!password.is_empty(), "{}: it is empty", read());
        Ok(password.to_owned())
    }

    /// Whether the directory lets this name in with this password.
    async fn bind(&self, ldap: &mut Ldap, dn: &str, password: &str) -> Result<bool> {
        if dn.is_empty() || password.is_empty() {
            return Ok(false);
        }
        let bound = ldap.with_timeout(self.options.limit());
        let result = bound.simple_bind(dn, password).await?;
        match result.rc {
            code::SUCCESS => Ok(true),
            denied if code::DENIED.contains(&denied) => Ok(false),
            _ => Err(unexpected("a bind", &result)),
        }
    }

    /// The one entry of a name.
    async fn find(&self, ldap: &mut Ldap, name: &str) -> Result<Option<Entry>> {
        let of = &self.options;
        let filter = of.user_filter.replace(USER, &ldap_escape(name));
        let attributes = [
            &of.name_attribute,
            &of.display_name_attribute,
            &of.group_attribute,
        ];
        let attributes = attributes.into_iter().filter(|name| !name.is_empty());
        let attributes: Vec<String> = attributes.cloned().collect();
        let (entries, is_cut) = self
            .search(ldap, (&of.base_dn, &filter), attributes, 2)
            .await?;
        match <[SearchEntry; 1]>::try_from(entries) {
            Ok([entry]) if !is_cut => Ok(Entry::read(entry, of)),
            Ok(_) => Ok(None),
            Err(entries) => {
                if !entries.is_empty() {
                    tracing::warn!(who = name, "the directory has several of one name: none");
                }
                Ok(None)
            }
        }
    }

    /// What a person is to us.
    async fn known(&self, ldap: &mut Ldap, entry: &Entry) -> Result<Found> {
        let of = &self.options;
        let mut groups = entry.groups.clone();
        if !of.group_base_dn.is_empty() {
            let filter = of.group_filter.replace(DN, &ldap_escape(entry.dn.as_str()));
            let filter = filter.replace(USER, &ldap_escape(entry.name.as_str()));
            let at = (of.group_base_dn.as_str(), filter.as_str());
            // No attribute but the name.
            let nothing = vec!["1.1".to_owned()];
            let (found, is_cut) = self.search(ldap, at, nothing, MAX_GROUPS).await?;
            anyhow::ensure!(!is_cut, "{} is in too many groups", entry.dn);
            groups.extend(found.into_iter().map(|group| group.dn));
        }
        Ok(Found {
            name: entry.name.clone(),
            display_name: entry.display_name.clone(),
            place: place_of(&groups, &of.groups),
        })
    }

    /// The entries that a filter finds below a base, and whether there are more than `most`. What
    /// refers to other servers is left out.
    async fn search(
        &self,
        ldap: &mut Ldap,
        (base, filter): (&str, &str),
        attributes: Vec<String>,
        most: i32,
    ) -> Result<(Vec<SearchEntry>, bool)> {
        let seconds = i32::try_from(self.options.timeout_seconds).unwrap_or(i32::MAX);
        let options = SearchOptions::new()
            .deref(DerefAliases::Never)
            .timelimit(seconds)
            .sizelimit(most);
        let asked = ldap
            .with_search_options(options)
            .with_timeout(self.options.limit());
        let found = asked
            .search(base, Scope::Subtree, filter, attributes)
            .await?;
        let is_cut = found.1.rc == code::SIZE_LIMIT_EXCEEDED;
        if found.1.rc != code::SUCCESS && !is_cut {
            return Err(unexpected("a search", &found.1));
        }
        Ok((
            found.0.into_iter().map(SearchEntry::construct).collect(),
            is_cut,
        ))
    }
}

/// A task that ends with whoever waits for it.
struct Aborted<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn goodbye(mut ldap: Ldap) {
    // Whether the server hears it does not matter: the connection ends either way.
    let _ = ldap.unbind().await;
}

fn unexpected(what: &str, result: &LdapResult) -> anyhow::Error {
    anyhow::anyhow!("{what} was answered with {result}")
}
