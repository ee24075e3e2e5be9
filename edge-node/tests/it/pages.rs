//! Pages as browsers get them.

use reqwest::header::HeaderMap;

use crate::site::TestSite;

/// What came back of a GET without a token.
async fn get(test: &TestSite, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = reqwest::Client::new().get(format!("{}{path}", test.site.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap_or_default())
}

/// Paths that a page loads.
fn parts(page: &str) -> Vec<String> {
    let paths = page.split('"').filter(|text| text.starts_with("/ui/"));
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_page_runs_no_foreign_script_and_stands_in_no_foreign_frame() {
    let test = TestSite::start().await;
    for path in ["/", "/kitchen", "/pickup", "/ops"] {
        let (status, headers, page) = get(&test, path, &[]).await;
        assert_eq!(status, 200, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for needed in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(
                policy.contains(needed),
                "{path}: {needed} is not in {policy}"
            );
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(
            headers["permissions-policy"]
                .to_str()
                .unwrap()
                .contains("camera=()")
        );
        assert!(!page.contains("://"), "{path} names another host: {page}");
        assert!(
            !page.contains("<style") && !page.contains("style="),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_a_page_loads_is_kept_for_good_and_a_page_is_asked_for_anew() {
    let test = TestSite::start().await;
    let (_, headers, page) = get(&test, "/kitchen", &[]).await;
    assert_eq!(headers["cache-control"], "no-cache");
    let etag = headers["etag"].to_str().unwrap();
    let (status, _, body) = get(&test, "/kitchen", &[("if-none-match", etag)]).await;
    assert_eq!((status, body.as_str()), (304, ""));
    let parts = parts(&page);
    assert!(5 < parts.len(), "{parts:?}");
    for part in &parts {
        let (status, headers, body) = get(&test, part, &[("accept-encoding", "gzip")]).await;
        assert_eq!(status, 200, "{part}");
        assert_eq!(
            headers["cache-control"], "public, max-age=31536000, immutable",
            "{part}"
        );
        assert!(!body.is_empty(), "{part}");
        if part.ends_with(".css") || part.ends_with(".js") {
            // What fits in a packet is sent as it is.
            let packed = headers.get("content-encoding");
            assert!(
                packed.is_some_and(|by| by == "gzip") || body.len() < 1_400,
                "{part}"
            );
        }
        let etag = headers["etag"].to_str().unwrap();
        let (status, _, _) = get(&test, part, &[("if-none-match", etag)]).await;
        assert_eq!(status, 304, "{part}");
    }
    let other = parts[0].replacen("/ui/", "/ui/0", 1);
    assert_eq!(get(&test, &other, &[]).await.0, 404, "another version");
    for path in ["/ui/", "/ui/x/../kiosk.html", "/kiosk.html"] {
        assert_eq!(get(&test, path, &[]).await.0, 404, "{path}");
    }
}
