//! The edge's HTTP API: all routes, and the layers around them.

mod access;
mod address;
mod board;
mod calls;
mod counts;
mod devices;
mod health;
mod live;
mod menu;
mod movements;
mod orders;
mod pictures;
mod printers;
mod queue;
mod session;
mod shared;
mod site;
mod snapshot;
mod stock;
mod sync;
mod tickets;
mod today;

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sunakku_common::browser::{refuse_foreign_pages, safe_answers};
use sunakku_common::http::{measure, panicked, refuse_long_bodies, unknown_method, unknown_path};
use sunakku_common::problem::Problem;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::state::AppState;
use crate::ui;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sunakku edge",
        description = "One cafeteria: its menu, orders, tickets, stock and log. Every mutation \
                       takes `Idempotency-Key`; a screen that several people use names itself in \
                       `X-Device`. Errors are RFC 9457 problems.",
        license(name = "Apache-2.0")
    ),
    security(("token" = []))
)]
struct Document;

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(ui::kiosk))
        .routes(routes!(ui::kitchen))
        .routes(routes!(ui::pickup))
        .routes(routes!(ui::ops))
        .routes(routes!(session::sign_in, session::cookie::who))
        .routes(routes!(session::code::redeem))
        .routes(routes!(session::guest::enter))
        .routes(routes!(session::pin::sign_in))
        .routes(routes!(session::cookie::set, session::cookie::clear))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        // Who may call which: `access.rs`.
        .routes(routes!(pictures::picture))
        .routes(routes!(menu::menu))
        .routes(routes!(orders::place, orders::list))
        .routes(routes!(orders::get))
        .routes(routes!(orders::cancel))
        .routes(routes!(stock::list))
        .routes(routes!(live::live))
        .routes(routes!(board::board))
        .routes(routes!(site::get))
        .routes(routes!(calls::call, calls::list))
        .routes(routes!(calls::done))
        .routes(routes!(printers::list))
        .routes(routes!(today::today))
        .routes(routes!(orders::collect))
        .routes(routes!(tickets::list))
        .routes(routes!(counts::counts))
        .routes(routes!(tickets::get))
        .routes(routes!(tickets::acknowledge))
        .routes(routes!(tickets::start))
        .routes(routes!(tickets::bump))
        .routes(routes!(tickets::recall))
        .routes(routes!(tickets::bump_line))
        .routes(routes!(tickets::confirm))
        .routes(routes!(stock::set, stock::get))
        .routes(routes!(movements::list))
        .routes(routes!(stock::mark))
        .routes(routes!(stock::adjust))
        .routes(routes!(stock::suspend))
        .routes(routes!(stock::resume))
        .routes(routes!(queue::status))
        .routes(routes!(queue::pause))
        .routes(routes!(queue::resume))
        .routes(routes!(queue::dead))
        .routes(routes!(queue::retry))
        .routes(routes!(queue::discard))
        .routes(routes!(sync::status))
        .routes(routes!(devices::list, session::pairing::confirm))
        .routes(routes!(devices::revoke))
        .routes(routes!(session::pairing::ask))
        .routes(routes!(session::pairing::claim))
        .routes(routes!(session::code::make))
        .routes(routes!(site::close))
        .routes(routes!(site::open))
}

/// The OpenAPI document of this API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_router, mut document) = routes().split_for_parts();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    sunakku_common::openapi::complete(&mut document);
    document
}

/// All routes with their layers.
pub(crate) fn router(state: AppState) -> Router {
    let http = &state.inner.config.http;
    let timeout = Duration::from_secs(http.request_timeout_seconds);
    // Outermost first. The time-out is inside the measure, so that it is counted; a WebSocket is
    // answered at once and lives on outside of it.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(axum::middleware::from_fn(measure))
        .layer(axum::middleware::from_fn(safe_answers))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::map_response(explain_timeout))
        .layer(TimeoutLayer::with_status_code(
            axum::http::StatusCode::REQUEST_TIMEOUT,
            timeout,
        ))
        .layer(axum::middleware::from_fn(refuse_foreign_pages))
        .layer(axum::middleware::from_fn_with_state(
            http.max_body_bytes as u64,
            refuse_long_bodies,
        ))
        .layer(DefaultBodyLimit::max(http.max_body_bytes))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            access::guard,
        ));
    let (router, _document) = routes().split_for_parts();
    router
        .route("/ui/{version}/{*path}", get(ui::part))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(layers)
        .with_state(state)
}

/// The time-out layer answers with an empty 408; callers want a problem that says what to do.
async fn explain_timeout(response: Response) -> Response {
    if response.status() != axum::http::StatusCode::REQUEST_TIMEOUT {
        return response;
    }
    Problem::unavailable(
        "timed-out",
        "The request took too long. Send it again with the same Idempotency-Key.",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_router_and_its_document_hold_together() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let paths: Vec<&String> = document["paths"]
            .as_object()
            .expect("paths")
            .keys()
            .collect();
        for path in [
            "/v1/orders",
            "/v1/tickets/{id}/lines/{line}/bump",
            "/v1/live",
            "/v1/sync",
        ] {
            assert!(
                paths.iter().any(|known| *known == path),
                "{path} is not in {paths:?}"
            );
        }
    }
}
