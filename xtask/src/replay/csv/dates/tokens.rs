//! A date's text in pieces, and what they mean together.

use chrono::NaiveTime;

use super::{Date, compact_date, compact_time, valid};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Kept as written: its length matters.
    Number(String),
    Month(u32),
    /// Whether it is past noon.
    HalfDay(bool),
    Mark(char),
}

impl Token {
    fn number(&self) -> Option<u32> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }
}

/// A date's text in pieces. Blanks separate and are dropped.
pub(super) struct Tokens(Vec<Token>);

impl Tokens {
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text
            .to_lowercase()
            .replace("a.m.", "am")
            .replace("p.m.", "pm");
        let text = text.replace(['年', '月'], "-").replace('日', " ");
        let mut tokens = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let same = |c: char| match first {
                '0'..='9' => c.is_ascii_digit(),
                _ => first.is_alphabetic() && c.is_alphabetic(),
            };
            let end = rest
                .find(|c| !same(c))
                .unwrap_or(rest.len())
                .max(first.len_utf8());
            let (piece, after) = rest.split_at(end);
            rest = after;
            match first {
                '0'..='9' => tokens.push(Token::Number(piece.to_owned())),
                _ if first.is_whitespace() => {}
                _ if first.is_alphabetic() => tokens.extend(word(piece)?),
                mark => tokens.push(Token::Mark(mark)),
            }
        }
        Some(Self(tokens))
    }

    pub(super) fn stamp(mut self) -> Option<(Date, NaiveTime)> {
        let mut time = None;
        while let Some(found) = self.take_time() {
            // A date column that has a midnight of its own stands before the real time.
            time = Some(found?);
        }
        let date = self.take_date()?;
        if let (None, [Token::Number(digits)]) = (time, &*self.0) {
            return Some((date, compact_time(digits)?));
        }
        let left = self
            .0
            .iter()
            .any(|token| !matches!(token, Token::Mark(',' | '.' | '-')));
        if left {
            None
        } else {
            Some((date, time.unwrap_or(NaiveTime::MIN)))
        }
    }

    /// Takes `9:58[:11[.123]] [am|pm] [+01:00]` or `9 am` out. The inner `None` is a wrong time.
    fn take_time(&mut self) -> Option<Option<NaiveTime>> {
        let tokens = &self.0;
        let is_mark = |at: usize, mark: char| tokens.get(at) == Some(&Token::Mark(mark));
        let number = |at: usize| tokens.get(at).and_then(Token::number);
        let half = |at: usize| match tokens.get(at) {
            Some(Token::HalfDay(late)) => Some(*late),
            _ => None,
        };
        let start = (0..tokens.len())
            .find(|at| number(*at).is_some() && (is_mark(at + 1, ':') || half(at + 1).is_some()))?;
        let (mut end, mut parts) = (start + 1, vec![number(start)?]);
        while parts.len() < 3 && is_mark(end, ':') {
            parts.push(number(end + 1)?);
            end += 2;
        }
        if parts.len() == 3 && (is_mark(end, '.') || is_mark(end, ',')) && number(end + 1).is_some()
        {
            end += 2; // parts of a second
        }
        let late = half(end);
        end += usize::from(late.is_some());
        if (is_mark(end, '+') || is_mark(end, '-')) && number(end + 1).is_some() {
            end += if is_mark(end + 2, ':') { 4 } else { 2 }; // an offset from UTC
        }
        let end = end.min(tokens.len());
        let time = clock(&parts, late);
        self.0.drain(start..end);
        Some(time)
    }

    fn take_date(&mut self) -> Option<Date> {
        let month = self
            .0
            .iter()
            .position(|token| matches!(token, Token::Month(_)));
        if let Some(Token::Month(month)) = month.map(|at| self.0.remove(at)) {
            self.0.retain(|token| matches!(token, Token::Number(_)));
            let [Token::Number(first), Token::Number(second), ..] = &*self.0 else {
                return None;
            };
            let (day, year) = if first.len() == 4 {
                (second, first)
            } else {
                (first, second)
            };
            let date = valid(full_year(year)?, month, day.parse().ok()?)?;
            self.0.drain(..2);
            return Some(Date::Clear(date));
        }
        if let Some(Token::Number(digits)) = self.0.first()
            && digits.len() == 8
        {
            let date = compact_date(digits)?;
            self.0.remove(0);
            return Some(date);
        }
        let [
            Token::Number(a),
            Token::Mark(mark),
            Token::Number(b),
            Token::Mark(same),
            Token::Number(c),
            ..,
        ] = &*self.0
        else {
            return None;
        };
        if mark != same || !matches!(mark, '-' | '/' | '.') {
            return None;
        }
        let (first, second, last) = (a.parse().ok()?, b.parse().ok()?, c.parse().ok()?);
        let date = if a.len() == 4 {
            Date::Clear(valid(full_year(a)?, second, last)?)
        } else {
            // One of the two ways must give a date.
            let year = full_year(c)?;
            valid(year, second, first).or_else(|| valid(year, first, second))?;
            Date::Open(first, second, year)
        };
        self.0.drain(..5);
        Some(date)
    }
}

/// A word of a date, or `None` if it is none. Names of days and zones say nothing new.
fn word(word: &str) -> Option<Option<Token>> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    const SILENT: [&str; 9] = ["t", "z", "utc", "gmt", "st", "nd", "rd", "th", "at"];
    match word {
        "am" | "a" => return Some(Some(Token::HalfDay(false))),
        "pm" | "p" => return Some(Some(Token::HalfDay(true))),
        _ if SILENT.contains(&word) => return Some(None),
        _ => {}
    }
    // At least three letters of it: `oct`, `sept`, `october`.
    let begins = |name: &str| word.len() >= 3 && name.starts_with(word);
    if let Some((number, _)) = (1..).zip(MONTHS).find(|(_, name)| begins(name)) {
        return Some(Some(Token::Month(number)));
    }
    DAYS.iter().any(|name| begins(name)).then_some(None)
}

fn clock(parts: &[u32], late: Option<bool>) -> Option<NaiveTime> {
    let hour = match (parts.first()?, late) {
        (hour, None) => *hour,
        (12, Some(late)) => u32::from(late) * 12,
        (hour @ 1..=11, Some(late)) => hour + u32::from(late) * 12,
        _ => return None,
    };
    let part = |at: usize| parts.get(at).copied().unwrap_or(0);
    NaiveTime::from_hms_opt(hour, part(1), part(2))
}

fn full_year(digits: &str) -> Option<i32> {
    let year: i32 = digits.parse().ok()?;
    match (digits.len(), year) {
        (4, _) => Some(year),
        (2, 0..=68) => Some(2000 + year),
        (2, _) => Some(1900 + year),
        _ => None,
    }
}
