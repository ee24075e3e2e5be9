//! Pictures of menu items that people upload: how they are named, asked for and served. What a
//! menu says of a picture is its name; the name is made of the picture's content, so whoever holds
//! one can tell whether it is the right one, and browsers may keep it for good.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::assets::is_known;
use crate::menu::Menu;

/// Bytes of an uploaded picture at most, as it is kept: it fits into one NATS message.
pub const MAX_BYTES: usize = 256 * 1024;
/// Uploaded pictures that one menu may name: a site holds no more than 50 MiB of them.
pub const MAX_PER_MENU: usize = 200;
/// Hex digits of the SHA-256 in a name: 128 bits, so that nobody makes another picture to a name.
const DIGITS: usize = 32;

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Opaque ones.
    Jpeg,
    /// Those that one can see through.
    Png,
}

impl Format {
    const ALL: [Self; 2] = [Self::Jpeg, Self::Png];

    fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => ".jpg",
            Self::Png => ".png",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// Names an uploaded picture: 32 hex digits of the SHA-256 of its bytes, then `.jpg` or `.png`.
/// The pictures that every program brings along have names of another form, such as `burger`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PictureName(String);

/// It is no name of an uploaded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no name of an uploaded picture")]
pub struct NoPictureName;

impl PictureName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8], format: Format) -> Self {
        Self(format!("{}{}", digits(bytes), format.extension()))
    }

    /// Whether it is the name of these bytes.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.0.get(..DIGITS) == Some(digits(bytes).as_str())
    }

    /// What it is written as.
    pub fn format(&self) -> Format {
        match self.0.ends_with(Format::Png.extension()) {
            true => Format::Png,
            false => Format::Jpeg,
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn digits(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    HEXLOWER.encode(&digest[..DIGITS / 2])
}

impl FromStr for PictureName {
    type Err = NoPictureName;

    fn from_str(text: &str) -> Result<Self, NoPictureName> {
        let digits = Format::ALL
            .into_iter()
            .find_map(|format| text.strip_suffix(format.extension()));
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let digits = digits.filter(|digits| digits.len() == DIGITS && digits.bytes().all(is_hex));
        digits.map(|_| Self(text.to_owned())).ok_or(NoPictureName)
    }
}

impl TryFrom<String> for PictureName {
    type Error = NoPictureName;

    fn try_from(text: String) -> Result<Self, NoPictureName> {
        text.parse()
    }
}

impl From<PictureName> for String {
    fn from(name: PictureName) -> Self {
        name.0
    }
}

impl fmt::Display for PictureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Menu {
    /// The uploaded pictures that it names.
    pub fn pictures(&self) -> BTreeSet<PictureName> {
        let names = self.items.iter().filter_map(|item| item.image.as_deref());
        names.filter_map(|name| name.parse().ok()).collect()
    }
}

/// Site → hub: the picture that a site wants. The answer is its bytes, and nothing when there is
/// no such picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PictureWanted {
    /// Its name.
    pub name: PictureName,
}

/// What a browser may do with a picture: show it, and keep it for good, as its name is its content.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox; frame-ancestors 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Serves a picture; 304 to who has it.
pub fn answer(name: &PictureName, bytes: Bytes, asked: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", &name.0[..DIGITS]);
    let mut response = match is_known(asked, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => bytes.into_response(),
    };
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(name.format().media_type());
    headers.insert(header::CONTENT_TYPE, kind);
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_of_its_bytes_alone() {
        let name = PictureName::of(b"a picture", Format::Jpeg);
        assert!(name.is_of(b"a picture"));
        assert!(!name.is_of(b"another"));
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert_eq!(name.format(), Format::Jpeg);
        assert_eq!(PictureName::of(b"", Format::Png).format(), Format::Png);
    }

    #[test]
    fn other_names_are_none() {
        let hex = "0123456789abcdef0123456789abcdef";
        assert!(format!("{hex}.jpg").parse::<PictureName>().is_ok());
        for other in [
            "burger".to_owned(),
            hex.to_owned(),
            format!("{hex}.svg"),
            format!("{hex}0.png"),
            format!("{}.jpg", hex.to_uppercase()),
            format!("../{hex}.jpg"),
        ] {
            assert_eq!(other.parse::<PictureName>(), Err(NoPictureName), "{other}");
        }
    }

    #[test]
    fn a_picture_is_kept_for_good_and_never_sent_twice() {
        let bytes = Bytes::from_static(b"x");
        let name = PictureName::of(&bytes, Format::Png);
        let first = answer(&name, bytes.clone(), &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "image/png");
        assert_eq!(first.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policy = first.headers()[header::CONTENT_SECURITY_POLICY].to_str();
        assert!(policy.expect("text").contains("sandbox"));
        let known = first.headers()[header::ETAG].clone();
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, known)]);
        let second = answer(&name, bytes, &asked);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_as_a_whole_or_none(text in any::<String>()) {
            if let Ok(name) = text.parse::<PictureName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
