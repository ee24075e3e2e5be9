//! Commands of the hub in the store: which were settled, and the reports of it.

use std::time::Duration;

use sunakku_common::event::{By, CommandSettled, kind};
use sunakku_common::ids::CommandId;

use super::{Operation, RECORD_LIFE, Store, StoreError};

/// A report that is asked for again is given again at most this often: the log is as safe as what
/// it reports, and only a hub that has lost what it was told has a reason to ask.
const REPORT_AGAIN: Duration = Duration::from_secs(600);

impl Operation {
    /// The effect of a command, under the command's own id.
    pub fn command(id: CommandId, by: By) -> Self {
        Self::new(Some(format!("command:{id}")), by, &id)
    }

    /// The report of it.
    fn report(id: CommandId, by: By) -> Self {
        let mut operation = Self::new(Some(format!("report:{id}")), by, &id);
        operation.life = REPORT_AGAIN;
        operation
    }
}

impl Store {
    /// Whether it is known what became of a command.
    pub async fn is_settled(&self, id: CommandId) -> Result<bool, StoreError> {
        let mut command = redis::cmd("EXISTS");
        command.arg(self.keys().command(id));
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Reports what became of a command; of two findings the first one stands.
    pub async fn settle_command(&self, settled: &CommandSettled) -> Result<(), StoreError> {
        let kind = match settled.reason {
            None => kind::COMMAND_APPLIED,
            Some(_) => kind::COMMAND_REFUSED,
        };
        let args = [
            kind.to_owned(),
            serde_json::to_string(settled)?,
            RECORD_LIFE.as_secs().to_string(),
        ];
        let operation = Operation::report(settled.command, settled.by.clone());
        let script = &self.inner.scripts.settle_command;
        let keys = [self.keys().command(settled.command)];
        let reply = self.run(script, &operation, &keys, &args).await?;
        reply.done().map(drop).map_err(|_| reply.unexpected())
    }
}
