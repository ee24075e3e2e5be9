//! What the hub has set for a site.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json as Jsonb;
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use sunakku_common::site::OpeningHours;

use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::state::Hub;

/// A site's settings beside name, time zone and currency.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Settings {
    /// By the site's local time; without any day it is always open.
    #[serde(default)]
    opening_hours: OpeningHours,
    /// Orders that may be open at a time; null leaves it to the site's own configuration.
    #[serde(default)]
    max_open_orders: Option<u32>,
    /// The same for those of one device.
    #[serde(default)]
    max_open_orders_per_device: Option<u32>,
}

/// A site's settings.
#[utoipa::path(get, path = "/v1/sites/{id}/settings", tag = "sites",
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The settings", body = Settings),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn get(
    State(hub): State<Hub>,
    scope: Scope,
    Path(site): Path<SiteId>,
) -> Answer<Json<Settings>> {
    scope.require(&site)?;
    let mut connection = hub.pool.acquire().await.or_problem()?;
    Ok(Json(read(&mut connection, &site).await?))
}

/// Sets a site's settings, as a whole; they go down to the site at once.
#[utoipa::path(put, path = "/v1/sites/{id}/settings", tag = "sites", request_body = Settings,
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The settings", body = Settings),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 422, description = "They make no sense", body = Problem)))]
pub(in crate::api) async fn set(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    Path(site): Path<SiteId>,
    Json(settings): Json<Settings>,
) -> Answer<Response> {
    scope.require(&site)?;
    let limits = [
        settings.max_open_orders,
        settings.max_open_orders_per_device,
    ];
    let fault = settings.opening_hours.fault();
    let zero = limits
        .contains(&Some(0))
        .then(|| "limits: at least 1".to_owned());
    if let Some(why) = fault.or(zero) {
        return Err(Problem::unprocessable("invalid-body", why));
    }
    let mut change = match Change::begin(&hub.pool, &author, &settings).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let before = read(change.connection(), &site).await?;
    sqlx::query(
        "insert into site_settings
             (site_id, opening_hours, max_open_orders, max_open_orders_per_device)
         values ($1, $2, $3, $4)
         on conflict (site_id) do update set
             opening_hours = excluded.opening_hours, max_open_orders = excluded.max_open_orders,
             max_open_orders_per_device = excluded.max_open_orders_per_device",
    )
    .bind(site.as_str())
    .bind(Jsonb(&settings.opening_hours))
    .bind(settings.max_open_orders.map(i64::from))
    .bind(settings.max_open_orders_per_device.map(i64::from))
    .execute(change.connection())
    .await
    .or_problem()?;
    let object = format!("site/{site}/settings");
    change
        .audit(Entry {
            action: "site.configure",
            object: &object,
            before: serde_json::to_value(&before).ok(),
            after: serde_json::to_value(&settings).ok(),
        })
        .await?;
    change.commit(Done::ok(&settings)?).await
}

async fn read(connection: &mut PgConnection, site: &SiteId) -> Answer<Settings> {
    type Row = (Option<Jsonb<OpeningHours>>, Option<i64>, Option<i64>);
    let row: Option<Row> = sqlx::query_as(
        "select t.opening_hours, t.max_open_orders, t.max_open_orders_per_device
         from site s left join site_settings t on t.site_id = s.site_id where s.site_id = $1",
    )
    .bind(site.as_str())
    .fetch_optional(connection)
    .await
    .or_problem()?;
    let (hours, orders, per_device) =
        row.ok_or_else(|| Problem::not_found(format!("There is no site {site}.")))?;
    let limit = |limit: Option<i64>| limit.and_then(|limit| u32::try_from(limit).ok());
    Ok(Settings {
        opening_hours: hours.map(|Jsonb(hours)| hours).unwrap_or_default(),
        max_open_orders: limit(orders),
        max_open_orders_per_device: limit(per_device),
    })
}
