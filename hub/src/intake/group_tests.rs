use serde_json::value::RawValue;

use super::*;

/// A log as an edge holds it.
struct Edge {
    site: SiteId,
    epoch: Epoch,
    events: Vec<String>,
    chains: Vec<Chain>,
}

impl Edge {
    fn new(site: &str, events: u64) -> Self {
        let (site, epoch): (SiteId, _) = (site.parse().expect("id"), Epoch::new());
        let mut chains = vec![Chain::genesis(&site, epoch)];
        let text = |seq| Event::encode(seq, "2026-11-23T10:00:00.000Z", "k", "{}");
        let events: Vec<String> = (1..=events).map(text).collect();
        for event in &events {
            chains.push(chains[chains.len() - 1].next(event));
        }
        Self {
            site,
            epoch,
            events,
            chains,
        }
    }

    /// The events after `from` up to `to`.
    fn request(&self, from: usize, to: usize) -> Request {
        let raw = |text: &String| RawValue::from_string(text.clone()).expect("JSON");
        let batch = Batch {
            epoch: self.epoch,
            from_seq: from as u64 + 1,
            prev_chain: self.chains[from],
            events: self.events[from..to].iter().map(raw).collect(),
            chain: self.chains[to],
            head: self.events.len() as u64,
            sender: None,
        };
        Request {
            site: self.site.clone(),
            batch,
        }
    }

    fn committed(&self, cursor: usize) -> Answer {
        Answer::Committed {
            cursor: cursor as u64,
            chain: self.chains[cursor],
        }
    }
}

fn group_of(site: &SiteId) -> Group {
    Group {
        sites: BTreeMap::from([(site.clone(), Site::default())]),
    }
}

#[test]
fn a_batch_and_its_repetition_in_one_group_are_taken_once() {
    let edge = Edge::new("s1", 5);
    let mut group = group_of(&edge.site);
    let requests = [edge.request(0, 3), edge.request(0, 5), edge.request(0, 3)];
    let judged: Vec<_> = requests.iter().map(|r| group.judge(r)).collect();
    assert_eq!(judged[0].answer, edge.committed(3));
    assert_eq!(judged[1].answer, edge.committed(5));
    assert_eq!(judged[2].answer, edge.committed(5));
    let new: Vec<usize> = judged.iter().map(|j| j.entries.len()).collect();
    assert_eq!(new, [3, 2, 0]);
    let (_, _, log, is_current) = group.touched().next().expect("one log");
    assert!(is_current && group.has_new_epoch());
    assert_eq!((log.duplicates, log.position.cursor), (6, 5));
    assert_eq!(
        log.chain_edge, edge.chains[5],
        "a late answer's batch does not set it back"
    );
}

#[test]
fn a_gap_is_counted_and_nothing_is_taken() {
    let edge = Edge::new("s1", 5);
    let mut group = group_of(&edge.site);
    group.judge(&edge.request(0, 2));
    let answer = group.judge(&edge.request(3, 5)).answer;
    assert_eq!(answer, Answer::Expected { expected_seq: 3 });
    let (_, _, log, _) = group.touched().next().expect("one log");
    assert_eq!((log.gaps, log.position.cursor, log.head), (1, 2, 5));
}

#[test]
fn another_history_shows_in_the_edges_chain() {
    let (held, mut other) = (Edge::new("s1", 4), Edge::new("s1", 0));
    let mut group = group_of(&held.site);
    group.judge(&held.request(0, 4));
    other.epoch = held.epoch;
    other.chains = held.chains[..3].to_vec();
    other.events = held.events[..2].to_vec();
    for seq in 3..=5 {
        let event = Event::encode(seq, "2026-11-23T10:00:00.000Z", "k", "\"other\"");
        other
            .chains
            .push(other.chains[seq as usize - 1].next(&event));
        other.events.push(event);
    }
    let answer = group.judge(&other.request(0, 5)).answer;
    assert_eq!(answer, Answer::Forked { fork_seq: 3 });
    let (_, _, log, _) = group.touched().next().expect("one log");
    assert_eq!((log.forks, log.position.chain), (1, held.chains[4]));
    assert_eq!(
        log.chain_edge, other.chains[4],
        "the edge's chain at our cursor"
    );
}

#[test]
fn the_newest_epoch_seen_is_the_current_one() {
    let (old, new) = (Edge::new("s1", 3), Edge::new("s1", 2));
    let mut group = group_of(&old.site);
    assert_eq!(group.judge(&old.request(0, 2)).answer, old.committed(2));
    assert_eq!(
        group.judge(&new.request(1, 2)).answer,
        Answer::Expected { expected_seq: 1 },
        "an epoch begins at its begin"
    );
    assert_eq!(group.judge(&new.request(0, 1)).answer, new.committed(1));
    let refused = group.judge(&old.request(2, 3)).answer;
    assert!(
        matches!(&refused, Answer::Refused { refused, .. } if refused == "superseded"),
        "{refused:?}"
    );
    assert_eq!(group.judge(&new.request(1, 2)).answer, new.committed(2));
}

#[test]
fn an_epoch_that_begins_with_a_lie_is_not_taken() {
    let edge = Edge::new("s1", 2);
    let mut group = group_of(&edge.site);
    let mut request = edge.request(0, 2);
    request.batch.prev_chain = edge.chains[1];
    assert!(matches!(
        group.judge(&request).answer,
        Answer::Refused { .. }
    ));
    let mut beat = edge.request(0, 0);
    (beat.batch.prev_chain, beat.batch.chain) = (edge.chains[1], edge.chains[1]);
    assert_eq!(
        group.judge(&beat).answer,
        Answer::Diverged { diverged_at: 0 }
    );
    assert!(!group.is_touched(), "nothing is kept of it");
}

#[test]
fn an_unknown_site_is_refused() {
    let edge = Edge::new("s2", 1);
    let request = edge.request(0, 1);
    let mut group = group_of(&"s1".parse().expect("id"));
    let answer = group.judge(&request).answer;
    assert!(matches!(answer, Answer::Refused { refused, .. } if refused == "unknown-site"));
}

#[test]
fn only_what_does_not_join_on_needs_more_than_the_cursor() {
    let edge = Edge::new("s1", 9);
    let mut group = group_of(&edge.site);
    group.judge(&edge.request(0, 6));
    let needs = |from, to| -> Vec<(u64, u64)> {
        let requests = [edge.request(from, to)];
        needed(&group, &requests)
            .map(|(.., first, last)| (first, last))
            .collect()
    };
    assert_eq!(needs(6, 9), []);
    assert_eq!(needs(6, 6), []);
    assert_eq!(needs(0, 0), []);
    assert_eq!(needs(7, 9), [], "a gap is answered without");
    assert_eq!(needs(0, 9), [(1, 5)]);
    assert_eq!(needs(2, 4), [(2, 4)]);
    assert_eq!(needs(5, 5), [(5, 5)], "a beat from before");
}
