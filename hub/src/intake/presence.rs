//! Which box, and which process of it, speaks for a site.
//!
//! Credentials say which site a box is. A disk that was copied has them too, so two boxes may have
//! one identity; each would begin new epochs against the other. Every process of an edge therefore
//! names itself, and the one whose store it began with. One that is new waits until the one before
//! has been silent for longer than its heart beat: after a restart it always is. When both speak by
//! turns there are two; the one that came second is refused from then on, and so is every process
//! that begins with its store, until the box is enrolled anew. The hub's clock alone counts.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json as Jsonb;
use sunakku_common::ids::SiteId;
use sunakku_common::sync::{Answer, CONFLICT, Sender};
use uuid::Uuid;

use super::request::{Request, refusal};

/// A process that was silent for as long has ended: an edge beats every 5 seconds.
const SILENT_SECONDS: f64 = 7.0;
/// The least time between two signs of life of the current process beside one that waits. One
/// message may come late, from a hub that hung.
const BESIDE_SECONDS: f64 = 2.0;
/// Signs of life are noted this often.
const NOTE_SECONDS: f64 = 1.0;

/// What is known of the sites that a group's batches come from.
#[derive(Debug, Default)]
pub(super) struct Presence {
    sites: BTreeMap<SiteId, Site>,
}

#[derive(Debug, Default)]
struct Site {
    is_archived: bool,
    /// Public key of the box that speaks for it.
    live: Option<String>,
    /// Whether there was ever one.
    had_boxes: bool,
    processes: BTreeMap<Uuid, Process>,
}

#[derive(Debug, Clone, PartialEq)]
struct Process {
    after: Option<Uuid>,
    state: State,
    /// How long ago it was last heard, seconds.
    heard: f64,
    /// Of one that waits: how long ago the current one was first heard beside it, and whether it
    /// was itself heard since.
    beside: Option<(f64, bool)>,
    is_changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Current,
    Waiting,
    Ended,
    Refused,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Refused => "refused",
        }
    }
}

impl Presence {
    /// Why a batch is not taken, whatever is in it; `None` when its sender speaks for the site.
    pub(super) fn refusal(&mut self, request: &Request) -> Option<Answer> {
        let site = self.sites.get_mut(&request.site)?;
        site.refusal(request.batch.sender.as_ref())
    }

    /// Whether there is anything to store.
    pub(super) fn is_changed(&self) -> bool {
        let mut processes = self.sites.values().flat_map(|site| site.processes.values());
        processes.any(|process| process.is_changed)
    }
}

impl Site {
    fn refusal(&mut self, sender: Option<&Sender>) -> Option<Answer> {
        if self.is_archived {
            return Some(refusal("archived", "the site is archived at the hub"));
        }
        let is_live = match (&self.live, sender) {
            (Some(live), Some(sender)) => *live == sender.nkey,
            (Some(_), None) => false,
            // A site that no box was ever enrolled for: nats-server decides who it is.
            (None, _) => !self.had_boxes,
        };
        if !is_live {
            let detail = "this box does not speak for the site any more: enrol it anew";
            return Some(refusal("revoked", detail));
        }
        let sender = sender?;
        match self.hear(sender) {
            State::Current | State::Ended => None,
            State::Waiting => {
                let detail = "another process has just spoken for the site: this one is heard once \
                              that one is silent";
                Some(refusal("identity-check", detail))
            }
            State::Refused => {
                let detail = "another box speaks for this site, with the same credentials: switch \
                              one of the two off, or enrol this one anew";
                Some(refusal(CONFLICT, detail))
            }
        }
    }

    /// Notes a sign of life, and tells what its process is now.
    fn hear(&mut self, sender: &Sender) -> State {
        let id = sender.instance;
        let current = self.current();
        let is_free = current.is_none_or(|(_, heard)| SILENT_SECONDS <= heard);
        let is_barred = sender.after.is_some_and(|after| {
            let before = self.processes.get(&after);
            before.is_some_and(|before| before.state == State::Refused)
        });
        let known = self.processes.get(&id).map(|process| process.state);
        let state = match known {
            Some(State::Current) => {
                self.judge_others();
                State::Current
            }
            Some(State::Refused) => State::Refused,
            None if is_barred => State::Refused,
            None | Some(State::Waiting | State::Ended) if is_free => State::Current,
            None | Some(State::Waiting | State::Ended) => State::Waiting,
        };
        if state == State::Current
            && let Some((before, _)) = current
            && before != id
            && let Some(before) = self.processes.get_mut(&before)
        {
            (before.state, before.is_changed) = (State::Ended, true);
        }
        let process = self.processes.entry(id).or_insert(Process {
            after: sender.after,
            state,
            heard: f64::INFINITY,
            beside: None,
            is_changed: true,
        });
        process.is_changed |= process.state != state || NOTE_SECONDS <= process.heard;
        if state == State::Waiting && process.state != State::Waiting {
            process.beside = None;
        }
        if let Some((_, heard_since)) = &mut process.beside
            && !*heard_since
        {
            (*heard_since, process.is_changed) = (true, true);
        }
        (process.state, process.heard) = (state, 0.0);
        state
    }

    fn current(&self) -> Option<(Uuid, f64)> {
        let mut all = self.processes.iter();
        let current = all.find(|(_, process)| process.state == State::Current);
        current.map(|(id, process)| (*id, process.heard))
    }

    /// The current process lives: those that wait beside it and speak by turns with it are others.
    fn judge_others(&mut self) {
        for process in self.processes.values_mut() {
            if process.state != State::Waiting {
                continue;
            }
            match process.beside {
                None => (process.beside, process.is_changed) = (Some((0.0, false)), true),
                Some((ago, true)) if BESIDE_SECONDS <= ago => {
                    (process.state, process.is_changed) = (State::Refused, true);
                }
                Some(_) => {}
            }
        }
    }
}

/// Reads what is known of the sites of the requests, which are locked.
pub(super) async fn load(
    connection: &mut PgConnection,
    requests: &[Request],
) -> Result<Presence, sqlx::Error> {
    #[derive(serde::Deserialize)]
    struct Row {
        instance: Uuid,
        after: Option<Uuid>,
        state: State,
        heard: f64,
        beside: Option<f64>,
        heard_since: Option<bool>,
    }
    type SiteRow = (String, bool, Option<String>, bool, Option<Jsonb<Vec<Row>>>);
    let sites: Vec<&str> = requests
        .iter()
        .map(|request| request.site.as_str())
        .collect();
    let rows: Vec<SiteRow> = sqlx::query_as(
        "select s.site_id, s.archived_at is not null,
                (select nkey from site_box b where b.site_id = s.site_id and b.ended_at is null),
                exists (select from site_box b where b.site_id = s.site_id),
                (select jsonb_agg(jsonb_build_object(
                     'instance', i.instance, 'after', i.after, 'state', i.state,
                     'heard', extract(epoch from clock_timestamp() - i.last_seen_at),
                     'beside', extract(epoch from clock_timestamp() - i.beside_at),
                     'heard_since', i.last_seen_at > i.beside_at))
                 from site_instance i where i.site_id = s.site_id)
         from site s where s.site_id = any($1)",
    )
    .bind(sites)
    .fetch_all(connection)
    .await?;
    let mut presence = Presence::default();
    for (id, is_archived, live, had_boxes, processes) in rows {
        let id: SiteId = id
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let processes = processes.map(|Jsonb(rows)| rows).unwrap_or_default();
        let process = |row: Row| {
            let process = Process {
                after: row.after,
                state: row.state,
                heard: row.heard,
                beside: row.beside.map(|ago| (ago, row.heard_since == Some(true))),
                is_changed: false,
            };
            (row.instance, process)
        };
        let site = Site {
            is_archived,
            live,
            had_boxes,
            processes: processes.into_iter().map(process).collect(),
        };
        presence.sites.insert(id, site);
    }
    Ok(presence)
}

/// Stores what has changed.
pub(super) async fn store(
    connection: &mut PgConnection,
    presence: &Presence,
) -> Result<(), sqlx::Error> {
    let changed = presence.sites.iter().flat_map(|(site, known)| {
        let processes = known.processes.iter();
        let changed = processes.filter(|(_, process)| process.is_changed);
        changed.map(move |(id, process)| (site, *id, process))
    });
    // Who ends makes room before who follows: one statement each.
    let mut changed: Vec<_> = changed.collect();
    changed.sort_by_key(|(_, _, process)| process.state == State::Current);
    for (site, id, process) in changed {
        sqlx::query(
            "insert into site_instance as i (site_id, instance, after, state, last_seen_at, beside_at)
             values ($1, $2, $3, $4, clock_timestamp() - make_interval(secs => $5),
                     clock_timestamp() - make_interval(secs => $6))
             on conflict (site_id, instance) do update set
                 state = excluded.state, last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at),
                 beside_at = excluded.beside_at",
        )
        .bind(site.as_str())
        .bind(id)
        .bind(process.after)
        .bind(process.state.word())
        .bind(process.heard)
        .bind(process.beside.map(|(ago, _)| ago))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
