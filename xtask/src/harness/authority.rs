//! A private certificate authority, as an operator makes one: by `deploy/ca/sunakku-ca`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::workspace_root;

/// An authority in a folder of its own.
#[derive(Clone, Debug)]
pub struct Authority {
    folder: PathBuf,
}

/// A certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub pem: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one. Blocks for as long as openssl takes.
    pub fn make(folder: impl Into<PathBuf>) -> Result<Self> {
        let made = Self {
            folder: folder.into(),
        };
        made.run(&["init"])?;
        Ok(made)
    }

    /// What is given to everybody who is to believe its certificates.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// Makes a certificate for a host or address.
    pub fn issue(&self, name: &str, host: &str) -> Result<Certificate> {
        self.run(&["issue", name, host])?;
        Ok(self.certificate(name))
    }

    /// Makes the next certificate of the same name, key and hosts, in the same place.
    pub fn renew(&self, name: &str) -> Result<Certificate> {
        self.run(&["renew", name])?;
        Ok(self.certificate(name))
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate {
            pem: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        }
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let program = workspace_root().join("deploy/ca/sunakku-ca");
        let output = Command::new(&program)
            .args(arguments)
            .env("SUNAKKU_CA", &self.folder)
            .output()
            .with_context(|| format!("running {}", program.display()))?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(())
    }
}

impl Certificate {
    /// Gives both to the owner of a folder, as a server that runs as another user needs it: a key
    /// that others may read is refused.
    pub fn give_to_owner_of(&self, folder: &Path) -> Result<()> {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let owner = std::fs::metadata(folder)?;
        for file in [&self.pem, &self.key] {
            chown(file, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    }
}
