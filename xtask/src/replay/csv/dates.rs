//! Dates and times in the notations that sales programs use.

mod tokens;

use std::str::FromStr;

use anyhow::{Result, bail};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime};

use self::tokens::Tokens;

/// Which comes first where a date is all numbers and its year stands last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrder {
    /// 31/12/2026.
    DayFirst,
    /// 12/31/2026.
    MonthFirst,
}

impl FromStr for DayOrder {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "dmy" => Ok(Self::DayFirst),
            "mdy" => Ok(Self::MonthFirst),
            other => bail!("{other:?}: say dmy or mdy"),
        }
    }
}

/// A moment, of which day and month may still be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    text: String,
    date: Date,
    time: NaiveTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Date {
    Clear(NaiveDate),
    /// As written: two numbers and a year.
    Open(u32, u32, i32),
}

impl Stamp {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let parsed = of_digits(text).or_else(|| Tokens::of(text)?.stamp());
        let (date, time) = parsed.ok_or_else(|| unreadable(text))?;
        Ok(Self {
            text: text.to_owned(),
            date,
            time,
        })
    }

    pub(super) fn resolve(&self, order: DayOrder) -> Result<NaiveDateTime, String> {
        let date = match (self.date, order) {
            (Date::Clear(date), _) => Some(date),
            (Date::Open(day, month, year), DayOrder::DayFirst)
            | (Date::Open(month, day, year), DayOrder::MonthFirst) => valid(year, month, day),
        };
        Ok(date
            .ok_or_else(|| unreadable(&self.text))?
            .and_time(self.time))
    }
}

/// Finds out from the whole column whether the day or the month comes first.
pub(super) fn decide<'a>(
    stamps: impl Iterator<Item = (u64, &'a Stamp)>,
    asked: Option<DayOrder>,
) -> Result<DayOrder> {
    /// A few slips of the pen do not make a column unclear.
    const SLIPS: usize = 100;
    let (mut day_first, mut month_first, mut open) = (0, 0, None);
    for (line, stamp) in stamps {
        match stamp.date {
            Date::Open(13..=31, 1..=12, _) => day_first += 1,
            Date::Open(1..=12, 13..=31, _) => month_first += 1,
            Date::Open(first @ 1..=12, second @ 1..=12, _) if first != second => {
                open = open.or(Some((line, &stamp.text)));
            }
            _ => {}
        }
    }
    match (day_first, month_first) {
        (1.., 0) => return Ok(DayOrder::DayFirst),
        (0, 1..) => return Ok(DayOrder::MonthFirst),
        _ => {}
    }
    if let Some(order) = asked {
        return Ok(order);
    }
    match (day_first, month_first, open) {
        (0, 0, None) => Ok(DayOrder::DayFirst),
        (0, 0, Some((line, text))) => bail!(
            "day or month first? No date of the file tells: line {line} has {text:?}. \
             Say --dates dmy or --dates mdy"
        ),
        (days, months, _) if days > SLIPS * months => Ok(DayOrder::DayFirst),
        (days, months, _) if months > SLIPS * days => Ok(DayOrder::MonthFirst),
        (days, months, _) => bail!(
            "day or month first? {days} dates can only be the one, {months} only the other. \
             Say --dates dmy or --dates mdy; the others are left out"
        ),
    }
}

fn unreadable(text: &str) -> String {
    format!("{text:?} is no date with or without a time")
}

fn valid(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day).filter(|date| (1970..=2100).contains(&date.year()))
}

/// Seconds or milliseconds of the epoch, or a date and time without any sign between.
fn of_digits(text: &str) -> Option<(Date, NaiveTime)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !(whole.to_owned() + fraction)
        .bytes()
        .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let at = match whole.len() {
        10 => DateTime::from_timestamp(whole.parse().ok()?, 0)?.naive_utc(),
        13 => DateTime::from_timestamp_millis(whole.parse().ok()?)?.naive_utc(),
        8 => return Some((compact_date(whole)?, NaiveTime::MIN)),
        12 | 14 => return Some((compact_date(&whole[..8])?, compact_time(&whole[8..])?)),
        _ => return None,
    };
    Some((
        Date::Clear(valid(at.year(), at.month(), at.day())?),
        at.time(),
    ))
}

fn compact_date(digits: &str) -> Option<Date> {
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok()?;
    Some(Date::Clear(valid(year, number(4, 6)?, number(6, 8)?)?))
}

/// `0958` or `095811`.
fn compact_time(digits: &str) -> Option<NaiveTime> {
    if !matches!(digits.len(), 4 | 6) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse().ok();
    let second = if digits.len() == 6 { number(4, 6)? } else { 0 };
    NaiveTime::from_hms_opt(number(0, 2)?, number(2, 4)?, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, order: DayOrder) -> String {
        match Stamp::parse(text).and_then(|stamp| stamp.resolve(order)) {
            Ok(at) => at.format("%F %T").to_string(),
            Err(_) => "none".to_owned(),
        }
    }

    #[test]
    fn dates_are_read_in_many_notations() {
        let same = "2016-10-30 09:58:11 | 2016-10-30T09:58:11 | 2016-10-30T09:58:11.123Z \
            | 2016-10-30T09:58:11+01:00 | 2016-10-30 09:58:11 -0500 | 30/10/2016 09:58:11 \
            | 30.10.2016 9:58:11 | 30-10-16 9:58:11 AM | 9:58:11 30/10/2016 | 1477821491 \
            | 1477821491.5 | 1477821491000 | 20161030095811 | 20161030T095811Z | 20161030 095811 \
            | Sunday, 30 October 2016 09:58:11 a.m. | Oct 30, 2016 9:58:11am \
            | 30-Oct-2016 09:58:11 | Sun Oct 30 09:58:11 2016 | 30th Oct 2016 09:58:11 \
            | 2016/10/30 00:00:00 09:58:11 | 2016年10月30日 09:58:11";
        for text in same.split(" | ") {
            assert_eq!(
                at(text, DayOrder::DayFirst),
                "2016-10-30 09:58:11",
                "{text}"
            );
        }
        for (text, expected) in [
            ("12/1/2010 8:26", "2010-01-12 08:26:00"),
            ("2016-10-30", "2016-10-30 00:00:00"),
            ("1/2/2016 12 pm", "2016-02-01 12:00:00"),
            ("1/2/16 12:30 AM", "2016-02-01 00:30:00"),
            ("3 May 21 0715", "2021-05-03 07:15:00"),
        ] {
            assert_eq!(at(text, DayOrder::DayFirst), expected, "{text}");
        }
        assert_eq!(
            at("12/1/2010 8:26", DayOrder::MonthFirst),
            "2010-12-01 08:26:00"
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let none = "x | 30/10 | 2016-02-30 | 31/31/2016 | 30/10/2016 25:00 | 30/10/2016 9:61 \
            | 30/10/2016 13:00 pm | 10:00 | 2016-10-30 x | 99999999 | 30/10-2016 | 1 2 3 4 \
            | 9999999999999 | 1/1/16 5 | : | 1: | 2016-10-30 9: | 12 Foo 2016 | 1/2/1969";
        for text in none.split(" | ").chain([""]) {
            assert_eq!(at(text, DayOrder::DayFirst), "none", "{text}");
        }
    }

    fn decided(texts: &[&str], asked: Option<DayOrder>) -> Result<DayOrder> {
        let stamps: Vec<_> = texts
            .iter()
            .map(|text| Stamp::parse(text).expect("a date"))
            .collect();
        decide((2..).zip(&stamps), asked)
    }

    #[test]
    fn the_whole_column_tells_whether_the_day_comes_first() {
        use DayOrder::{DayFirst, MonthFirst};
        for (texts, order) in [
            (&["1/2/2016", "13/2/2016"], DayFirst),
            (&["1/2/2016", "2/13/2016"], MonthFirst),
        ] {
            assert_eq!(decided(texts, None).expect("decided"), order);
            assert_eq!(
                decided(texts, Some(DayFirst)).expect("decided"),
                order,
                "the file knows"
            );
        }
        let open = decided(&["5/5/2016", "1/2/2016"], None)
            .expect_err("open")
            .to_string();
        assert!(
            open.contains("line 3") && open.contains("--dates dmy"),
            "{open}"
        );
        assert_eq!(
            decided(&["1/2/2016"], Some(MonthFirst)).expect("asked"),
            MonthFirst
        );
        assert!(
            decided(&["5/5/2016", "2016-01-02"], None).is_ok(),
            "either way the same"
        );
        let both = ["13/2/2016", "2/13/2016"];
        assert!(decided(&both, None).is_err() && decided(&both, Some(DayFirst)).is_ok());
        let mut slip = vec!["14/2/2016"; 500];
        slip.push("2/14/2016");
        assert_eq!(decided(&slip, None).expect("decided"), DayFirst);
    }
}
