//! Devices that a site has let in.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use uuid::Uuid;

use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::state::Hub;

/// As many as a site lets in at most.
const MAX: i64 = 1_000;

/// Devices of a site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Devices {
    /// By name.
    items: Vec<Device>,
}

/// A kiosk, kitchen screen, board or other screen.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(in crate::api) struct Device {
    /// Its id.
    #[sqlx(rename = "device_id")]
    id: Uuid,
    /// What people call it.
    name: String,
    /// What it may do.
    role: String,
    /// When it was let in, by the site's clock; null when that was beyond any calendar.
    paired_at: Option<DateTime<Utc>>,
    /// By whom.
    paired_by: String,
}

/// The devices that a site has let in, as far as its log has told. To let one in or not any more, give the
/// site a command: `device.pair` with `{"code", "name", "role"}`, or `device.revoke` with `{"device"}`.
#[utoipa::path(get, path = "/v1/sites/{id}/devices", tag = "sites",
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The devices", body = Devices),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Path(site): Path<SiteId>,
) -> Answer<Json<Devices>> {
    scope.require(&site)?;
    let known: bool = sqlx::query_scalar("select exists (select from site where site_id = $1)")
        .bind(site.as_str())
        .fetch_one(&hub.pool)
        .await
        .or_problem()?;
    if !known {
        return Err(Problem::not_found("There is no such site."));
    }
    let items = sqlx::query_as(
        "select device_id, name, role, paired_at, paired_by from site_device
         where site_id = $1 and not is_revoked order by name, device_id limit $2",
    )
    .bind(site.as_str())
    .bind(MAX)
    .fetch_all(&hub.pool)
    .await
    .or_problem()?;
    Ok(Json(Devices { items }))
}
