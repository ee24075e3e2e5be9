//! Histograms of durations: which bucket a duration falls into, and what a bucket stands for.
//!
//! Buckets can be added up over any hours, sites and stations, which quantiles themselves cannot.
//! A quantile is that of the sum, off by no more than the width of its bucket.

/// Ratio of a preparation bucket's ends: what a bucket stands for is off by at most 2.5 %.
const GROWTH: f64 = 1.025 / 0.975;
/// Width of a bucket of promise errors, seconds: what it stands for is off by at most half of it.
pub(crate) const PROMISE_WIDTH: i64 = 20;
/// Buckets of promise errors on each side; beyond is as far as the last (two hours).
const PROMISE_ENDS: i64 = 360;
/// More than there are on both sides.
const MOST_BUCKETS: usize = 2 * PROMISE_ENDS as usize;
/// The longest preparation that is told apart, seconds.
const LONGEST: f64 = 86_400.0;

/// How many there are in each bucket, of either kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    /// From the bucket `-PROMISE_ENDS` on.
    counts: Vec<i64>,
}

impl Histogram {
    /// Adds so many to a bucket; one that no duration falls into is nothing.
    pub(crate) fn add(&mut self, bucket: i32, count: i64) {
        let Ok(place) = usize::try_from(bucket.saturating_add(PROMISE_ENDS as i32)) else {
            return;
        };
        if place >= self.counts.len() {
            self.counts.resize(place.min(MOST_BUCKETS) + 1, 0);
        }
        if let Some(sum) = self.counts.get_mut(place) {
            *sum += count;
        }
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        let most = self.counts.len().max(other.counts.len());
        self.counts.resize(most, 0);
        let both = self.counts.iter_mut().zip(&other.counts);
        both.for_each(|(sum, count)| *sum += count);
    }

    /// The buckets that have any, in their order.
    pub(crate) fn counts(&self) -> Vec<(i32, i64)> {
        let buckets = (-PROMISE_ENDS as i32..).zip(self.counts.iter().copied());
        buckets.filter(|(_, count)| *count > 0).collect()
    }
}

/// The bucket of a preparation time; a second and less are one.
pub(crate) fn of_preparation(millis: i64) -> i32 {
    let seconds = (millis as f64 / 1_000.0).clamp(1.0, LONGEST);
    // At most ln(86 400) / ln(1.05): a few hundred.
    (seconds.ln() / GROWTH.ln()).ceil() as i32
}

/// The preparation time that a bucket stands for, seconds.
pub(crate) fn preparation(bucket: i32) -> f64 {
    // The one in the middle as seen from both ends.
    2.0 * GROWTH.powi(bucket) / (GROWTH + 1.0)
}

/// The bucket of an error of the promise: 0 and less when an order was in time.
pub(crate) fn of_promise(millis: i64) -> i32 {
    let bucket = -millis.saturating_neg().div_euclid(PROMISE_WIDTH * 1_000);
    // Within ±360.
    bucket.clamp(-PROMISE_ENDS, PROMISE_ENDS) as i32
}

/// The error that a bucket stands for, seconds.
pub(crate) fn promise(bucket: i32) -> f64 {
    (f64::from(bucket) - 0.5) * PROMISE_WIDTH as f64
}

/// The bucket in which the smallest value lies that `per_cent` of all do not exceed; `None`
/// without any. `counts` are in the order of the buckets.
pub(crate) fn quantile(counts: &[(i32, i64)], per_cent: i64) -> Option<i32> {
    let total: i64 = counts.iter().map(|(_, count)| count).sum();
    let rank = (total * per_cent + 99) / 100;
    let mut seen = 0;
    let reached = counts.iter().find(|(_, count)| {
        seen += count;
        seen >= rank.max(1)
    });
    reached.map(|(bucket, _)| *bucket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_is_off_by_no_more_than_stated(
            mut millis in prop::collection::vec(1_000_i64..7_200_000, 1..200),
            per_cent in 1_i64..=100,
        ) {
            millis.sort_unstable();
            let mut counts = std::collections::BTreeMap::new();
            for millis in &millis {
                *counts.entry(of_preparation(*millis)).or_insert(0_i64) += 1;
            }
            let counts: Vec<_> = counts.into_iter().collect();
            let found = preparation(quantile(&counts, per_cent).expect("some"));
            let rank = (millis.len() as i64 * per_cent + 99) / 100;
            let exact = millis[rank as usize - 1] as f64 / 1_000.0;
            prop_assert!((found / exact - 1.0).abs() <= 0.0251, "{found} for {exact}");
        }

        #[test]
        fn an_error_of_the_promise_is_off_by_half_a_bucket(millis in -7_200_000_i64..7_200_000) {
            let off = promise(of_promise(millis)) - millis as f64 / 1_000.0;
            prop_assert!(off.abs() <= PROMISE_WIDTH as f64 / 2.0);
        }
    }

    #[test]
    fn whatever_a_clock_says_there_is_a_bucket() {
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            assert!((0..=300).contains(&of_preparation(millis)));
            assert!((-360..=360).contains(&of_promise(millis)));
        }
        let mut times = Histogram::default();
        for bucket in [i32::MIN + 360, -361, -360, 360, 361, i32::MAX - 360] {
            times.add(bucket, 1);
        }
        let mut twice = times.clone();
        twice.merge(&times);
        assert_eq!(twice.counts(), [(-360, 2), (360, 2)]);
        assert_eq!(quantile(&[], 50), None);
        assert_eq!([-1, 0, 1].map(of_promise), [0, 0, 1], "in time or not");
    }
}
