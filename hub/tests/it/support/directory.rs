//! A real directory: OpenLDAP's slapd as a process of the test.
//!
//! Without slapd the tests say so and are not run, unless `SUNAKKU_SLAPD=required`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt as _;
use xtask::harness::ports::Port;
use xtask::harness::{Authority, LIMIT, Process, Sandbox, Spec, wait_for};

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
        // As an editor writes it, and as ldapmodify takes it.
        std::fs::write(folder.join("secret"), format!("{secret}\n"))?;
        std::fs::write(folder.join("root"), &secret)?;
        std::fs::create_dir_all(folder.join("db"))?;
        Authority::make(folder.join("ca"))?.issue("directory", "127.0.0.1")?;
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
            let nothing = self.change("").await;
            nothing.map_err(|error| format!("{error:#}"))
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
        let folder = self.folder.join(format!("stranger-{link:?}"));
        Ok(self.settings_by(&Authority::make(folder)?.root(), link, ""))
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

    /// Changes entries with all rights, by OpenLDAP's own tools. `ldif` is RFC 2849.
    pub(crate) async fn change(&self, ldif: &str) -> Result<()> {
        let mut child = tokio::process::Command::new("ldapmodify")
            .args(["-x", "-a", "-H", &format!("ldaps://{}", self.tls.address())])
            .args(["-D", ROOT, "-y"])
            .arg(self.folder.join("root"))
            .env("LDAPTLS_CACERT", self.folder.join("ca/root.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("running ldapmodify: install the package ldap-utils")?;
        let mut stdin = child.stdin.take().context("its input")?;
        stdin.write_all(ldif.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "{ldif}\n{output:?}");
        Ok(())
    }

    async fn populate(&self) -> Result<()> {
        let mut ldif = format!(
            "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: example\n\n"
        );
        for unit in ["people", "elsewhere", "groups"] {
            ldif +=
                &format!("dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n");
        }
        ldif += &format!(
            "dn: cn=hub,{BASE}\nobjectClass: organizationalRole\n\
             objectClass: simpleSecurityObject\ncn: hub\nuserPassword: {}\n\n",
            self.secret
        );
        for name in ["dora", "kit", "nora", "ann", "twin"] {
            ldif += &person(name, "people");
        }
        ldif += &person("twin", "elsewhere");
        ldif += &group("chiefs", &["dora", "ann", "twin"]);
        ldif += &group("readers", &["dora", "nobody-else"]);
        ldif += &group("cooks", &["kit", "nobody-else"]);
        self.change(&ldif).await
    }

    /// Takes a person of `people` out of a group.
    pub(crate) async fn take_out(&self, name: &str, group: &str) -> Result<()> {
        let (group, member) = (
            format!("cn={group},ou=groups,{BASE}"),
            dn_of(name, "people"),
        );
        let ldif = format!("dn: {group}\nchangetype: modify\ndelete: member\nmember: {member}\n");
        self.change(&ldif).await
    }

    /// Puts a person of `people` into a group.
    pub(crate) async fn put_in(&self, name: &str, group: &str) -> Result<()> {
        let (group, member) = (
            format!("cn={group},ou=groups,{BASE}"),
            dn_of(name, "people"),
        );
        let ldif = format!("dn: {group}\nchangetype: modify\nadd: member\nmember: {member}\n");
        self.change(&ldif).await
    }

    /// Deletes a person of `people`.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let ldif = format!("dn: {}\nchangetype: delete\n", dn_of(name, "people"));
        self.change(&ldif).await
    }

    /// What it has written so far: every connection, bind and search.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.process.log_path())?)
    }
}

/// A person, as an entry of LDIF.
pub(crate) fn person(name: &str, unit: &str) -> String {
    format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name} of the directory\nsn: {name}\n\
         mail: {name}@example.com\nuserPassword: {}\n\n",
        dn_of(name, unit),
        password(name)
    )
}

/// A group of people.
fn group(name: &str, members: &[&str]) -> String {
    let members = members
        .iter()
        .map(|name| format!("member: {}\n", dn_of(name, "people")));
    let members: String = members.collect();
    format!("dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

/// Where a person is.
pub(crate) fn dn_of(name: &str, unit: &str) -> String {
    format!("uid={name},ou={unit},{BASE}")
}

fn ensure_runs(process: &Process) -> Result<(), String> {
    let has_ended = !process.is_running();
    (!has_ended).then_some(()).ok_or_else(|| process.log_tail())
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
