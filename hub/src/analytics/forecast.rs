//! What will be sold on a day, by what was sold on the same days of the week before it; and how
//! right that was.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

/// How many weeks back are looked at.
pub(crate) const WEEKS: u64 = 4;
/// The days before the day in question on which the forecast is tried.
pub(crate) const TESTED_DAYS: u64 = 14;
/// The days before the day in question that are needed for all that.
pub(crate) const HISTORY_DAYS: u64 = TESTED_DAYS + 7 * WEEKS;

/// Units of one item by day; a day that is not there sold none.
pub(crate) type History = BTreeMap<NaiveDate, i64>;

/// How far a forecast was off on the tested days, summed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Errors {
    /// Days that were tested.
    pub(crate) days: i64,
    /// Units that were sold on them.
    pub(crate) sold: i64,
    /// Units by which the forecast was off.
    pub(crate) ours: f64,
    /// Units by which "as a week before" was off.
    pub(crate) naive: f64,
}

impl Errors {
    /// Mean absolute error, units a day; of what is summed up in `off`.
    pub(crate) fn mean(&self, off: f64) -> Option<f64> {
        (self.days > 0).then(|| off / self.days as f64)
    }

    /// Weighted absolute percentage error: units off for each unit sold.
    pub(crate) fn weighted(&self, off: f64) -> Option<f64> {
        (self.sold > 0).then(|| off / self.sold as f64)
    }

    /// Sums up two.
    pub(crate) fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.sold += other.sold;
        self.ours += other.ours;
        self.naive += other.naive;
    }
}

/// The mean of the same weekday in the last weeks, as far as anything is known of them: days before
/// `since` do not count. `None` when none is known.
pub(crate) fn forecast(history: &History, day: NaiveDate, since: NaiveDate) -> Option<f64> {
    let weeks = (1..=WEEKS).filter_map(|week| day.checked_sub_days(Days::new(7 * week)));
    let sold: Vec<i64> = weeks
        .filter(|day| *day >= since)
        .map(|day| units(history, day))
        .collect();
    (!sold.is_empty()).then(|| sold.iter().sum::<i64>() as f64 / sold.len() as f64)
}

/// As a week before.
pub(crate) fn naive(history: &History, day: NaiveDate, since: NaiveDate) -> Option<f64> {
    let week = day
        .checked_sub_days(Days::new(7))
        .filter(|day| *day >= since)?;
    Some(units(history, week) as f64)
}

fn units(history: &History, day: NaiveDate) -> i64 {
    history.get(&day).copied().unwrap_or(0)
}

/// Tries the forecast on the days before `day`, each by what was known before it.
pub(crate) fn back_test(history: &History, day: NaiveDate, since: NaiveDate) -> Errors {
    let days = (1..=TESTED_DAYS).filter_map(|n| day.checked_sub_days(Days::new(n)));
    let mut errors = Errors::default();
    for day in days {
        let tried = forecast(history, day, since).zip(naive(history, day, since));
        let Some((ours, naive)) = tried else { continue };
        let sold = units(history, day);
        errors.add(&Errors {
            days: 1,
            sold,
            ours: (ours - sold as f64).abs(),
            naive: (naive - sold as f64).abs(),
        });
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u64) -> NaiveDate {
        let first = NaiveDate::from_ymd_opt(2026, 9, 28).expect("a Monday");
        first + Days::new(n)
    }

    #[test]
    fn a_week_that_repeats_is_forecast_without_error() {
        let history: History = (0..56).map(|n| (day(n), (n % 7) as i64 * 10)).collect();
        assert_eq!(forecast(&history, day(57), day(0)), Some(10.0));
        let errors = back_test(&history, day(56), day(0));
        assert_eq!((errors.days, errors.ours, errors.naive), (14, 0.0, 0.0));
        assert_eq!(errors.weighted(errors.ours), Some(0.0));
    }

    #[test]
    fn a_mean_is_less_wrong_than_the_week_before_where_weeks_differ() {
        let up = |n: u64| if (n / 7).is_multiple_of(2) { 8 } else { 12 };
        let history: History = (0..56).map(|n| (day(n), up(n))).collect();
        assert_eq!(forecast(&history, day(56), day(0)), Some(10.0));
        let errors = back_test(&history, day(56), day(0));
        assert_eq!(
            (errors.mean(errors.ours), errors.mean(errors.naive)),
            (Some(2.0), Some(4.0))
        );
        assert_eq!(errors.weighted(errors.ours), Some(0.2));
    }

    #[test]
    fn days_before_there_was_anything_do_not_count_as_days_without_sales() {
        let history = History::from([(day(49), 5)]);
        assert_eq!(forecast(&history, day(56), day(45)), Some(5.0));
        assert_eq!(forecast(&history, day(56), day(50)), None);
        assert_eq!(back_test(&history, day(56), day(50)), Errors::default());
    }
}
