//! A real directory: OpenLDAP's slapd as a process of the test.
//!
//! Without slapd the tests say so and are not run, unless `SUNAKKU_SLAPD=required`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use xtask::harness::ports::Port;
use xtask::harness::{LIMIT, Process, Sandbox, Spec, wait_for, workspace_root};

/// Where Debian has it.
const PROGRAM: &str = "/usr/sbin/slapd";
pub(crate) const BASE: &str = "dc=example,dc=com";
const ROOT: &str = "cn=root,dc=example,dc=com";

/// How a hub reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Ldaps,
    StartTls,
}

/// A running directory with some people in it.
pub(crate) struct Directory {
    pub(crate) process: Process,
    plain: Port,
    tls: Port,
    folder: PathBuf,
    /// What root and the hub sign in with.
    pub(crate) secret: String,
}

/// What a person of the directory signs in with.
pub(crate) fn password(name: &str) -> String {
    format!("the long password of {name}")
}

impl Directory {
    /// Starts one whose certificate is by an authority of its own. Gives none where there is no slapd.
    pub(crate) async fn start(sandbox: &Sandbox) -> Result<Option<Self>> {
        Self::start_as(sandbox, "slapd", true).await
    }

    /// Starts one that speaks no TLS.
    pub(crate) async fn start_without_tls(sandbox: &Sandbox) -> Result<Option<Self>> {
        Self::start_as(sandbox, "slapd-plain", false).await
    }

    async fn start_as(sandbox: &Sandbox, name: &str, has_tls: bool) -> Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            let required = std::env::var_os("SUNAKKU_SLAPD").is_some();
            ensure!(
                !required,
                "there is no {PROGRAM}: install the package slapd"
            );
            eprintln!("NOT RUN: there is no {PROGRAM}");
            return Ok(None);
        }
        let folder = sandbox.folder(name)?;
        // A copy, because a profile of AppArmor would keep the program out of our folders.
        let program = folder.join("slapd");
        std::fs::copy(PROGRAM, &program)?;
        let secret = uuid::Uuid::new_v4().to_string();
        std::fs::write(folder.join("secret"), format!("{secret}\n"))?;
        std::fs::create_dir_all(folder.join("db"))?;
        authority(&folder, "ca")?;
        std::fs::write(folder.join("slapd.conf"), conf(&folder, &secret, has_tls))?;
        let (plain, tls) = (Port::take()?, Port::take()?);
        let mut urls = format!("ldap://{}/", plain.address());
        if has_tls {
            urls.push_str(&format!(" ldaps://{}/", tls.address()));
        }
        let config = folder.join("slapd.conf");
        let spec = Spec::new(name, &program)
            .args([
                "-d".as_ref(),
                "stats".as_ref(),
                "-f".as_ref(),
                config.as_os_str(),
            ])
            .args(["-h", &urls]);
        let directory = Self {
            process: sandbox.spawn(spec)?,
            plain,
            tls,
            folder,
            secret,
        };
        directory.wait_ready(has_tls).await?;
        if has_tls {
            directory.populate().await?;
        }
        Ok(Some(directory))
    }

    /// Waits until it answers.
    pub(crate) async fn wait_ready(&self, has_tls: bool) -> Result<()> {
        wait_for("a directory", LIMIT, async || {
            ensure_runs(&self.process)?;
            if !has_tls {
                let stream = tokio::net::TcpStream::connect(self.plain.address()).await;
                return stream.map(|_| ()).map_err(|error| error.to_string());
            }
            let root = self.root().await.map_err(|error| format!("{error:#}"))?;
            drop(root);
            Ok(())
        })
        .await
    }

    /// The settings of a hub that asks it, with more of `[ldap]`.
    pub(crate) fn settings(&self, link: Link, more: &str) -> String {
        let ca = self.folder.join("ca/root.pem");
        self.settings_by(&ca, link, more)
    }

    /// The same, believing another authority.
    pub(crate) fn settings_by_stranger(&self, link: Link) -> Result<String> {
        authority(&self.folder, "stranger")?;
        Ok(self.settings_by(&self.folder.join("stranger/root.pem"), link, ""))
    }

    fn settings_by(&self, ca: &Path, link: Link, more: &str) -> String {
        let (url, starttls) = match link {
            Link::Ldaps => (format!("ldaps://{}", self.tls.address()), false),
            Link::StartTls => (format!("ldap://{}", self.plain.address()), true),
        };
        let secret = self.folder.join("secret");
        format!(
            "[ldap]\nurl = {url:?}\nstarttls = {starttls}\nca_file = {ca:?}\n\
             bind_dn = \"cn=hub,{BASE}\"\nbind_password_file = {secret:?}\nbase_dn = \"{BASE}\"\n\
             user_filter = \"(&(objectClass=inetOrgPerson)(uid={{user}}))\"\n\
             timeout_seconds = 2\n{more}\n\
             [[ldap.groups]]\ngroup = \"CN=Chiefs, OU=groups, {BASE}\"\nrole = \"admin\"\n\
             [[ldap.groups]]\ngroup = \"cn=readers,ou=groups,{BASE}\"\nrole = \"auditor\"\n\
             [[ldap.groups]]\ngroup = \"cn=cooks,ou=groups,{BASE}\"\nrole = \"kitchen\"\nsite = \"s1\"\n"
        )
    }

    /// A connection with all rights.
    async fn root(&self) -> Result<Ldap> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            self.folder.join("ca/root.pem"),
        )?)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let settings = LdapConnSettings::new()
            .set_conn_timeout(Duration::from_secs(2))
            .set_config(Arc::new(config.with_no_client_auth()));
        let url = format!("ldaps://{}", self.tls.address());
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &url).await?;
        tokio::spawn(connection.drive());
        ldap.simple_bind(ROOT, &self.secret).await?.success()?;
        Ok(ldap)
    }

    async fn populate(&self) -> Result<()> {
        self.add(
            BASE,
            &[
                ("objectClass", "dcObject"),
                ("objectClass", "organization"),
                ("o", "x"),
                ("dc", "example"),
            ],
        )
        .await?;
        for unit in ["people", "elsewhere", "groups"] {
            let dn = format!("ou={unit},{BASE}");
            self.add(&dn, &[("objectClass", "organizationalUnit"), ("ou", unit)])
                .await?;
        }
        let hub = [
            ("objectClass", "organizationalRole"),
            ("objectClass", "simpleSecurityObject"),
            ("cn", "hub"),
            ("userPassword", &self.secret),
        ];
        self.add(&format!("cn=hub,{BASE}"), &hub).await?;
        for name in ["dora", "kit", "nora", "ann", "twin"] {
            self.person(name, "people").await?;
        }
        self.person("twin", "elsewhere").await?;
        self.group("chiefs", &["dora", "ann", "twin"]).await?;
        self.group("readers", &["dora"]).await?;
        self.group("cooks", &["kit"]).await
    }

    /// Adds a person.
    pub(crate) async fn person(&self, name: &str, unit: &str) -> Result<()> {
        let (full, password) = (format!("{name} of the directory"), password(name));
        let about = [
            ("objectClass", "inetOrgPerson"),
            ("uid", name),
            ("cn", &full),
            ("sn", name),
            ("mail", &format!("{name}@example.com")),
            ("userPassword", &password),
        ];
        self.add(&dn_of(name, unit), &about).await
    }

    /// Adds a group of people.
    pub(crate) async fn group(&self, name: &str, members: &[&str]) -> Result<()> {
        let members: Vec<String> = members.iter().map(|name| dn_of(name, "people")).collect();
        let mut about = vec![("objectClass", "groupOfNames"), ("cn", name)];
        about.extend(members.iter().map(|dn| ("member", dn.as_str())));
        self.add(&format!("cn={name},ou=groups,{BASE}"), &about)
            .await
    }

    /// Adds an entry.
    pub(crate) async fn add(&self, dn: &str, attributes: &[(&str, &str)]) -> Result<()> {
        let mut by_name: Vec<(String, HashSet<String>)> = Vec::new();
        for (name, value) in attributes {
            match by_name.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => {
                    values.insert((*value).to_owned());
                }
                None => by_name.push(((*name).to_owned(), HashSet::from([(*value).to_owned()]))),
            }
        }
        let added = self.root().await?.add(dn, by_name).await?.success();
        added.with_context(|| dn.to_owned())?;
        Ok(())
    }

    /// Takes a person of `people` out of a group.
    pub(crate) async fn take_out(&self, name: &str, group: &str) -> Result<()> {
        let dn = format!("cn={group},ou=groups,{BASE}");
        let member = HashSet::from([dn_of(name, "people")]);
        let gone = vec![Mod::Delete("member".to_owned(), member)];
        self.root().await?.modify(&dn, gone).await?.success()?;
        Ok(())
    }

    /// Deletes a person of `people`.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let dn = dn_of(name, "people");
        self.root().await?.delete(&dn).await?.success()?;
        Ok(())
    }

    /// What it has written so far: every connection, bind and search.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.process.log_path())?)
    }
}

/// Where a person is.
pub(crate) fn dn_of(name: &str, unit: &str) -> String {
    format!("uid={name},ou={unit},{BASE}")
}

fn ensure_runs(process: &Process) -> Result<(), String> {
    let has_ended = !process.is_running();
    (!has_ended).then_some(()).ok_or_else(|| process.log_tail())
}

/// Makes an authority and a certificate for this machine, as an operator would.
fn authority(folder: &Path, name: &str) -> Result<()> {
    for step in [&["init"][..], &["issue", "directory", "127.0.0.1"]] {
        let output = Command::new(workspace_root().join("deploy/ca/sunakku-ca"))
            .args(step)
            .env("SUNAKKU_CA", folder.join(name))
            .output()?;
        ensure!(output.status.success(), "{step:?}: {output:?}");
    }
    Ok(())
}

fn conf(folder: &Path, secret: &str, has_tls: bool) -> String {
    let here = folder.display();
    let tls = match has_tls {
        // Nobody signs in unencrypted.
        true => format!(
            "TLSCACertificateFile {here}/ca/root.pem\n\
             TLSCertificateFile {here}/ca/directory.pem\n\
             TLSCertificateKeyFile {here}/ca/directory.key\n\
             security simple_bind=128\n"
        ),
        false => String::new(),
    };
    format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
         pidfile {here}/slapd.pid\n{tls}\
         database mdb\nsuffix \"{BASE}\"\nrootdn \"{ROOT}\"\nrootpw {secret}\n\
         directory {here}/db\nmaxsize 10485760\noverlay memberof\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by dn=\"cn=hub,{BASE}\" read by * none\n"
    )
}
