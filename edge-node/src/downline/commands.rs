//! Commands of the hub: each takes effect once, and what became of it goes into the site log.
//!
//! The effect runs under the command's own id, by the same scripts as a request at the site, so
//! one that comes again finds its key. A crash between effect and report is no harm: the hub sends
//! the command again, which finds the effect's key and reports. Refusals are kept like effects:
//! what was refused once stays so, even if it could be done by now.

use async_nats::{Message, Subscriber};
use futures::StreamExt as _;
use sunakku_common::command::{Command, Commands, Received, What};
use sunakku_common::event::{By, CommandSettled, cause};
use sunakku_common::state::OrderState;
use sunakku_common::subjects;

use super::Downline;
use crate::metrics as names;
use crate::state::AppState;
use crate::store::{Close, ErrorChain, Operation, Step, StockMove, StockMoving, StoreError, Whom};

/// What became of a command.
enum Outcome {
    Applied,
    /// Not done: a word for programs, and a sentence.
    Refused(&'static str, String),
}

/// Why a command cannot be settled now; it comes again.
#[derive(Debug, thiserror::Error)]
enum Later {
    #[error("the store does not take it")]
    Store(#[from] StoreError),
    #[error("the hub's menu cannot be read")]
    HubAway,
}

impl Downline {
    /// Applies commands as they come.
    pub(super) async fn follow_commands(&self) -> Result<(), async_nats::SubscribeError> {
        let shared = &self.state.inner;
        let subject = subjects::command(shared.store.site());
        let mut messages: Subscriber = shared.nats.subscribe(subject).await?;
        while let Some(message) = messages.next().await {
            if let Err(error) = self.state.take_commands(&message).await {
                tracing::warn!(error = %ErrorChain(&error), "a command waits to be sent again");
            }
        }
        Ok(())
    }
}

impl AppState {
    async fn take_commands(&self, message: &Message) -> Result<(), Later> {
        let site = self.inner.store.site();
        let commands: Commands = match serde_json::from_slice(&message.payload) {
            Ok(commands) => commands,
            Err(error) => {
                tracing::warn!(%error, "commands that cannot be read were dropped");
                return Ok(());
            }
        };
        if commands.site != *site {
            tracing::warn!(site = %commands.site, "commands for another site were dropped");
            return Ok(());
        }
        self.say_received(&commands).await;
        // In their order, each one settled before the next.
        for command in &commands.commands {
            self.take_command(command).await?;
        }
        Ok(())
    }

    async fn say_received(&self, commands: &Commands) {
        let received = Received {
            commands: commands.commands.iter().map(|command| command.id).collect(),
        };
        let subject = subjects::received(self.inner.store.site());
        // Lost, it is said again with the next message.
        if let Ok(payload) = serde_json::to_vec(&received)
            && let Err(error) = self.inner.nats.publish(subject, payload.into()).await
        {
            tracing::debug!(%error, "the hub does not hear that commands have come");
        }
    }

    async fn take_command(&self, command: &Command) -> Result<(), Later> {
        let store = &self.inner.store;
        let by = By::system(&format!("{}@hub", command.author), cause::HUB);
        let settled = |reason: Option<(&str, String)>| {
            let (reason, detail) = reason.unzip();
            CommandSettled {
                command: command.id,
                kind: command.kind.clone(),
                reason: reason.map(str::to_owned),
                detail,
                by: by.clone(),
            }
        };
        if store.is_settled(command.id).await? {
            // What was found first is reported, whatever this says.
            store.settle_command(&settled(None)).await?;
            return Ok(());
        }
        let operation = Operation::command(command.id, by.clone());
        let outcome = match store.done_before(&operation).await {
            // Its effect is there and was not reported: a crash came between.
            Ok(Some(_)) => Outcome::Applied,
            Ok(None) => self.apply(command, &operation).await?,
            Err(StoreError::KeyReused) => Outcome::Refused(
                "idempotency-key-reused",
                "A request at the site has used this command's key.".to_owned(),
            ),
            Err(error) => return Err(error.into()),
        };
        let (result, reason) = match outcome {
            Outcome::Applied => ("applied", None),
            Outcome::Refused(word, detail) => ("refused", Some((word, detail))),
        };
        tracing::info!(command.id = %command.id, command.kind, result, ?reason, "a command");
        store.settle_command(&settled(reason)).await?;
        metrics::counter!(names::COMMANDS, "result" => result).increment(1);
        Ok(())
    }

    async fn apply(&self, command: &Command, operation: &Operation) -> Result<Outcome, Later> {
        if command.expires_at <= self.inner.store.now() {
            let detail = format!("It was to be applied before {}.", command.expires_at);
            return Ok(Outcome::Refused("expired", detail));
        }
        let what = match What::read(&command.kind, &command.args) {
            Ok(what) => what,
            Err(why) => return Ok(Outcome::Refused("invalid-command", why)),
        };
        match what {
            What::StockAdjust { sku, delta, reason } => {
                let step = StockMove::Adjust(delta);
                self.move_stock(operation, &sku, step, Some(reason)).await
            }
            What::StockSet { sku, on_hand } => {
                let step = on_hand.map_or(StockMove::Uncount, StockMove::Set);
                let reason = Some("count".to_owned());
                self.move_stock(operation, &sku, step, reason).await
            }
            What::StockSuspend { sku, until, reason } => {
                let step = StockMove::Suspend(until);
                self.move_stock(operation, &sku, step, reason).await
            }
            What::StockResume { sku, reason } => {
                let step = StockMove::Resume;
                self.move_stock(operation, &sku, step, reason).await
            }
            What::OrderCancel { order, reason } => {
                use OrderState::{Cancelled, Placed, Preparing, Ready};
                let close = Close {
                    next: Cancelled,
                    reason: Some(reason),
                    from: &[Placed, Preparing, Ready],
                };
                Ok(
                    match self.inner.store.close(operation, order, &close).await? {
                        Step::Made(..) => Outcome::Applied,
                        Step::Missing => {
                            Outcome::Refused("not-found", "There is no such order.".to_owned())
                        }
                        Step::Illegal { state, .. } => Outcome::Refused(
                            "illegal-transition",
                            format!("The order is {state} and cannot be called off."),
                        ),
                    },
                )
            }
            What::SiteClose { until, reason } => {
                let until = self.inner.site.closing_time(until, self.inner.store.now());
                let Some(until) = until else {
                    let why = "until: must be within the next 14 days".to_owned();
                    return Ok(Outcome::Refused("invalid-command", why));
                };
                let site = &self.inner.site;
                site.switch(operation, Some(until), reason).await?;
                Ok(Outcome::Applied)
            }
            What::SiteOpen { reason } => {
                self.inner.site.switch(operation, None, reason).await?;
                Ok(Outcome::Applied)
            }
            What::MenuReload { go_back } => match self.read_from_hub(go_back).await? {
                true => Ok(Outcome::Applied),
                false => Err(Later::HubAway),
            },
            What::DevicePair { code, name, role } => {
                let (pairings, gate) = (&self.inner.pairings, &self.inner.gate);
                let confirmed = pairings.confirm(gate, operation, (&code, name, role));
                Ok(match confirmed.await? {
                    Ok(_device) => Outcome::Applied,
                    Err(why) => Outcome::Refused(why.word(), why.to_string()),
                })
            }
            What::DeviceRevoke { device, reason } => {
                let gate = &self.inner.gate;
                gate.revoke(operation, (device, Whom::Any), reason).await?;
                Ok(Outcome::Applied)
            }
            What::QueuePause { reason } => self.switch_queue(operation, true, reason).await,
            What::QueueResume { reason } => self.switch_queue(operation, false, reason).await,
        }
    }

    async fn move_stock(
        &self,
        operation: &Operation,
        sku: &str,
        step: StockMove,
        reason: Option<String>,
    ) -> Result<Outcome, Later> {
        if !self.knows_sku(sku) {
            let why = format!("Nothing on the menu takes from \"{sku}\".");
            return Ok(Outcome::Refused("unknown-sku", why));
        }
        let store = &self.inner.store;
        let moving = store
            .move_stock(operation, sku, step, reason.as_deref())
            .await?;
        Ok(match moving {
            StockMoving::Made(..) => Outcome::Applied,
            StockMoving::Uncounted => {
                Outcome::Refused("not-counted", format!("\"{sku}\" is not counted."))
            }
            StockMoving::Changed => Outcome::Refused("changed", "It was changed since.".to_owned()),
            StockMoving::Negative { on_hand } => Outcome::Refused(
                "negative-stock",
                format!("Only {on_hand} of \"{sku}\" are at hand."),
            ),
        })
    }

    async fn switch_queue(
        &self,
        operation: &Operation,
        pause: bool,
        reason: Option<String>,
    ) -> Result<Outcome, Later> {
        self.inner.queue.switch(operation, pause, reason).await?;
        Ok(Outcome::Applied)
    }
}
