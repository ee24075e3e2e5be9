//! The shortest story that still goes wrong: the faults since the last account that held are played again
//! with ever fewer of them, each time in a new world.

use anyhow::Result;

use super::plan::{Round, Strike};
use super::score::Score;
use super::{Options, play, say};

/// Letters that are told of what does not hold.
const TOLD: usize = 200;

/// A fault, and the place of its round.
type Step = (usize, Strike);

/// Looks for the shortest part of these rounds that still fails, and tells it.
pub(super) async fn tell(options: &Options, rounds: &[Round]) -> Result<()> {
    if rounds.is_empty() {
        return Ok(());
    }
    say("the faults before it:");
    for round in rounds {
        say(&format!("  {round}"));
    }
    if options.shrink == 0 {
        return Ok(());
    }
    let steps = steps(rounds);
    let tries = options.shrink.into();
    let fails = async |part: &[Step]| fails(options, &with(rounds, part)).await;
    match shortest(&steps, tries, fails).await? {
        None => say("played again alone they did no harm: by chance, or by what was before them"),
        Some(part) => {
            say("\nthe shortest part of them that still fails:");
            for round in with(rounds, &part) {
                say(&format!("  {round}"));
            }
        }
    }
    Ok(())
}

/// Plays the rounds in a new world and takes the account at their end.
async fn fails(options: &Options, rounds: &[Round]) -> Result<bool> {
    let options = Options {
        long: false,
        seconds: None,
        account_every: u16::MAX,
        ..options.clone()
    };
    say(&format!("\nagain, with faults: {}", steps(rounds).len()));
    let mut score = Score::default();
    play(&options, rounds, &mut score).await?;
    if let Some(broken) = score.broken.first() {
        let broken: String = broken.chars().take(TOLD).collect();
        say(&format!("it fails: {broken}"));
    }
    Ok(!score.broken.is_empty())
}

fn steps(rounds: &[Round]) -> Vec<Step> {
    let of = |(place, round): (usize, &Round)| {
        let strikes = round.strikes.clone();
        strikes.into_iter().map(move |strike| (place, strike))
    };
    rounds.iter().enumerate().flat_map(of).collect()
}

/// The rounds with these faults alone.
fn with(rounds: &[Round], part: &[Step]) -> Vec<Round> {
    let kept = rounds.iter().enumerate().map(|(place, round)| {
        let strikes = part.iter().filter(|step| step.0 == place);
        Round {
            strikes: strikes.map(|step| step.1).collect(),
            ..round.clone()
        }
    });
    kept.filter(|round| !round.strikes.is_empty()).collect()
}

/// The shortest part of `story` that fails, as far as `tries` tries tell: delta debugging, which drops halves,
/// quarters and at last single steps. `None` when the whole does not fail again.
async fn shortest<T: Clone>(
    story: &[T],
    mut tries: usize,
    mut fails: impl AsyncFnMut(&[T]) -> Result<bool>,
) -> Result<Option<Vec<T>>> {
    if tries == 0 || !fails(story).await? {
        return Ok(None);
    }
    tries -= 1;
    let (mut story, mut parts) = (story.to_vec(), 2);
    while 1 < story.len() && 0 < tries {
        let size = story.len().div_ceil(parts);
        let mut shorter = None;
        for from in (0..story.len()).step_by(size) {
            if tries == 0 {
                break;
            }
            let to = story.len().min(from + size);
            let rest = [&story[..from], &story[to..]].concat();
            tries -= 1;
            if fails(&rest).await? {
                shorter = Some(rest);
                break;
            }
        }
        match shorter {
            Some(rest) => (story, parts) = (rest, (parts - 1).max(2)),
            None if size == 1 => break,
            None => parts = (2 * parts).min(story.len()),
        }
    }
    Ok(Some(story))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of 0 to 11 when these are needed, and how often it was tried.
    async fn left(needed: &[usize], most: usize) -> (Option<Vec<usize>>, usize) {
        let story: Vec<usize> = (0..12).collect();
        let mut tried = 0;
        let found = shortest(&story, most, async |part: &[usize]| {
            tried += 1;
            Ok(needed.iter().all(|step| part.contains(step)))
        });
        let found = found.await.expect("nothing to go wrong");
        (found, tried)
    }

    #[tokio::test]
    async fn what_is_needed_is_left_and_nothing_else() {
        for needed in [&[7][..], &[0], &[11], &[2, 9], &[3, 4, 5], &[0, 6, 11]] {
            assert_eq!(left(needed, 100).await.0.as_deref(), Some(needed));
        }
    }

    #[tokio::test]
    async fn it_gives_up_after_so_many_tries_with_a_story_that_fails() {
        for most in 1..12 {
            let (found, tried) = left(&[2, 9], most).await;
            assert!(tried <= most, "{tried} of {most}");
            let found = found.expect("the whole fails");
            assert!(found.contains(&2) && found.contains(&9), "{found:?}");
        }
        assert_eq!(left(&[2, 9], 0).await, (None, 0));
    }

    #[tokio::test]
    async fn what_does_not_fail_again_is_not_shortened() {
        assert_eq!(left(&[12], 100).await, (None, 1));
    }
}
