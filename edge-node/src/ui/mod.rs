//! The pages of a site: kiosk, kitchen, pickup board and operations, served by the edge itself.
//! They hold no data: all of it comes by the API, to who has signed in.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use rust_embed::Embed;
use sunakku_common::assets::Assets;

/// The edge's own pages; what they share with others' comes from `common/ui`.
#[derive(Embed)]
#[folder = "ui/"]
struct Own;

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::with::<Own>);

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $path:literal, $file:literal) => {
        $(#[$doc])*
        #[utoipa::path(
            get, path = $path, tag = "pages", security(()),
            responses((status = 200, body = String, content_type = "text/html"))
        )]
        pub(crate) async fn $name(headers: HeaderMap) -> Response {
            ASSETS.page($file, &headers)
        }
    };
}

page!(
    /// The touch kiosk.
    kiosk, "/", "kiosk.html"
);
page!(
    /// The kitchen's screen.
    kitchen, "/kitchen", "kitchen.html"
);
page!(
    /// The pickup board.
    pickup, "/pickup", "pickup.html"
);
page!(
    /// Operations of the site.
    ops, "/ops", "ops.html"
);

/// What the pages load, under `/ui/<version>/<path>`.
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
    fn every_page_is_there() {
        for file in ["kiosk.html", "kitchen.html", "pickup.html", "ops.html"] {
            assert_eq!(ASSETS.page(file, &HeaderMap::new()).status(), 200, "{file}");
        }
    }
}
