//! When work begins.
//!
//! In a *closed* loop each connection begins its next piece when the one before is done, so a slow
//! server is asked less often. In an *open* loop work arrives at a rate whatever the server does; a
//! piece that finds no free connection waits, and its time counts from when it was to begin. That is
//! what guests feel, and what a closed loop hides (coordinated omission).

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Semaphore;

/// Work that arrives within this time begins together, at its end; less would cost the processor that
/// is being measured more than it tells.
const GRAIN: Duration = Duration::from_micros(200);
/// How long what has arrived may wait after the end, before it is given up.
const OVERTIME: Duration = Duration::from_secs(10);
/// Arrivals by chance are the same in each run.
const SEED: u64 = 0x5EED;

/// So many connections, each as fast as answers come (`64`), or all together at a rate (`64@300`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loop {
    /// Connections.
    pub connections: usize,
    /// Pieces a second in all; a closed loop without it.
    pub per_second: Option<f64>,
}

impl FromStr for Loop {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (connections, rate) = match text.split_once('@') {
            Some((connections, rate)) => (connections, Some(rate)),
            None => (text, None),
        };
        let number = "a number of connections such as 64, or 64@300 for 300 a second";
        let connections = connections.trim().parse().context(number)?;
        let per_second = rate.map(|rate| rate.trim().parse::<f64>());
        let per_second = per_second.transpose().context(number)?;
        ensure!(0 < connections && connections <= 100_000, "{number}");
        let sound = |rate: f64| rate.is_finite() && 0.0 < rate && rate <= 1e6;
        ensure!(per_second.is_none_or(sound), "{number}");
        Ok(Self {
            connections,
            per_second,
        })
    }
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Arrivals {
    /// By chance, at the rate in the long run, as guests come.
    #[default]
    Random,
    /// One after the other with the same gap.
    Even,
}

/// Times since the begin at which work arrives, without end.
#[derive(Debug)]
struct Times {
    gap: f64,
    random: Option<StdRng>,
    count: u64,
    at: f64,
}

impl Times {
    fn new(per_second: f64, arrivals: Arrivals) -> Self {
        let random = (arrivals == Arrivals::Random).then(|| StdRng::seed_from_u64(SEED));
        Self {
            gap: 1.0 / per_second,
            random,
            count: 0,
            at: 0.0,
        }
    }
}

impl Iterator for Times {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        match &mut self.random {
            // Exponential gaps.
            Some(random) => {
                let chance: f64 = random.random_range(f64::EPSILON..1.0);
                self.at += -chance.ln() * self.gap;
            }
            // Not by adding up, which would drift.
            None => self.at = self.count as f64 * self.gap,
        }
        self.count += 1;
        Some(Duration::from_secs_f64(self.at))
    }
}

/// When a run begins, from when on it counts, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The first piece.
    pub(crate) begin: Instant,
    /// What is to begin earlier warms up and is not counted.
    pub(crate) counted: Instant,
    /// Nothing begins after it.
    pub(crate) end: Instant,
}

impl Span {
    /// From now.
    pub(crate) fn of(warm_up: Duration, counted: Duration) -> Self {
        let begin = Instant::now();
        Self {
            begin,
            counted: begin + warm_up,
            end: begin + warm_up + counted,
        }
    }

    /// How long it counts, seconds.
    pub(crate) fn seconds(&self) -> f64 {
        (self.end - self.counted).as_secs_f64()
    }
}

/// Hands out the moments at which work is to begin, to all connections of one loop.
#[derive(Debug)]
pub(crate) struct Pacer {
    span: Span,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// What has arrived and was not begun.
    due: Mutex<VecDeque<Instant>>,
    /// One for each of them; once it is over, more.
    permits: Semaphore,
    over: AtomicBool,
}

impl Pacer {
    /// A pacer; an open loop's schedule is kept by a thread of its own, because timers of the
    /// runtime are as coarse as a whole answer takes.
    pub(crate) fn start(shape: &Loop, arrivals: Arrivals, span: Span) -> Arc<Self> {
        let open = shape.per_second.map(|_| Open {
            due: Mutex::new(VecDeque::new()),
            permits: Semaphore::new(0),
            over: AtomicBool::new(false),
        });
        let pacer = Arc::new(Self { span, open });
        if let Some(per_second) = shape.per_second {
            let (pacer, times) = (Arc::clone(&pacer), Times::new(per_second, arrivals));
            let connections = shape.connections;
            std::thread::spawn(move || pacer.keep(times, connections));
        }
        pacer
    }

    /// The span of the run.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    fn keep(&self, times: Times, connections: usize) {
        let Some(open) = &self.open else { return };
        let mut together: Vec<Instant> = Vec::new();
        for time in times {
            let due = self.span.begin + time;
            if self.span.end <= due {
                break;
            }
            if let Some(first) = together.first()
                && GRAIN <= due - *first
            {
                open.release(&mut together);
            }
            together.push(due);
        }
        open.release(&mut together);
        open.over.store(true, Ordering::Release);
        // Everybody who waits hears that nothing comes any more.
        open.permits.add_permits(connections);
    }

    /// When the next piece is, or was, to begin; `None` when the run is over.
    pub(crate) async fn next(&self) -> Option<Instant> {
        let Some(open) = &self.open else {
            let now = Instant::now();
            return (now < self.span.end).then_some(now);
        };
        if self.span.end + OVERTIME < Instant::now() {
            return None;
        }
        let permit = open.permits.acquire().await.ok()?;
        permit.forget();
        let due = open.lock().pop_front();
        debug_assert!(due.is_some() || open.over.load(Ordering::Acquire));
        due
    }

    /// Counted arrivals that nobody has begun.
    pub(crate) fn unserved(&self) -> u64 {
        let Some(open) = &self.open else { return 0 };
        let due = open.lock();
        let counted = due.iter().filter(|due| self.span.counted <= **due);
        counted.count() as u64
    }
}

impl Open {
    /// Lets work begin that arrives at about the same time: when the last of it is due, never early.
    fn release(&self, together: &mut Vec<Instant>) {
        let Some(last) = together.last() else { return };
        std::thread::sleep(last.saturating_duration_since(Instant::now()));
        let count = together.len();
        self.lock().extend(together.drain(..));
        self.permits.add_permits(count);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Instant>> {
        // A panic while holding it leaves the list whole.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_read_as_it_is_written() {
        let read = |text: &str| text.parse::<Loop>().ok();
        let shape = |connections, per_second| {
            Some(Loop {
                connections,
                per_second,
            })
        };
        assert_eq!(read("64"), shape(64, None));
        assert_eq!(read("8@2.5"), shape(8, Some(2.5)));
        for bad in ["", "0", "x", "3@", "3@0", "3@-1", "3@inf", "@5"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn even_arrivals_have_the_same_gap_and_do_not_drift() {
        let mut times = Times::new(1_000.0, Arrivals::Even);
        assert_eq!(times.next(), Some(Duration::ZERO));
        assert_eq!(times.next(), Some(Duration::from_millis(1)));
        let late = times.nth(999_997).expect("without end");
        assert!((late.as_secs_f64() - 999.999).abs() < 1e-6, "{late:?}");
    }

    #[test]
    fn arrivals_by_chance_keep_the_rate_in_the_long_run_and_are_the_same_each_time() {
        let times = || Times::new(500.0, Arrivals::Random);
        let all: Vec<Duration> = times().take(50_000).collect();
        assert!(all.is_sorted());
        let last = all.last().expect("many").as_secs_f64();
        assert!((95.0..105.0).contains(&last), "{last}");
        assert!(times().take(50_000).eq(all.iter().copied()));
        // By chance: about 1 - 1/e of the gaps are shorter than the mean.
        let short = all
            .windows(2)
            .filter(|two| two[1] - two[0] < Duration::from_millis(2));
        let share = short.count() as f64 / all.len() as f64;
        assert!((0.61..0.66).contains(&share), "{share}");
    }

    #[tokio::test]
    async fn every_arrival_is_handed_out_once_with_the_time_at_which_it_was_to_begin() {
        let shape = Loop {
            connections: 3,
            per_second: Some(1_000.0),
        };
        let span = Span::of(Duration::from_millis(100), Duration::from_millis(200));
        let pacer = Pacer::start(&shape, Arrivals::Even, span);
        // Nobody serves for a while: what arrives meanwhile is late, and says so.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut due = Vec::new();
        while let Some(at) = pacer.next().await {
            assert!(at <= Instant::now());
            due.push(at - span.begin);
        }
        let wanted: Vec<Duration> = Times::new(1_000.0, Arrivals::Even).take(300).collect();
        assert_eq!(due, wanted);
        assert_eq!(pacer.unserved(), 0);
        for _others in 1..shape.connections {
            assert_eq!(pacer.next().await, None);
        }
    }

    #[tokio::test]
    async fn arrivals_that_nobody_serves_are_counted() {
        let shape = Loop {
            connections: 1,
            per_second: Some(100.0),
        };
        let span = Span::of(Duration::from_millis(100), Duration::from_millis(100));
        let pacer = Pacer::start(&shape, Arrivals::Even, span);
        while !pacer
            .open
            .as_ref()
            .is_some_and(|open| open.over.load(Ordering::Acquire))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(pacer.unserved(), 10);
    }

    #[tokio::test]
    async fn a_closed_loop_begins_whenever_it_is_asked_until_the_end() {
        let shape = Loop {
            connections: 1,
            per_second: None,
        };
        let span = Span::of(Duration::ZERO, Duration::from_millis(30));
        let pacer = Pacer::start(&shape, Arrivals::Even, span);
        assert!(pacer.next().await.is_some());
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(pacer.next().await, None);
    }
}
