//! Pages and what they load, all of it in the binary: nothing comes from elsewhere.
//!
//! Whatever a page loads lies under `/ui/<version>/`, where the version is a digest of all of it.
//! So browsers may keep it for good, and a page never gets parts of two versions. Pages
//! themselves are asked for anew each time, by their `ETag`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// What both binaries' pages share: tokens, components, the live connection, libraries, pictures.
#[derive(Embed)]
#[folder = "ui/"]
struct Shared;

/// Where a page's text has this, it gets the version.
const VERSION: &str = "{version}";

/// What a browser lets our pages do: load from this host alone, run no script that stands in a
/// page, speak to this host alone, stand in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Devices that our pages never ask for.
pub(crate) const PERMISSIONS: &str =
    "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()";

/// Files by their path below `/ui/<version>/`.
pub struct Assets {
    version: String,
    files: BTreeMap<String, Asset>,
}

struct Asset {
    body: Bytes,
    media_type: &'static str,
    etag: HeaderValue,
}

/// The media type of a file by its name; `None` for what is not served, such as type declarations.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

impl Assets {
    /// The shared files and those of `own`, which wins where both have a path.
    pub fn with<Own: Embed>() -> Self {
        let shared = Shared::iter().filter_map(|path| Some((Shared::get(&path)?, path)));
        let own = Own::iter().filter_map(|path| Some((Own::get(&path)?, path)));
        let files = shared.chain(own);
        Self::new(files.map(|(file, path)| (path.into_owned(), file.data)))
    }

    fn new(files: impl Iterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let files: BTreeMap<String, Cow<'static, [u8]>> = files
            .filter(|(path, _)| media_type(path).is_some())
            .collect();
        let mut all = Sha256::new();
        for (path, data) in &files {
            all.update(format!("{path} {}\n", data.len()));
            all.update(data);
        }
        let version = HEXLOWER.encode(&all.finalize()[..8]);
        let files = files.into_iter().filter_map(|(path, data)| {
            let media_type = media_type(&path)?;
            let data = if path.ends_with(".html") {
                let text = String::from_utf8_lossy(&data).replace(VERSION, &version);
                Bytes::from(text)
            } else {
                Bytes::from(data.into_owned())
            };
            let etag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&data)[..12]));
            let asset = Asset {
                body: data,
                media_type,
                etag: HeaderValue::try_from(etag).ok()?,
            };
            Some((path, asset))
        });
        Self {
            files: files.collect(),
            version,
        }
    }

    /// Digest of everything.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A page, by its file's name.
    pub fn page(&self, name: &str, headers: &HeaderMap) -> Response {
        let Some(asset) = self.files.get(name) else {
            return Problem::internal().into_response();
        };
        let mut response = asset.answer(headers);
        let mut set = |name: HeaderName, value: &'static str| {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        };
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
        set(header::X_FRAME_OPTIONS, "DENY");
        set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        );
        response
    }

    /// What a page loads.
    pub fn part(&self, version: &str, path: &str, headers: &HeaderMap) -> Response {
        let found = self.files.get(path).filter(|_| version == self.version);
        let Some(asset) = found.filter(|_| !path.ends_with(".html")) else {
            return Problem::not_found("There is no such part of a page; load the page again.")
                .into_response();
        };
        let mut response = asset.answer(headers);
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, forever);
        response
    }
}

/// Whether who asks has what this tag names.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok());
    // On its way a compressing proxy may have marked it as weak.
    let mut tags = known.unwrap_or_default().split(',');
    tags.any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

impl Asset {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let etag = self.etag.to_str().unwrap_or_default();
        let mut response = if is_known(headers, etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.body.clone().into_response()
        };
        let answer = response.headers_mut();
        answer.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        answer.insert(header::ETAG, self.etag.clone());
        let sniff = HeaderValue::from_static("nosniff");
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, sniff);
        let own = HeaderValue::from_static("same-origin");
        answer.insert(HeaderName::from_static("cross-origin-resource-policy"), own);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(page: &'static str) -> Assets {
        let files = [("a.html", page), ("a.js", "x"), ("a.d.ts", "never served")];
        let file =
            |(path, text): (&str, &'static str)| (path.to_owned(), Cow::Borrowed(text.as_bytes()));
        Assets::new(files.into_iter().map(file))
    }

    #[test]
    fn a_page_names_the_version_of_what_it_loads() {
        let assets = assets("<script src=/ui/{version}/a.js>");
        let page = assets.page("a.html", &HeaderMap::new());
        assert_eq!(page.status(), 200);
        let text = String::from_utf8_lossy(&assets.files["a.html"].body).into_owned();
        assert_eq!(text, format!("<script src=/ui/{}/a.js>", assets.version()));
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str();
        assert!(!policy.expect("text").contains("unsafe"));
    }

    #[test]
    fn parts_are_found_under_the_version_alone() {
        let assets = assets("one");
        let status = |version: &str, path| {
            assets
                .part(version, path, &HeaderMap::new())
                .status()
                .as_u16()
        };
        assert_eq!(status(assets.version(), "a.js"), 200);
        assert_eq!(status("0", "a.js"), 404);
        for none in ["a.html", "a.d.ts", "../a.js", ""] {
            assert_eq!(status(assets.version(), none), 404, "{none}");
        }
        assert_ne!(assets.version(), self::assets("two").version());
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let assets = assets("one");
        let etag = assets.files["a.js"].etag.clone();
        for known in [
            etag.clone(),
            HeaderValue::try_from(format!("W/{}", etag.to_str().expect("text"))).expect("header"),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known)]);
            let answer = assets.part(assets.version(), "a.js", &headers);
            assert_eq!(answer.status(), 304);
            assert_eq!(answer.headers()[header::ETAG], etag);
        }
    }
}
