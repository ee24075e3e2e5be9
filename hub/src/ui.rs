//! The dashboard: one page that shows each of its views under an address of its own. It holds no
//! data: all of it comes by the API, to who has signed in.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use rust_embed::Embed;
use sunakku_common::assets::Assets;

/// The hub's own page; what it shares with the edge's comes from `common/ui`.
#[derive(Embed)]
#[folder = "ui/"]
struct Own;

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::with::<Own>);
const PAGE: &str = "hub.html";

macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $path:literal) => {
        $(#[$doc])*
        #[utoipa::path(
            get, path = $path, tag = "pages", security(()),
            responses((status = 200, body = String, content_type = "text/html"))
        )]
        pub(crate) async fn $name(headers: HeaderMap) -> Response {
            ASSETS.page(PAGE, &headers)
        }
    };
}

view!(
    /// All sites as they are now.
    live, "/"
);
view!(
    /// Orders of all sites, and what happened to each.
    orders, "/orders"
);
view!(
    /// Menus: drafts, versions, roll-out.
    menu, "/menu"
);
view!(
    /// What sold, how fast it was made, what was not there, what to expect.
    analytics, "/analytics"
);
view!(
    /// Sites and the boxes that speak for them.
    sites, "/sites"
);
view!(
    /// People: who there is, and what each may do.
    people, "/people"
);
view!(
    /// Who changed what.
    audit, "/audit"
);
view!(
    /// That hub and sites hold the same.
    proof, "/proof"
);

/// What the page loads, under `/ui/<version>/<path>`.
pub(crate) async fn part(
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    ASSETS.part(&version, &path, &headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there() {
        assert_eq!(ASSETS.page(PAGE, &HeaderMap::new()).status(), 200);
    }
}
