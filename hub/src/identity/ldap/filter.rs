//! Filters: read once from their text (RFC 4515), and filled with what is looked for afterwards. So
//! no name is ever part of a text that is read as a filter, and none can say more than itself.

use super::ber::{self, OCTETS};

/// Filters within filters at most.
const MAX_DEPTH: usize = 16;

/// A filter whose values may have places in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of them, any of them, or the one of them not.
    Set(Set, Vec<Filter>),
    /// An attribute beside a value.
    Compare(Comparison, String, Vec<u8>),
    /// An attribute that has some value.
    Present(String),
    /// An attribute whose value begins, goes on and ends with these; empty ones do not count.
    Parts(String, Vec<Vec<u8>>),
    /// A value by a rule of matching.
    Rule {
        attribute: String,
        rule: String,
        with_dn: bool,
        value: Vec<u8>,
    },
}

/// How filters belong together; the number is the tag (RFC 4511, 4.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    And = 0xa0,
    Or = 0xa1,
    Not = 0xa2,
}

/// How a value is compared; the number is the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal = 0xa3,
    AtLeast = 0xa5,
    AtMost = 0xa6,
    Like = 0xa8,
}

impl Filter {
    /// Reads the text of a filter; none when it is not one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (filter, rest) = one(text.trim(), MAX_DEPTH)?;
        rest.is_empty().then_some(filter)
    }

    /// The filter as it is sent. Each place in a value is filled with what is given for it; what that
    /// holds is not looked into.
    pub(super) fn encode(&self, places: &[(&str, &str)]) -> Vec<u8> {
        let text = |tag, value: &[u8]| ber::element(tag, &filled(value, places));
        let name = |tag, name: &str| ber::element(tag, name.as_bytes());
        match self {
            Self::Set(set, filters) => {
                let filters = filters.iter().map(|filter| filter.encode(places));
                ber::group(*set as u8, &filters.collect::<Vec<_>>())
            }
            Self::Compare(how, attribute, value) => {
                ber::group(*how as u8, &[name(OCTETS, attribute), text(OCTETS, value)])
            }
            Self::Present(attribute) => name(0x87, attribute),
            Self::Parts(attribute, parts) => {
                let last = parts.len().saturating_sub(1);
                let parts = parts.iter().enumerate();
                let parts = parts.filter(|(_, part)| !part.is_empty());
                let parts = parts.map(|(at, part)| match at {
                    0 => text(0x80, part),
                    at if at == last => text(0x82, part),
                    _ => text(0x81, part),
                });
                let parts = ber::group(ber::SEQUENCE, &parts.collect::<Vec<_>>());
                ber::group(0xa4, &[name(OCTETS, attribute), parts])
            }
            Self::Rule {
                attribute,
                rule,
                with_dn,
                value,
            } => {
                let mut parts = Vec::new();
                if !rule.is_empty() {
                    parts.push(name(0x81, rule));
                }
                if !attribute.is_empty() {
                    parts.push(name(0x82, attribute));
                }
                parts.push(text(0x83, value));
                if *with_dn {
                    parts.push(ber::element(0x84, &[0xff]));
                }
                ber::group(0xa9, &parts)
            }
        }
    }
}

/// A value with its places filled, in one go.
fn filled(mut value: &[u8], places: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    while let Some((first, rest)) = value.split_first() {
        let place = places.iter().find_map(|(place, with)| {
            let rest = value.strip_prefix(place.as_bytes())?;
            Some((with, rest))
        });
        if let Some((with, rest)) = place {
            out.extend_from_slice(with.as_bytes());
            value = rest;
        } else {
            out.push(*first);
            value = rest;
        }
    }
    out
}

/// One filter in its brackets, and what comes after it.
fn one(text: &str, depth: usize) -> Option<(Filter, &str)> {
    let depth = depth.checked_sub(1)?;
    let text = text.strip_prefix('(')?;
    let set = match text.chars().next()? {
        '&' => Set::And,
        '|' => Set::Or,
        '!' => Set::Not,
        _ => {
            let end = text.find(')')?;
            return Some((item(&text[..end])?, &text[end + 1..]));
        }
    };
    let (mut filters, mut rest) = (Vec::new(), text[1..].trim_start());
    while !rest.starts_with(')') {
        let (filter, after) = one(rest, depth)?;
        filters.push(filter);
        rest = after.trim_start();
    }
    let is_whole = match set {
        Set::Not => filters.len() == 1,
        Set::And | Set::Or => !filters.is_empty(),
    };
    is_whole.then_some((Filter::Set(set, filters), &rest[1..]))
}

/// What stands between brackets.
fn item(text: &str) -> Option<Filter> {
    let (left, value) = text.split_once('=')?;
    if let Some(left) = left.strip_suffix(':') {
        return rule(left, value);
    }
    let (how, left) = match left.split_at_checked(left.len().checked_sub(1)?)? {
        (left, ">") => (Comparison::AtLeast, left),
        (left, "<") => (Comparison::AtMost, left),
        (left, "~") => (Comparison::Like, left),
        _ => (Comparison::Equal, left),
    };
    let attribute = described(left)?;
    if how != Comparison::Equal || !value.contains('*') {
        return Some(Filter::Compare(how, attribute, unescaped(value)?));
    }
    if value == "*" {
        return Some(Filter::Present(attribute));
    }
    let parts: Option<Vec<_>> = value.split('*').map(unescaped).collect();
    let parts = parts.filter(|parts| parts.iter().any(|part| !part.is_empty()));
    Some(Filter::Parts(attribute, parts?))
}

/// `attribute:dn:rule:=value`, of which attribute, `dn` or rule may be left out.
fn rule(left: &str, value: &str) -> Option<Filter> {
    let mut parts = left.split(':');
    let attribute = parts.next()?;
    let mut parts: Vec<&str> = parts.collect();
    let with_dn = parts
        .first()
        .is_some_and(|part| part.eq_ignore_ascii_case("dn"));
    if with_dn {
        parts.remove(0);
    }
    let rule = match parts[..] {
        [] => "",
        [rule] => rule,
        _ => return None,
    };
    if attribute.is_empty() && rule.is_empty() {
        return None;
    }
    let named = |name: &str| match name {
        "" => Some(String::new()),
        name => described(name),
    };
    Some(Filter::Rule {
        attribute: named(attribute)?,
        rule: named(rule)?,
        with_dn,
        value: unescaped(value)?,
    })
}

/// The name of an attribute, with its options, or its number.
fn described(name: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_');
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

/// A value whose `\xx` stand for bytes.
fn unescaped(value: &str) -> Option<Vec<u8>> {
    let (mut out, mut bytes) = (Vec::new(), value.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            b'(' | b')' | b'*' | 0 => return None,
            byte => byte,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ber::Reader;
    use super::*;

    fn encoded(text: &str) -> Vec<u8> {
        let filter = Filter::read(text);
        filter.unwrap_or_else(|| panic!("{text}")).encode(&[])
    }

    #[test]
    fn filters_are_encoded_as_rfc_4511_says() {
        assert_eq!(encoded("(uid=a)"), b"\xa3\x08\x04\x03uid\x04\x01a");
        assert_eq!(encoded("(uid=*)"), b"\x87\x03uid");
        assert_eq!(encoded("(!(a>=b))"), b"\xa2\x08\xa5\x06\x04\x01a\x04\x01b");
        assert_eq!(
            encoded("(&(a=b)(|(c~=d)(e<=f)))"),
            b"\xa0\x1a\xa3\x06\x04\x01a\x04\x01b\xa1\x10\xa8\x06\x04\x01c\x04\x01d\xa6\x06\x04\x01e\x04\x01f"
        );
        assert_eq!(
            encoded("(a=b*c*d)"),
            b"\xa4\x0e\x04\x01a\x30\x09\x80\x01b\x81\x01c\x82\x01d"
        );
        assert_eq!(encoded("(a=*b*)"), b"\xa4\x08\x04\x01a\x30\x03\x81\x01b");
        assert_eq!(
            encoded("(u:1.2.840:=2)"),
            b"\xa9\x0f\x81\x071.2.840\x82\x01u\x83\x012"
        );
        assert_eq!(
            encoded("(a:dn:=2)"),
            b"\xa9\x09\x82\x01a\x83\x012\x84\x01\xff"
        );
        assert_eq!(encoded(r"(a=\2a\28)"), b"\xa3\x07\x04\x01a\x04\x02*(");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}(a=b){}", "(!".repeat(40), ")".repeat(40));
        for text in [
            "",
            "uid=a",
            "(uid=a",
            "(uid=a))",
            "(=a)",
            "(uid)",
            "(&)",
            "(!(a=b)(c=d))",
            "(a b=c)",
            r"(a=\2)",
            r"(a=\zz)",
            "(a=(b)",
            "(:=b)",
            "(a=**)",
            &deep,
        ] {
            assert_eq!(Filter::read(text), None, "{text}");
        }
    }

    proptest! {
        /// Whatever the name: the filter asks for one value of one attribute, and that is the name.
        #[test]
        fn any_name_is_literal_text_within_a_filter(name in "\\PC{0,40}|[*()\\\\\0{}=&|!]{1,20}") {
            let filter = Filter::read("(uid={user})").expect("a filter");
            let sent = filter.encode(&[("{user}", &name), ("{dn}", "cn=x")]);
            let mut all = Reader(&sent);
            let mut pair = Reader(all.take(0xa3).expect("one comparison"));
            prop_assert_eq!(pair.take(OCTETS), Some(&b"uid"[..]));
            prop_assert_eq!(pair.take(OCTETS), Some(name.as_bytes()));
            prop_assert!(pair.any().is_none() && all.any().is_none());
        }

        #[test]
        fn no_text_brings_it_down(text in "[(&|!a=*:\\\\)<>~é]{0,40}") {
            if let Some(filter) = Filter::read(&text) {
                let sent = filter.encode(&[]);
                prop_assert!(Reader(&sent).any().is_some());
            }
        }
    }
}
