//! From bytes to records, with the line of the file on which each starts.

use csv::{Reader, ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Text in whatever encoding: as its byte order mark says, else UTF-8 if it is that, else what
/// Windows programs in the West write, in which no byte is an error.
pub(super) fn decode(bytes: &[u8]) -> String {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => WINDOWS_1252,
    };
    let (text, ..) = encoding.decode(bytes);
    // The oldest of Macs ended lines so; below, lines are counted by line feeds.
    if text.contains('\n') {
        text.into_owned()
    } else {
        text.replace('\r', "\n")
    }
}

/// One record of the file.
#[derive(Debug)]
pub(super) struct Record {
    /// The line on which it starts, from 1.
    pub(super) line: u64,
    pub(super) fields: StringRecord,
    /// A quote opened on this line and closed nowhere.
    torn: bool,
}

impl Record {
    /// Whether it has the fields that the header promises. Programs leave out empty ones at the end.
    pub(super) fn check(&self, count: usize) -> Result<(), String> {
        if self.torn {
            return Err("a quote is opened and not closed".to_owned());
        }
        if self
            .fields
            .iter()
            .skip(count)
            .any(|field| !field.trim().is_empty())
        {
            return Err(format!(
                "{} fields where the header has {count}",
                self.fields.len()
            ));
        }
        Ok(())
    }

    fn is_blank(&self) -> bool {
        !self.torn && self.fields.iter().all(|field| field.trim().is_empty())
    }
}

/// The records of a text, the header first, blank ones left out.
///
/// A stray quote must not swallow the lines up to the next one: a record over several lines that
/// makes no sense is torn, and reading goes on with the line after the one that it starts on.
pub(super) struct Records<'a> {
    text: &'a str,
    delimiter: u8,
    reader: Reader<&'a [u8]>,
    /// Where the reader started.
    base: usize,
    /// Up to where records were given, and the number of the line there.
    offset: usize,
    line: u64,
    /// Fields of the header.
    count: Option<usize>,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let delimiter = sniff(text);
        let reader = reader(text, delimiter);
        Self {
            text,
            delimiter,
            reader,
            base: 0,
            offset: 0,
            line: 1,
            count: None,
        }
    }

    /// Reads one record and moves on: to its end or, if it is torn, to its second line.
    fn read(&mut self) -> Option<Record> {
        let mut fields = StringRecord::new();
        if !self.reader.read_record(&mut fields).unwrap_or(false) {
            return None;
        }
        let length = usize::try_from(self.reader.position().byte()).ok()?;
        let end = self.text.len().min(self.base + length);
        // A line's end may still be waiting in front of the record, and blank lines with it.
        self.pass_line_ends(end);
        let line = self.line;
        let raw = &self.text[self.offset..end];
        let second_line = raw.find('\n').map_or(raw.len(), |end| end + 1);
        let torn = second_line < raw.len() && self.is_torn(raw, &fields);
        if torn {
            self.base = self.offset + second_line;
            self.reader = reader(&self.text[self.base..], self.delimiter);
        }
        self.pass(if torn { self.base } else { end });
        Some(Record { line, fields, torn })
    }

    fn is_torn(&self, raw: &str, fields: &StringRecord) -> bool {
        !is_well_quoted(raw.as_bytes(), self.delimiter)
            || self.count.is_some_and(|count| fields.len() != count)
    }

    fn pass_line_ends(&mut self, end: usize) {
        let raw = &self.text[self.offset..end];
        self.pass(end - raw.trim_start_matches(['\r', '\n']).len());
    }

    fn pass(&mut self, to: usize) {
        let passed = self.text[self.offset..to].bytes();
        self.line += passed.filter(|byte| *byte == b'\n').map(|_| 1).sum::<u64>();
        self.offset = to;
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let record = self.read()?;
            if !record.is_blank() {
                self.count.get_or_insert(record.fields.len());
                return Some(record);
            }
        }
    }
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// Whether each quote that opens a field is closed at the field's end.
fn is_well_quoted(raw: &[u8], delimiter: u8) -> bool {
    let (mut quoted, mut at_start) = (false, true);
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if quoted && byte == b'"' {
            match bytes.peek() {
                Some(b'"') => drop(bytes.next()),
                None | Some(b'\r' | b'\n') => quoted = false,
                Some(next) if *next == delimiter => quoted = false,
                Some(_) => return false,
            }
        } else if !quoted {
            quoted = at_start && byte == b'"';
        }
        at_start = byte == delimiter;
    }
    !quoted
}

/// The delimiter is the candidate that the header has most of, outside quotes.
fn sniff(text: &str) -> u8 {
    let header = text.trim_start_matches(['\r', '\n']);
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in header.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => counts
                .iter_mut()
                .filter(|(d, _)| *d == byte)
                .for_each(|(_, count)| *count += 1),
        }
    }
    // Of equals the first: max_by_key would give the last.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, Vec<String>)> {
        let fields = |record: &Record| record.fields.iter().map(str::to_owned).collect();
        Records::new(text)
            .map(|record| (record.line, fields(&record)))
            .collect()
    }

    #[test]
    fn a_record_knows_the_line_that_it_starts_on() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "", "1,\"two", "lines\"", "", "", "2,x", ",", "3,y"].join(end);
            let numbers: Vec<_> = lines(&text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(numbers, [1, 3, 7, 9], "{text:?}");
        }
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        let text = "a,b\n1,\"x\n2,y\n3,\"z\"\n4,\"w\n5,12\" pizza\n";
        let read: Vec<_> = Records::new(text)
            .map(|record| (record.line, record.torn))
            .collect();
        assert_eq!(
            read,
            [
                (1, false),
                (2, true),
                (3, false),
                (4, false),
                (5, true),
                (6, false)
            ]
        );
    }

    #[test]
    fn delimiters_and_encodings_are_found_out() {
        for (text, delimiter) in [
            ("a,b;c,d", b','),
            ("a;b,0;c", b';'),
            ("a\tb", b'\t'),
            ("\"a;b;c\",d", b','),
            ("", b','),
        ] {
            assert_eq!(sniff(text), delimiter, "{text:?}");
        }
        assert_eq!(decode(b"\xEF\xBB\xBFcaf\xC3\xA9"), "café");
        assert_eq!(decode(b"caf\xE9 \x80"), "café €");
        assert_eq!(decode(b"\xFF\xFEa\0,\0"), "a,");
        assert_eq!(decode(b"a\rb"), "a\nb");
    }
}
