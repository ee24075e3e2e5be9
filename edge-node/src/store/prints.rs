//! What goes to a printer: marks that keep a ticket from being printed twice unnoticed.

use sunakku_common::event::cause;
use sunakku_common::ids::{OrderId, TicketId};

use super::{Operation, RECORD_LIFE, Store, StoreError};

/// A ticket for a printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print<'a> {
    /// Name of the printer.
    pub printer: &'a str,
    /// The ticket.
    pub ticket: TicketId,
    /// Its order.
    pub order: OrderId,
    /// Whether it is only wanted as long as no screen has acknowledged it.
    pub unless_acknowledged: bool,
}

/// Whether a ticket is to be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// It is.
    Begun {
        /// Whether it may be on paper already: an earlier try was begun and not ended.
        again: bool,
    },
    /// It is on paper.
    Printed,
    /// It was cancelled or done in the meantime, or acknowledged where that makes it needless.
    Unwanted,
}

impl Store {
    /// Notes that a ticket is about to go to a printer, if it is still wanted there. Once this
    /// was answered it may be on paper or not until [`Self::end_print`].
    pub async fn begin_print(&self, print: Print<'_>) -> Result<Beginning, StoreError> {
        let keys = self.keys();
        let mark = keys.print_mark(print.printer, print.ticket);
        let more_keys = [keys.order(print.order), mark];
        let args = [
            print.ticket.to_string(),
            u8::from(print.unless_acknowledged).to_string(),
            RECORD_LIFE.as_secs().to_string(),
        ];
        let script = &self.inner.scripts.begin_print;
        let operation = Operation::system("printer", cause::JOB);
        let reply = self.run(script, &operation, &more_keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(Beginning::Begun {
                again: reply.rest.first().is_some_and(|flag| flag == "1"),
            }),
            Err("printed") => Ok(Beginning::Printed),
            Err("unwanted") => Ok(Beginning::Unwanted),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Whether a ticket is on paper.
    pub async fn is_printed(&self, print: Print<'_>) -> Result<bool, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys().print_mark(print.printer, print.ticket));
        let mark: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(mark.is_some_and(|mark| mark == "printed"))
    }

    /// Notes that a ticket is on paper: it never goes to that printer again. `job` names the job,
    /// whose failed tries are forgotten.
    pub async fn end_print(&self, print: Print<'_>, job: &str) -> Result<(), StoreError> {
        let keys = self.keys();
        let mark = keys.print_mark(print.printer, print.ticket);
        let args = [RECORD_LIFE.as_secs().to_string()];
        let script = &self.inner.scripts.end_print;
        let operation = Operation::system("printer", cause::JOB);
        let reply = self
            .run(script, &operation, &[mark, keys.attempts(job)], &args)
            .await?;
        let done = reply.done().map(|_| ());
        done.map_err(|_| reply.unexpected())
    }
}
