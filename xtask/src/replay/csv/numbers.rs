//! Numbers as people write them: `€ 1.234,50`, `$3`, `1 234.5`.

use std::fmt;

/// The sign before the fraction; the other one then groups thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Decimal {
    #[default]
    Point,
    Comma,
}

/// A number of which the decimal sign may still be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// Digits, points and commas.
    body: String,
}

impl Number {
    /// Currency signs and names around it are left out; something else within it makes it none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
        let (before, after) = (&text[..start], &text[end..]);
        let minus = ['-', '−', '–'];
        let negative = before.contains(minus)
            || after.contains(minus)
            || (before.contains('(') && after.contains(')'));
        let mut body = String::new();
        // `.50`, but not `Rs.50`.
        let sign = before
            .chars()
            .last()
            .filter(|last| matches!(last, '.' | ','));
        if let Some(sign) = sign
            && !before.contains(char::is_alphabetic)
        {
            body.extend(['0', sign]);
        }
        for c in text[start..end].chars() {
            match c {
                '0'..='9' | '.' | ',' => body.push(c),
                '\'' | '’' | '_' => {}
                _ if c.is_whitespace() => {}
                _ => return None,
            }
        }
        Some(Self { negative, body })
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// What this number alone tells of the decimal sign.
    pub(super) fn decimal(&self) -> Option<Decimal> {
        let of = |sign| {
            if sign == ',' {
                Decimal::Comma
            } else {
                Decimal::Point
            }
        };
        let last = self.body.rfind(['.', ','])?;
        let sign = if self.body[last..].starts_with(',') {
            ','
        } else {
            '.'
        };
        let other = if sign == ',' { '.' } else { ',' };
        let single = self.body.matches(sign).count() == 1;
        let (whole, fraction) = (&self.body[..last], &self.body[last + 1..]);
        match (single, self.body.contains(other)) {
            (true, true) => Some(of(sign)),
            (false, _) => Some(of(other)),
            // Three digits may be thousands, except after nothing but zeros.
            (true, false) => {
                let open = fraction.len() == 3 && whole.len() <= 3 && !whole.starts_with('0');
                (!open).then(|| of(sign))
            }
        }
    }

    /// The amount without its sign, in units of `10^-digits`, rounded; `None` if it makes no sense.
    pub(super) fn minor(&self, decimal: Decimal, digits: u32) -> Option<i64> {
        let (sign, group) = if decimal == Decimal::Comma {
            (',', '.')
        } else {
            ('.', ',')
        };
        let (whole, fraction) = self.body.split_once(sign).unwrap_or((&self.body, ""));
        if fraction.contains([sign, group]) || !is_grouped(whole, group) {
            return None;
        }
        let whole: i64 = whole.replace(group, "").parse().ok()?;
        let places = usize::try_from(digits).ok()?;
        let kept = &fraction[..fraction.len().min(places)];
        // The leading zero is for a currency without a minor unit.
        let kept: i64 = format!("0{kept:0<places$}").parse().ok()?;
        let up = i64::from(
            fraction
                .as_bytes()
                .get(places)
                .is_some_and(|digit| *digit >= b'5'),
        );
        whole
            .checked_mul(10_i64.checked_pow(digits)?)?
            .checked_add(kept)?
            .checked_add(up)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, self.body)
    }
}

/// The decimal sign of a whole column: what most of the numbers that tell say.
pub(super) fn decide<'a>(numbers: impl Iterator<Item = &'a Number>) -> Decimal {
    let (mut points, mut commas) = (0, 0);
    for decimal in numbers.filter_map(Number::decimal) {
        match decimal {
            Decimal::Point => points += 1,
            Decimal::Comma => commas += 1,
        }
    }
    if commas > points {
        Decimal::Comma
    } else {
        Decimal::Point
    }
}

/// `1,234,567`, or `12,34,567` as in India.
fn is_grouped(whole: &str, group: char) -> bool {
    let mut parts = whole.split(group);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<_> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return true;
    };
    (1..=3).contains(&first.len())
        && last.len() == 3
        && middle.iter().all(|part| matches!(part.len(), 2 | 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(text: &str) -> Option<i64> {
        let number = Number::parse(text)?;
        number.minor(number.decimal().unwrap_or_default(), 2)
    }

    #[test]
    fn amounts_are_read_in_the_notations_of_the_world() {
        let read = "3=300 3.5=350 3,50=350 €3,50=350 3.50EUR=350 $1,234.50=123450 \
            1.234,50€=123450 1'234.50=123450 1.234.567=123456700 12,34,567.8=123456780 .5=50 \
            Rs.50=5000 0.125=13 2.0=200 1,234=123400";
        for (text, expected) in read.split(' ').filter_map(|case| case.split_once('=')) {
            assert_eq!(cents(text), expected.parse().ok(), "{text}");
        }
        assert_eq!(cents("1\u{a0}234,50 €"), Some(123_450));
        for text in [
            "",
            "abc",
            "1e3",
            "1.2.3,4,5",
            "1,23.4",
            "12-30",
            "99999999999999999999",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
        for text in ["-3.50", "(3.50)", "3.50-", "$-1", "−1"] {
            assert!(Number::parse(text).expect(text).is_negative(), "{text}");
        }
    }

    #[test]
    fn the_minor_unit_has_the_currencys_digits() {
        let price = Number::parse("1234.5678").expect("a number");
        let minor = |digits| price.minor(Decimal::Point, digits);
        assert_eq!(
            [minor(0), minor(2), minor(3)],
            [Some(1235), Some(123_457), Some(1_234_568)]
        );
    }

    #[test]
    fn three_digits_are_thousands_or_not_as_the_column_says() {
        let column = ["1.234", "2,50", "3,75"].map(|text| Number::parse(text).expect(text));
        let decimal = decide(column.iter());
        assert_eq!(column[0].minor(decimal, 2), Some(123_400));
    }
}
