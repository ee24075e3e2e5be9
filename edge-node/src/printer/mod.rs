//! Kitchen printers: each is a reader of the site log with a cursor of its own, and prints the new
//! tickets of its stations, those that no screen has acknowledged in time if it is a fallback, and
//! dead jobs that are tried again. Neither JetStream nor another printer plays a part in it.
//!
//! One ticket is at a printer at a time, in the order of the log; the cursor is the low-water mark.
//! Every ticket reaches paper at least once or stands in the dead letters. Before its bytes go out
//! the store is told so, and after they were taken again: a ticket between the two is printed once
//! more after a crash, marked as a copy, and one after both never.

mod code_page;
mod device;
mod job;
mod paper;
mod press;
mod render;
mod shown;
mod status;
mod words;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

pub use code_page::CodePage;
pub(crate) use shown::PrinterShown;
pub(crate) use words::Words;

use crate::backoff::Backoff;
use crate::config;
use crate::log::{Tail, Tailed};
use crate::metrics as names;
use crate::site::SiteState;
use crate::store::{ErrorChain, Store, StoreError};
use job::{Job, Line};
use press::{Outcome, Press};

/// Pause before the store is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the cursor is noted: what was printed since is looked at again after a crash, and
/// found to be printed.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How often a printer without work is asked whether it could print.
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// Tickets that are read ahead; more wait in the log.
const AHEAD: usize = 2_000;
/// How long a ticket that is being printed may take to end when the edge stops.
const GRACE: Duration = Duration::from_secs(5);

/// One printer.
pub(crate) struct Printer {
    store: Store,
    options: config::Printer,
    press: Arc<Press>,
    backoff: Backoff,
    expire: Duration,
    shown: watch::Sender<PrinterShown>,
}

/// What a printer is about.
enum Done {
    /// A ticket was tried.
    Worked(Outcome),
    /// It was asked whether it could print, and if not why.
    Probed(Result<(), String>),
}

/// The printer itself, by what was seen of it.
struct Bench {
    tasks: JoinSet<Result<Done, StoreError>>,
    /// Tries that failed since the last that did not.
    failures: u32,
    /// The next try is not made before.
    rest_until: Instant,
}

impl Printer {
    /// A printer with these settings at this site.
    pub(crate) fn new(store: Store, options: config::Printer, site: SiteState) -> Self {
        let name = options.name.clone();
        metrics::gauge!(names::PRINTER_UP, "printer" => name.clone()).set(0.0);
        metrics::gauge!(names::PRINTER_WAITING, "printer" => name.clone()).set(0.0);
        for result in ["printed", "copy", "retried", "dead"] {
            metrics::counter!(names::PRINTER_JOBS, "printer" => name.clone(), "result" => result)
                .absolute(0);
        }
        let backoff = Backoff::new(options.retry_min_milliseconds, options.retry_max_seconds);
        Self {
            press: Arc::new(Press::new(store.clone(), &options, site)),
            expire: Duration::from_secs(options.expire_seconds),
            shown: watch::Sender::new(PrinterShown::new(&options)),
            store,
            options,
            backoff,
        }
    }

    /// How it stands, from now on.
    pub(crate) fn shown(&self) -> watch::Receiver<PrinterShown> {
        self.shown.subscribe()
    }

    /// Prints until it is told to stop; a ticket that is at the printer then may still end.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut bench = Bench {
                tasks: JoinSet::new(),
                failures: 0,
                rest_until: Instant::now(),
            };
            let followed = stop.run_until_cancelled(self.follow(&mut bench)).await;
            // Never left between begin and end, as far as that can be helped.
            let grace = if stop.is_cancelled() {
                GRACE
            } else {
                Duration::MAX
            };
            let ended = timeout(grace, async {
                while bench.tasks.join_next().await.is_some() {}
            });
            if ended.await.is_err() {
                tracing::warn!(printer = self.options.name, "a ticket was cut off");
            }
            if let Some(Err(error)) = followed {
                let name = &self.options.name;
                tracing::debug!(printer = name, error = %ErrorChain(&error), "waits");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// Follows the log of one epoch.
    async fn follow(&self, bench: &mut Bench) -> Result<(), StoreError> {
        let reader = format!("printer:{}", self.options.name);
        let (mut tail, begin) = Tail::resume(&self.store, &reader).await?;
        let epoch = tail.epoch();
        let (mut line, mut noted) = (Line::new(begin), begin);
        let (mut note, mut probe) = (interval(NOTE_EVERY), interval(PROBE_EVERY));
        note.set_missed_tick_behavior(MissedTickBehavior::Delay);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let free = bench.tasks.is_empty();
            let first = line.waiting.front().map(|(_, job)| job.clone());
            let due = first.as_ref().map(|job| self.due(job, bench.rest_until));
            tokio::select! {
                tailed = tail.next(), if line.waiting.len() < AHEAD => match tailed {
                    Tailed::Entries(entries) => line.take(&self.options, &entries),
                    Tailed::Lost { first_kept } => {
                        tracing::error!(printer = self.options.name, first_kept, "events were lost");
                        line.read = first_kept - 1;
                    }
                    Tailed::NewEpoch => return Ok(()),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if free && due.is_some() => {
                    if let Some(job) = first {
                        let press = Arc::clone(&self.press);
                        bench.tasks.spawn(async move { press.work(&job).await.map(Done::Worked) });
                    }
                }
                _ = probe.tick(), if free && first.is_none() => {
                    let press = Arc::clone(&self.press);
                    bench.tasks.spawn(async move { Ok(Done::Probed(press.probe().await)) });
                }
                Some(done) = bench.tasks.join_next() => match done {
                    Ok(done) => self.note(done?, &mut line, bench),
                    // A panic ends the try alone.
                    Err(_panicked) => {
                        let failed = Outcome::Failed("the try broke off".to_owned());
                        self.note(Done::Worked(failed), &mut line, bench);
                    }
                },
                _ = note.tick() => {
                    let mark = line.mark();
                    // What cannot be noted now is noted later; a ticket at the printer goes on.
                    let changed = mark != noted;
                    if changed && self.store.save_cursor_of(&reader, epoch, mark).await.is_ok() {
                        noted = mark;
                    }
                }
            }
            let name = self.options.name.clone();
            metrics::gauge!(names::PRINTER_WAITING, "printer" => name)
                .set(line.waiting.len() as f64);
            self.shown
                .send_if_modified(|shown| shown.set_waiting(line.waiting.len()));
        }
    }

    /// When a ticket is to be tried: when the printer has rested, or the ticket is too old.
    fn due(&self, job: &Job, rest_until: Instant) -> Instant {
        let left = job.time_left(self.expire, self.store.now());
        rest_until.min(Instant::now() + left.unwrap_or_default())
    }

    fn note(&self, done: Done, line: &mut Line, bench: &mut Bench) {
        let outcome = match done {
            Done::Probed(probe) => return self.show(probe.err()),
            Done::Worked(outcome) => outcome,
        };
        match outcome {
            Outcome::Failed(trouble) => {
                self.show(Some(trouble));
                self.count("retried");
                bench.failures = bench.failures.saturating_add(1);
                bench.rest_until = Instant::now() + self.backoff.pause(bench.failures);
                return;
            }
            Outcome::Printed | Outcome::Copied => {
                self.show(None);
                let now = self.store.now();
                self.shown.send_modify(|shown| shown.note_printed(now));
                bench.failures = 0;
                self.count(if outcome == Outcome::Copied {
                    "copy"
                } else {
                    "printed"
                });
            }
            Outcome::Dead => self.count("dead"),
            Outcome::Needless => {}
        }
        line.waiting.pop_front();
    }

    /// Shows that it could print, or why not.
    fn show(&self, trouble: Option<String>) {
        let (name, up) = (self.options.name.clone(), trouble.is_none());
        self.shown.send_modify(|shown| shown.note_state(trouble));
        metrics::gauge!(names::PRINTER_UP, "printer" => name).set(f64::from(u8::from(up)));
    }

    fn count(&self, result: &'static str) {
        let name = self.options.name.clone();
        metrics::counter!(names::PRINTER_JOBS, "printer" => name, "result" => result).increment(1);
    }
}
