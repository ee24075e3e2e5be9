//! Text that guests read, in several languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text by language tag: `{"en": "Flat white", "ja": "フラットホワイト"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Text(pub BTreeMap<String, String>);

impl Text {
    /// A text in English alone.
    pub fn english(text: impl Into<String>) -> Self {
        Self(BTreeMap::from([("en".to_owned(), text.into())]))
    }

    /// Whether it has no language.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text in the first of `languages` that it has, else English, else any.
    pub fn pick(&self, languages: &Languages) -> &str {
        let wanted = languages.0.iter().map(String::as_str).chain(["en"]);
        let mut found = wanted.filter_map(|tag| self.0.get(tag));
        found
            .next()
            .or_else(|| self.0.values().next())
            .map_or("", String::as_str)
    }
}

/// Whether a text that people wrote can be shown, printed and stored everywhere: no control
/// characters but white space. A printer would obey some, and Postgres stores no NUL.
pub fn is_printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

/// Languages in a reader's order of preference, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Languages(pub Vec<String>);

impl Languages {
    /// Reads an `Accept-Language` header (RFC 9110 §12.5.4). A tag with a region also stands
    /// for its language: `ja-JP` finds `ja`. What cannot be read is passed over.
    pub fn parse(header: &str) -> Self {
        let mut weighted: Vec<(f32, String)> = Vec::new();
        for part in header.split(',').take(20) {
            let mut fields = part.split(';').map(str::trim);
            let tag = fields.next().unwrap_or_default();
            let weight = fields
                .find_map(|f| f.strip_prefix("q="))
                .map_or(Ok(1.0), str::parse);
            let legal = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if let (Ok(weight), false, true) = (weight, tag.is_empty(), legal)
                && weight > 0.0
            {
                weighted.push((weight, tag.to_owned()));
                if let Some((language, _region)) = tag.split_once('-') {
                    weighted.push((weight, language.to_owned()));
                }
            }
        }
        // A stable sort keeps the reader's order among equals.
        weighted.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self(weighted.into_iter().map(|(_, tag)| tag).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat_white() -> Text {
        serde_json::from_str(r#"{"en": "Flat white", "ja": "フラットホワイト"}"#)
            .expect("a literal")
    }

    #[test]
    fn a_text_for_people_has_no_control_characters() {
        assert!(is_printable("no onions,\n\u{1f336} spicy\u{200d} é"));
        for bad in ["\0", "\u{1b}@", "a\u{7}", "\u{9b}1m"] {
            assert!(!is_printable(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_best_language_that_the_text_has_is_picked() {
        let pick = |header: &str| flat_white().pick(&Languages::parse(header)).to_owned();
        assert_eq!(pick("ja-JP, en;q=0.5"), "フラットホワイト");
        assert_eq!(pick("fr, en;q=0.2, ja;q=0.9"), "フラットホワイト");
        assert_eq!(pick("fr"), "Flat white");
        assert_eq!(pick(";;q=,,q=x"), "Flat white");
    }
}
