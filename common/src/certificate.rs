//! When a certificate ends: as much of X.509 (RFC 5280) as that takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const SEQUENCE: u8 = 0x30;
/// The version, which may be left out.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the first certificate of a PEM text; none when there is no readable one.
pub fn not_after(pem: &str) -> Option<DateTime<Utc>> {
    let start = pem.find(BEGIN)? + BEGIN.len();
    let length = pem[start..].find(END)?;
    let text: String = pem[start..start + length].split_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    let certificate = Der(&der).next(SEQUENCE)?;
    let mut fields = Der(Der(certificate).next(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.any()?;
    }
    // Serial number, signature's algorithm, issuer.
    for _ in 0..3 {
        fields.any()?;
    }
    let mut validity = Der(fields.next(SEQUENCE)?);
    validity.any()?;
    let (tag, text) = validity.any()?;
    time(tag, std::str::from_utf8(text).ok()?)
}

fn time(tag: u8, text: &str) -> Option<DateTime<Utc>> {
    let at = match tag {
        GENERALIZED_TIME => NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%SZ").ok()?,
        UTC_TIME => {
            // Two digits of the year stand for 1950 to 2049.
            let year: u32 = text.get(..2)?.parse().ok()?;
            let century = if year < 50 { "20" } else { "19" };
            NaiveDateTime::parse_from_str(&format!("{century}{text}"), "%Y%m%d%H%M%SZ").ok()?
        }
        _ => return None,
    };
    Some(at.and_utc())
}

/// What is left of a DER text.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }

    /// The next element: tag and content.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by `openssl ca -selfsign -startdate 20260101000000Z -enddate 20270203040506Z`.
    const SAMPLE: &str = include_str!("certificate_sample.pem");

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let end = not_after(SAMPLE).expect("a certificate");
        assert_eq!(end.to_rfc3339(), "2027-02-03T04:05:06+00:00");
        let with_text = format!("subject=CN = sample\n{SAMPLE}\n{SAMPLE}");
        assert_eq!(not_after(&with_text), Some(end));
    }

    #[test]
    fn years_have_two_digits_or_four() {
        let year = |tag, text| time(tag, text).map(|at| at.format("%Y").to_string());
        assert_eq!(year(UTC_TIME, "491231235959Z").as_deref(), Some("2049"));
        assert_eq!(year(UTC_TIME, "500101000000Z").as_deref(), Some("1950"));
        assert_eq!(
            year(GENERALIZED_TIME, "20500101000000Z").as_deref(),
            Some("2050")
        );
        assert_eq!(year(GENERALIZED_TIME, "20501301000000Z"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&format!("{BEGIN}\n{}\n{END}", STANDARD.encode(bytes)));
        }

        #[test]
        fn no_damage_brings_it_down(at in 0..400_usize, byte in any::<u8>()) {
            let body = SAMPLE.trim().trim_start_matches(BEGIN).trim_end_matches(END);
            let text: String = body.split_whitespace().collect();
            let mut der = STANDARD.decode(text).expect("base 64");
            let place = at % der.len();
            der[place] = byte;
            let _ = not_after(&format!("{BEGIN}\n{}\n{END}", STANDARD.encode(der)));
        }
    }
}
