//! As much of BER (X.690) as LDAP takes (RFC 4511, 5.1): definite lengths, tags of one byte.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;

/// An element: its tag, the length of its content, and that.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let bytes = &bytes[zeros..];
            // A length has 8 bytes at most: it fits beside the bit.
            out.push(0x80 | bytes.len() as u8);
            out.extend_from_slice(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An element that is made of others.
pub(super) fn group(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// A number that is not negative.
pub(super) fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    let bytes = &bytes[zeros..];
    // A first bit that is set would make it negative.
    let content = match bytes[0] & 0x80 {
        0 => bytes.to_vec(),
        _ => [&[0], bytes].concat(),
    };
    element(tag, &content)
}

/// How long the content is, and how many bytes say so, as far as they are there: none when it takes
/// more of them to know.
///
/// # Errors
/// When it is of no definite length, or of one beyond `most`.
pub(super) fn length(bytes: &[u8], most: usize) -> Result<Option<(usize, usize)>, TooLong> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let count = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return match count <= most {
            true => Ok(Some((count, 1))),
            false => Err(TooLong),
        };
    }
    if !(1..=4).contains(&count) {
        return Err(TooLong);
    }
    let Some(rest) = bytes.get(1..=count) else {
        return Ok(None);
    };
    let length = rest
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    match length <= most {
        true => Ok(Some((length, 1 + count))),
        false => Err(TooLong),
    }
}

/// An element is of no length that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer of no length that can be taken")]
pub(super) struct TooLong;

/// What is left of an element's content. Total: nothing that comes makes it panic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (length, bytes) = length(rest, rest.len()).ok()??;
        let content = rest.get(bytes..bytes + length)?;
        self.0 = &rest[bytes + length..];
        Some((*tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }

    /// A text; what is no UTF-8 of it is replaced.
    pub(super) fn text(&mut self) -> Option<String> {
        let bytes = self.take(OCTETS)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self, tag: u8) -> Option<u32> {
        let bytes = self.take(tag)?;
        let is_number = matches!(bytes, [first, ..] if first & 0x80 == 0) && bytes.len() <= 5;
        let value = bytes
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        is_number.then_some(value)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_as_x690_says() {
        assert_eq!(element(OCTETS, b"ab"), b"\x04\x02ab");
        assert_eq!(element(OCTETS, &[7; 201])[..3], [4, 0x81, 201]);
        assert_eq!(element(OCTETS, &[7; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(number(INTEGER, 0), b"\x02\x01\x00");
        assert_eq!(number(INTEGER, 128), b"\x02\x02\x00\x80");
        assert_eq!(number(INTEGER, 1_000), b"\x02\x02\x03\xe8");
    }

    #[test]
    fn a_length_without_end_or_beyond_the_bound_is_refused() {
        for bytes in [
            &[0x80][..],
            &[0x85, 1, 0, 0, 0, 0],
            &[0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(length(bytes, 1_000), Err(TooLong), "{bytes:?}");
        }
        assert_eq!(length(&[0x82, 1], 1_000), Ok(None));
        assert_eq!(length(&[0x82, 1, 44], 1_000), Ok(Some((300, 3))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value: u32, text in ".{0,300}") {
            let out = group(SEQUENCE, &[number(INTEGER, value), element(OCTETS, text.as_bytes())]);
            let mut all = Reader(&out);
            let mut inner = Reader(all.take(SEQUENCE).expect("a sequence"));
            prop_assert_eq!(inner.number(INTEGER), Some(value));
            prop_assert_eq!(inner.text(), Some(text));
            prop_assert!(inner.any().is_none() && all.any().is_none());
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader(&bytes);
            while let Some((_, content)) = reader.any() {
                let _ = (Reader(content).number(INTEGER), Reader(content).text());
            }
        }
    }
}
