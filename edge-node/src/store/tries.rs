//! How often somebody tried to sign in as a person at a device, so that nobody guesses for long.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Operation, Store, StoreError};

/// How many may try before they have to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tries that are free.
    pub free: u32,
    /// The wait after the last free one; it doubles with each further one.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After so long without a try all are forgotten.
    pub forgotten: Duration,
}

/// How it stands with a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It may be made; if it fails, the next one has to wait so long.
    Free(Duration),
    /// It may not be made for so long.
    Locked(Duration),
}

impl Store {
    /// Counts a try of somebody (device and person) as failed, until [`Store::forget_tries`].
    pub async fn begin_try(
        &self,
        operation: &Operation,
        who: &[&str],
        patience: Patience,
    ) -> Result<Try, StoreError> {
        let script = &self.inner.scripts.begin_try;
        let args = [
            patience.free.to_string(),
            patience.first.as_millis().to_string(),
            patience.longest.as_millis().to_string(),
            patience.forgotten.as_secs().to_string(),
            self.now().timestamp_millis().to_string(),
        ];
        let key = self.keys().tries(&digest(who));
        let reply = self.run(script, operation, &[key], &args).await?;
        let wait = reply.rest.first().and_then(|text| text.parse().ok());
        let wait = Duration::from_millis(wait.ok_or_else(|| reply.unexpected())?);
        match reply.done() {
            Ok(_) => Ok(Try::Free(wait)),
            Err("locked") => Ok(Try::Locked(wait)),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// One has worked: those before are forgotten.
    pub async fn forget_tries(&self, who: &[&str]) -> Result<(), StoreError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.keys().tries(&digest(who)));
        Ok(command.query_async(&mut self.connection()).await?)
    }
}

fn digest(who: &[&str]) -> String {
    let mut all = Sha256::new();
    for part in who {
        all.update(part.len().to_string());
        all.update(":");
        all.update(part);
    }
    HEXLOWER.encode(&all.finalize())
}
