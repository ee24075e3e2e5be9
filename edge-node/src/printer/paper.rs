//! A sheet for an ESC/POS printer: lines of text in a few styles, then a cut. Commands are those of
//! Epson's ESC/POS reference that every printer of its kind knows.

use super::code_page::CodePage;

/// How text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) bold: bool,
    /// White on black.
    pub(super) reverse: bool,
    /// Twice as high.
    pub(super) tall: bool,
    /// Twice as wide.
    pub(super) wide: bool,
}

impl Style {
    fn commands(self) -> [u8; 9] {
        let size = u8::from(self.wide) << 4 | u8::from(self.tall);
        let (bold, reverse) = (u8::from(self.bold), u8::from(self.reverse));
        [0x1b, b'E', bold, 0x1d, b'B', reverse, 0x1d, b'!', size]
    }
}

/// A sheet that is being written.
pub(super) struct Paper {
    page: CodePage,
    columns: usize,
    style: Style,
    bytes: Vec<u8>,
}

impl Paper {
    /// An empty sheet: the printer as it is when switched on, without status of its own accord.
    pub(super) fn new(page: CodePage, columns: usize) -> Self {
        let mut bytes = b"\x1b@\x1da\x00".to_vec();
        bytes.extend(page.select());
        Self {
            page,
            columns,
            style: Style::default(),
            bytes,
        }
    }

    /// Writes a text, in as many lines as it takes.
    pub(super) fn line(&mut self, style: Style, text: &str) {
        self.marked(style, "", text);
    }

    /// The same with a mark in front of the first line; the others begin below the text.
    pub(super) fn marked(&mut self, style: Style, mark: &str, text: &str) {
        if self.style != style {
            self.bytes.extend(style.commands());
            self.style = style;
        }
        let columns = self.columns / (1 + usize::from(style.wide));
        let mark = self.encode(mark);
        let indent = mark.len();
        let mut begin = mark;
        for line in self.wrap(text, columns.saturating_sub(indent).max(2)) {
            self.bytes.append(&mut begin);
            self.bytes.extend(line);
            self.bytes.push(b'\n');
            begin = vec![b' '; indent];
        }
    }

    /// A line across the sheet.
    pub(super) fn rule(&mut self) {
        self.line(Style::default(), &"-".repeat(self.columns));
    }

    /// The whole sheet: fed past the knife and cut.
    pub(super) fn cut(mut self) -> Vec<u8> {
        self.bytes.extend(b"\x1dVB\x00");
        self.bytes
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| self.page.encode(c)).collect()
    }

    /// A text in lines of so many columns, at least 2: broken between words where that can be,
    /// anywhere in longer ones. One byte takes one column in every code page.
    fn wrap(&self, text: &str, columns: usize) -> Vec<Vec<u8>> {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        for word in text.split_whitespace() {
            let length = self.encode(word).len();
            let room = columns.saturating_sub(line.len() + usize::from(!line.is_empty()));
            if room < length && length <= columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() && line.len() < columns {
                line.push(b' ');
            }
            for c in word.chars() {
                let bytes = self.page.encode(c);
                if columns < line.len() + bytes.len() {
                    let end = line.trim_ascii_end().len();
                    line.truncate(end);
                    lines.push(std::mem::take(&mut line));
                }
                line.extend(bytes);
            }
        }
        lines.push(line);
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(page: CodePage, columns: usize, text: &str) -> Vec<String> {
        let lines = Paper::new(page, columns).wrap(text, columns);
        let read = |line: Vec<u8>| encoding_rs::SHIFT_JIS.decode(&line).0.into_owned();
        lines.into_iter().map(read).collect()
    }

    #[test]
    fn lines_break_between_words_and_only_if_need_be_within() {
        let wrap = |text| wrapped(CodePage::Cp437, 10, text);
        assert_eq!(wrap("no onions, please"), ["no onions,", "please"]);
        assert_eq!(wrap("  a\n b  "), ["a b"]);
        assert_eq!(wrap("Donaudampfschiff an"), ["Donaudampf", "schiff an"]);
        assert_eq!(wrap(""), [""]);
        let kanji = wrapped(CodePage::ShiftJis, 5, "抜き 玉ねぎ");
        assert_eq!(kanji, ["抜き", "玉ね", "ぎ"]);
    }

    #[test]
    fn a_mark_stands_before_the_first_line_alone() {
        let mut paper = Paper::new(CodePage::Cp437, 8);
        paper.marked(Style::default(), "+ ", "extra onion");
        let sheet = paper.cut();
        assert_eq!(
            sheet,
            b"\x1b@\x1da\x00\x1bt\x00+ extra\n  onion\n\x1dVB\x00"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_paper_and_no_character_is_lost(
            text in "\\PC{0,60}", columns in 2_usize..50,
        ) {
            for page in [CodePage::Cp437, CodePage::ShiftJis] {
                let paper = Paper::new(page, columns);
                let lines = paper.wrap(&text, columns);
                prop_assert!(lines.iter().all(|line| line.len() <= columns));
                let blank = |bytes: Vec<u8>| -> Vec<u8> {
                    bytes.into_iter().filter(|byte| *byte != b' ').collect()
                };
                let all: Vec<u8> = lines.concat();
                let words: String = text.split_whitespace().collect();
                prop_assert_eq!(blank(all), blank(paper.encode(&words)));
            }
        }
    }
}
