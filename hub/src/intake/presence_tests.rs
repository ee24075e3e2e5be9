use super::*;

/// A site, its clock, and processes that are told by their numbers.
struct Scene {
    site: Site,
}

impl Scene {
    fn new() -> Self {
        let live = Some("U1".to_owned());
        let site = Site {
            live,
            had_boxes: true,
            ..Site::default()
        };
        Self { site }
    }

    fn pass(&mut self, seconds: f64) {
        for process in self.site.processes.values_mut() {
            process.heard += seconds;
            if let Some((ago, _)) = &mut process.beside {
                *ago += seconds;
            }
        }
    }

    /// What a process hears back: `ok`, or the word of a refusal.
    fn speaks(&mut self, id: u128, after: Option<u128>) -> String {
        let sender = Sender {
            nkey: "U1".to_owned(),
            instance: Uuid::from_u128(id),
            after: after.map(Uuid::from_u128),
        };
        word(self.site.refusal(Some(&sender)))
    }
}

fn word(answer: Option<Answer>) -> String {
    match answer {
        None => "ok".to_owned(),
        Some(Answer::Refused { refused, .. }) => refused,
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_restart_waits_for_the_silence_of_the_one_before() {
    let mut scene = Scene::new();
    assert_eq!(scene.speaks(1, None), "ok");
    scene.pass(1.0);
    assert_eq!(scene.speaks(2, Some(1)), "identity-check");
    scene.pass(2.0);
    // Killed meanwhile, and started again.
    assert_eq!(scene.speaks(3, Some(2)), "identity-check");
    scene.pass(4.0);
    assert_eq!(scene.speaks(3, Some(2)), "ok");
    for _ in 0..5 {
        scene.pass(5.0);
        assert_eq!(
            scene.speaks(3, Some(2)),
            "ok",
            "the second one is gone, and no alarm"
        );
    }
    let refused = |process: &Process| process.state == State::Refused;
    assert!(!scene.site.processes.values().any(refused));
}

#[test]
fn of_two_that_speak_by_turns_the_second_is_refused_and_so_is_its_restart() {
    let mut scene = Scene::new();
    assert_eq!(scene.speaks(1, None), "ok");
    let mut answers = Vec::new();
    for _ in 0..4 {
        scene.pass(2.5);
        answers.push(scene.speaks(2, Some(1)));
        scene.pass(2.5);
        assert_eq!(
            scene.speaks(1, None),
            "ok",
            "the one that came first goes on"
        );
    }
    assert_eq!(
        answers.last().map(String::as_str),
        Some(CONFLICT),
        "{answers:?}"
    );
    // Even when the first one is away for long, restarted or both.
    scene.pass(60.0);
    assert_eq!(scene.speaks(2, Some(1)), CONFLICT);
    assert_eq!(scene.speaks(3, Some(2)), CONFLICT);
    assert_eq!(scene.speaks(4, Some(1)), "ok");
}

#[test]
fn a_late_message_of_a_process_that_ended_raises_no_alarm() {
    let mut scene = Scene::new();
    scene.speaks(1, None);
    scene.pass(1.0);
    scene.speaks(2, Some(1));
    // Two of its messages hung together.
    scene.speaks(1, None);
    scene.speaks(1, None);
    scene.pass(8.0);
    assert_eq!(scene.speaks(2, Some(1)), "ok");
    scene.speaks(1, None);
    scene.pass(5.0);
    assert_eq!(scene.speaks(2, Some(1)), "ok");
    scene.pass(5.0);
    assert_eq!(scene.speaks(2, Some(1)), "ok");
    assert_ne!(
        scene.site.processes[&Uuid::from_u128(1)].state,
        State::Refused
    );
}

#[test]
fn only_the_live_box_of_a_site_is_heard() {
    let mut scene = Scene::new();
    assert_eq!(word(scene.site.refusal(None)), "revoked");
    scene.site.live = Some("U2".to_owned());
    assert_eq!(scene.speaks(1, None), "revoked");
    scene.site.live = None;
    assert_eq!(scene.speaks(1, None), "revoked");
    scene.site.had_boxes = false;
    assert_eq!(scene.speaks(1, None), "ok");
    scene.site.is_archived = true;
    assert_eq!(scene.speaks(1, None), "archived");
}
