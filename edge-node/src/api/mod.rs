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
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use sunakku_common::browser::{Answer, refuse_foreign_page};
use sunakku_common::front::{measured, refuse_long_body, within};
use sunakku_common::http::{unknown_method, unknown_path};
use sunakku_common::problem::Problem;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _, SizeAbove};
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

/// Answers that are shorter go out in one packet anyway.
const COMPRESSED_FROM_BYTES: u64 = 1_400;

/// All routes with what stands in front of them.
pub(crate) fn router(state: AppState) -> Router {
    let worth = SizeAbove::new(COMPRESSED_FROM_BYTES).and(DefaultPredicate::new());
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(state.clone(), front))
        .layer(CompressionLayer::new().compress_when(worth))
        .layer(DefaultBodyLimit::max(
            state.inner.config.http.max_body_bytes,
        ));
    let (router, _document) = routes().split_for_parts();
    router
        .route("/ui/{version}/{*path}", get(ui::part))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()))
        .fallback(unknown_path)
        .method_not_allowed_fallback(async || unknown_method())
        .layer(layers)
        .with_state(state)
}

/// What each request passes before its handler, and its answer after it. A WebSocket is answered at once, and
/// lives on outside of it.
async fn front(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let http = &state.inner.config.http;
    let limit = Duration::from_secs(http.request_timeout_seconds);
    let answer = async |request: Request| {
        let kind = Answer::to(request.uri().path());
        let answering = async {
            refuse_foreign_page(&request)?;
            let mut request = refuse_long_body(request, http.max_body_bytes as u64).await?;
            match access::admit(&state, &mut request)? {
                None => Ok(next.run(request).await),
                Some(answer) => Ok(answer),
            }
        };
        let mut response = within(limit, answering, too_late).await;
        kind.make_safe(response.headers_mut());
        response
    };
    measured(request, answer).await
}

fn too_late() -> Problem {
    let detail = "The request took too long. Send it again with the same Idempotency-Key.";
    Problem::unavailable("timed-out", detail)
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
