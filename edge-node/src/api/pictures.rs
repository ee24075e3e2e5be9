//! Uploaded pictures of the menu's items.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sunakku_common::http::Path;
use sunakku_common::picture::{PictureName, answer};
use sunakku_common::problem::Problem;

use crate::state::AppState;

/// A picture of the menu, by the `image` of its item. It comes from memory and asks nobody: one that the hub
/// has not sent yet is not there, and will be.
#[utoipa::path(
    get, path = "/pictures/{name}", tag = "menu", security(()),
    params(("name" = String, Path, description = "`image` of an item")),
    responses(
        (status = 200, description = "The picture", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 304, description = "The picture is the one that If-None-Match names"),
        (status = 404, description = "It is not here, or not yet", body = Problem),
    )
)]
pub(super) async fn picture(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("This picture is not here, or not yet.");
    let name: PictureName = name.parse().map_err(|_| none())?;
    let bytes = state.inner.pictures.get(&name).ok_or_else(none)?;
    Ok(answer(&name, bytes, &headers))
}
