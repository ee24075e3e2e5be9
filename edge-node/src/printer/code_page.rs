//! Code pages: the bytes by which a printer knows characters.

use encoding_rs::{
    EncoderResult, Encoding, IBM866, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
};
use serde::{Deserialize, Serialize};

/// The upper half of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
     áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// The upper half of code page 850.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
     áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
     └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
     ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
/// Where code page 858 has the euro sign, unlike 850.
const EURO: u8 = 0xd5;

/// What a printer is told to read its characters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CodePage {
    #[serde(rename = "cp437")]
    Cp437,
    #[serde(rename = "cp850")]
    Cp850,
    #[serde(rename = "cp858")]
    Cp858,
    #[serde(rename = "cp866")]
    Cp866,
    #[serde(rename = "windows-1250")]
    Windows1250,
    #[serde(rename = "windows-1251")]
    Windows1251,
    #[serde(rename = "windows-1252")]
    Windows1252,
    #[serde(rename = "windows-1253")]
    Windows1253,
    #[serde(rename = "windows-1254")]
    Windows1254,
    #[serde(rename = "windows-1257")]
    Windows1257,
    #[serde(rename = "shift_jis")]
    ShiftJis,
}

impl CodePage {
    /// The commands that select it. Numbers of pages are those of Epson's ESC/POS reference.
    pub(super) fn select(self) -> &'static [u8] {
        match self {
            Self::Cp437 => b"\x1bt\x00",
            Self::Cp850 => b"\x1bt\x02",
            Self::Cp858 => b"\x1bt\x13",
            Self::Cp866 => b"\x1bt\x11",
            Self::Windows1250 => b"\x1bt\x2d",
            Self::Windows1251 => b"\x1bt\x2e",
            Self::Windows1252 => b"\x1bt\x10",
            Self::Windows1253 => b"\x1bt\x2f",
            Self::Windows1254 => b"\x1bt\x30",
            Self::Windows1257 => b"\x1bt\x33",
            // Katakana for the single bytes; Kanji mode, by Shift JIS.
            Self::ShiftJis => b"\x1bt\x01\x1c&\x1cC\x01",
        }
    }

    /// A character's bytes, as many as it takes columns: none for one that takes no room, `?`
    /// for one that the page does not have. Never a control code.
    pub(super) fn encode(self, c: char) -> Vec<u8> {
        if c.is_control() || takes_no_room(c) {
            return Vec::new();
        }
        let own = self.own(c);
        own.or_else(|| self.own(plain(c)?))
            .unwrap_or_else(|| b"?".to_vec())
    }

    /// Whether the page has every character of a text.
    pub(crate) fn has(self, text: &str) -> bool {
        text.chars().all(|c| self.own(c).is_some())
    }

    fn own(self, c: char) -> Option<Vec<u8>> {
        if c == ' ' || c.is_ascii_graphic() {
            return Some(vec![c as u8]);
        }
        match self {
            Self::Cp437 => upper(CP437, c),
            Self::Cp858 if c == '€' => Some(vec![EURO]),
            Self::Cp850 | Self::Cp858 => {
                upper(CP850, c).filter(|byte| self == Self::Cp850 || byte[0] != EURO)
            }
            Self::Cp866 => encoded(IBM866, c),
            Self::Windows1250 => encoded(WINDOWS_1250, c),
            Self::Windows1251 => encoded(WINDOWS_1251, c),
            Self::Windows1252 => encoded(WINDOWS_1252, c),
            Self::Windows1253 => encoded(WINDOWS_1253, c),
            Self::Windows1254 => encoded(WINDOWS_1254, c),
            Self::Windows1257 => encoded(WINDOWS_1257, c),
            Self::ShiftJis => encoded(SHIFT_JIS, c),
        }
    }
}

fn upper(table: &str, c: char) -> Option<Vec<u8>> {
    let place = table.chars().position(|known| known == c)?;
    Some(vec![u8::try_from(0x80 + place).ok()?])
}

fn encoded(encoding: &'static Encoding, c: char) -> Option<Vec<u8>> {
    let (mut text, mut bytes) = ([0; 4], [0; 16]);
    let mut encoder = encoding.new_encoder();
    let text = c.encode_utf8(&mut text);
    let (result, _read, written) =
        encoder.encode_from_utf8_without_replacement(text, &mut bytes, true);
    (result == EncoderResult::InputEmpty).then(|| bytes[..written].to_vec())
}

/// Marks and joiners that only make sense with a character before them.
fn takes_no_room(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The plain form of a character of typesetting.
fn plain(c: char) -> Option<char> {
    Some(match c {
        '‘' | '’' | '‚' => '\'',
        '“' | '”' | '„' => '"',
        '‐'..='―' | '−' => '-',
        '•' | '·' => '*',
        '×' => 'x',
        c if c.is_whitespace() => ' ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [CodePage; 11] = [
        CodePage::Cp437,
        CodePage::Cp850,
        CodePage::Cp858,
        CodePage::Cp866,
        CodePage::Windows1250,
        CodePage::Windows1251,
        CodePage::Windows1252,
        CodePage::Windows1253,
        CodePage::Windows1254,
        CodePage::Windows1257,
        CodePage::ShiftJis,
    ];

    fn bytes(page: CodePage, text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| page.encode(c)).collect()
    }

    #[test]
    fn tables_are_whole() {
        for table in [CP437, CP850] {
            assert_eq!(table.chars().count(), 128);
        }
    }

    #[test]
    fn each_page_writes_its_own_bytes() {
        for (page, text, expected) in [
            (
                CodePage::Cp437,
                "Crème ½ ß ■",
                &b"Cr\x8ame \xab \xe1 \xfe"[..],
            ),
            (CodePage::Cp850, "Æble ×1 ı", b"\x92ble \x9e1 \xd5"),
            (CodePage::Cp858, "5 € ı", b"5 \xd5 ?"),
            (
                CodePage::Windows1252,
                "Jalapeño – 5 €",
                b"Jalape\xf1o \x96 5 \x80",
            ),
            (CodePage::Windows1251, "Борщ", b"\xc1\xee\xf0\xf9"),
            (CodePage::Cp866, "Борщ", b"\x81\xae\xe0\xe9"),
            (CodePage::Windows1250, "Żurek", b"\xafurek"),
            (
                CodePage::ShiftJis,
                "複写ｶﾂ丼",
                b"\x95\xa1\x8e\xca\xb6\xc2\x98\xa5",
            ),
        ] {
            assert_eq!(bytes(page, text), expected, "{page:?} {text}");
        }
    }

    #[test]
    fn what_a_page_lacks_is_a_question_mark_or_its_plain_form() {
        assert_eq!(bytes(CodePage::Cp437, "寿司 “a” 1×2"), b"?? \"a\" 1x2");
        assert_eq!(bytes(CodePage::Windows1252, "🌶️!"), b"?!");
        assert_eq!(bytes(CodePage::Cp437, "cafe\u{301}"), b"cafe");
        assert!(CodePage::ShiftJis.has("複写") && !CodePage::Cp437.has("複写"));
    }

    proptest! {
        #[test]
        fn no_character_becomes_a_command(c: char) {
            for page in ALL {
                let bytes = page.encode(c);
                prop_assert!(bytes.len() <= 2);
                // The second byte of a Kanji is read by the first.
                prop_assert!(bytes.first().is_none_or(|byte| 0x20 <= *byte && *byte != 0x7f));
                prop_assert!(bytes.iter().all(|byte| 0x20 <= *byte));
            }
        }
    }
}
