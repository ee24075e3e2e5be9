//! Codes by which a screen signs in once. They are no facts of the site: the log does not tell of
//! them, and a store that lost them only wants new ones.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sunakku_common::claims::Role;

use super::{Store, StoreError};

/// Who a screen becomes by a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Name of the device.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made the code.
    #[serde(default)]
    pub by: String,
}

impl Store {
    /// Keeps a code for so long. Redis holds its digest alone.
    pub async fn keep_code(
        &self,
        code: &str,
        grant: &Grant,
        life: Duration,
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.keys().code(&digest(code)));
        command
            .arg(serde_json::to_string(grant)?)
            .arg("EX")
            .arg(life.as_secs());
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Takes a code, so that nobody gets it again. When the answer is lost, the code is lost
    /// with it: better than one that works twice.
    pub async fn take_code(&self, code: &str) -> Result<Option<Grant>, StoreError> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.keys().code(&digest(code)));
        let grant: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(grant.map(|text| serde_json::from_str(&text)).transpose()?)
    }
}

fn digest(code: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(code))
}
