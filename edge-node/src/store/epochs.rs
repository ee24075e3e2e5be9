//! The lives of the store: how one ends and the next begins, and what is told again then.

use std::time::Duration;

use sunakku_common::event::cause;
use sunakku_common::ids::Epoch;

use super::{Operation, Store, StoreError};

/// What is told again in a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The events of the present epoch from this sequence on.
    From(u64),
    /// Everything that is kept, the logs of ended epochs included.
    Everything,
}

/// The log of an ended epoch, as far as it is told again.
struct Ended {
    key: String,
    /// Its first entry that was not told again itself.
    first: String,
}

impl Store {
    /// Begins a new epoch, in which the events from `first` on are told again. Nothing happens
    /// when `ended` is no longer the present epoch.
    pub async fn start_epoch(
        &self,
        ended: Epoch,
        first: u64,
        reason: &str,
        keep_old_log: Duration,
    ) -> Result<(), StoreError> {
        let again = Again::From(first);
        self.start_epoch_with(ended, again, reason, keep_old_log)
            .await
    }

    pub(crate) async fn start_epoch_with(
        &self,
        ended: Epoch,
        again: Again,
        reason: &str,
        keep_old_log: Duration,
    ) -> Result<(), StoreError> {
        let _nobody_else = self.inner.life.beginning.lock().await;
        self.begin_epoch(ended, again, reason, keep_old_log).await
    }

    pub(super) async fn begin_epoch(
        &self,
        ended: Epoch,
        again: Again,
        reason: &str,
        keep_old_log: Duration,
    ) -> Result<(), StoreError> {
        let (first, before) = match again {
            Again::From(first) => (first, Vec::new()),
            Again::Everything => self.everything().await?,
        };
        let keys = self.keys();
        let own = [
            keys.old_log(ended),
            keys.cursor("hub"),
            keys.stock(),
            keys.suspended(),
            keys.ended(),
        ];
        let args = [
            ended.to_string(),
            Epoch::new().to_string(),
            first.to_string(),
            reason.to_owned(),
            keep_old_log.as_secs().to_string(),
        ];
        let (logs, firsts): (Vec<_>, Vec<_>) =
            before.into_iter().map(|log| (log.key, log.first)).unzip();
        let (keys, args) = ([&own[..], &logs].concat(), [&args[..], &firsts].concat());
        let script = &self.inner.scripts.start_epoch;
        let reply = self
            .run(
                script,
                &Operation::system("edge", cause::UPKEEP),
                &keys,
                &args,
            )
            .await?;
        let epoch = reply.rest.first().and_then(|epoch| epoch.parse().ok());
        let epoch = epoch.ok_or_else(|| reply.unexpected())?;
        self.inner.life.note_epoch(epoch);
        self.inner.life.note_seq(epoch, reply.head);
        Ok(())
    }

    /// Whether there were epochs before the present one whose logs may still be kept.
    pub(crate) async fn has_ended_epochs(&self) -> Result<bool, StoreError> {
        let mut command = redis::cmd("EXISTS");
        command.arg(self.keys().ended());
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// The first entry of the present log that was not told again itself, and the logs before it.
    async fn everything(&self) -> Result<(u64, Vec<Ended>), StoreError> {
        let mut pipe = redis::pipe();
        pipe.cmd("HGET").arg(self.keys().meta()).arg("own_first");
        pipe.cmd("LRANGE").arg(self.keys().ended()).arg(0).arg(-1);
        let (first, ended): (Option<u64>, Vec<String>) =
            pipe.query_async(&mut self.connection()).await?;
        let log = |entry: &String| {
            let (epoch, first) = entry.split_once(' ')?;
            let key = self.keys().old_log(epoch.parse().ok()?);
            let first = first.to_owned();
            Some(Ended { key, first })
        };
        Ok((first.unwrap_or(1), ended.iter().filter_map(log).collect()))
    }
}
