//! The hub's HTTP API: one file per noun, and here the one list of routes and layers.

mod access;
mod analytics;
mod audit;
mod browser;
mod commands;
mod health;
mod ledger;
mod live;
mod menus;
mod orders;
mod pictures;
mod session;
mod sites;
mod statements;
mod users;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use sunakku_common::front::{REQUEST_ID, measured, within};
use sunakku_common::ids::OrderId;
use sunakku_common::problem::Problem;
use sunakku_common::{http, openapi};
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::config;
use crate::state::Hub;
use crate::ui;

pub(crate) use pictures::MAKERS;

/// Where pictures are uploaded.
const PICTURES: &str = "/v1/pictures";
/// How many times as long as another request an upload may take: a picture comes over a slow line as well.
const UPLOAD_TIMES: u32 = 6;

/// The document at `/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sunakku hub",
        description = "Orders, sites and proofs of all cafeterias. Errors are RFC 9457 problems; \
                       lists answer `{items, next}`; money is in minor units; times are UTC."
    ),
    components(schemas(Problem, OrderId)),
    modifiers(&Bearer)
)]
struct Document;

/// Names the way in which a token is sent.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// All routes, and the document that describes them.
fn routes(
    max_menu_bytes: usize,
    max_picture_bytes: usize,
) -> (Router<Hub>, utoipa::openapi::OpenApi) {
    let whole_menu = DefaultBodyLimit::max(max_menu_bytes);
    let picture = DefaultBodyLimit::max(max_picture_bytes);
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        // People and programs that sign in.
        .routes(routes!(session::sign_in, session::sign_out))
        .routes(routes!(session::refresh))
        .routes(routes!(session::sign_in_at_site))
        .routes(routes!(session::keys))
        // Browsers of people.
        .routes(routes!(browser::who))
        .routes(routes!(browser::set, browser::clear))
        .routes(routes!(browser::codes::make))
        .routes(routes!(browser::codes::redeem))
        .routes(routes!(ui::live))
        .routes(routes!(ui::orders))
        .routes(routes!(ui::menu))
        .routes(routes!(ui::analytics))
        .routes(routes!(ui::sites))
        .routes(routes!(ui::people))
        .routes(routes!(ui::audit))
        .routes(routes!(ui::proof))
        // Boxes with a token.
        .routes(routes!(sites::boxes::enrol))
        // Admins.
        .routes(routes!(sites::list, sites::edit::create))
        .routes(routes!(sites::edit::change))
        .routes(routes!(sites::edit::archive))
        .routes(routes!(sites::edit::unarchive))
        .routes(routes!(sites::boxes::invite))
        .routes(routes!(sites::boxes::revoke))
        .routes(routes!(orders::list))
        .routes(routes!(orders::get))
        .routes(routes!(orders::timeline::list))
        .routes(routes!(live::overview))
        .routes(routes!(live::follow))
        .routes(routes!(ledger::list))
        .routes(routes!(statements::get))
        .routes(routes!(statements::keys))
        .routes(routes!(analytics::sales::list))
        .routes(routes!(analytics::heatmap::list))
        .routes(routes!(analytics::items::list))
        .routes(routes!(analytics::sold_out::list))
        .routes(routes!(analytics::preparation::list))
        .routes(routes!(analytics::cancellations::list))
        .routes(routes!(analytics::stock::list))
        .routes(routes!(analytics::sites::list))
        .routes(routes!(analytics::forecast::get))
        .routes(routes!(sites::devices::list))
        .routes(routes!(sites::settings::get, sites::settings::set))
        .routes(routes!(commands::of_site, commands::give))
        .routes(routes!(commands::of_all, commands::give_many))
        .routes(routes!(menus::list, menus::create))
        .routes(routes!(menus::get, menus::replace).layer(whole_menu))
        .routes(routes!(menus::items::add))
        .routes(routes!(menus::items::change, menus::items::remove))
        .routes(routes!(
            menus::overrides::set_for_site,
            menus::overrides::clear_for_site
        ))
        .routes(routes!(
            menus::overrides::set_for_region,
            menus::overrides::clear_for_region
        ))
        .routes(routes!(menus::versions::diff))
        .routes(routes!(menus::publish::publish))
        .routes(routes!(menus::publish::roll_back))
        .routes(routes!(menus::versions::list))
        .routes(routes!(menus::versions::get))
        .routes(routes!(menus::sites::assign, menus::sites::release))
        .routes(routes!(menus::sites::effective))
        .routes(routes!(menus::rollout::list))
        .routes(routes!(menus::exchange::export))
        .routes(routes!(menus::exchange::import).layer(whole_menu))
        .routes(routes!(pictures::upload).layer(picture))
        .routes(routes!(pictures::list))
        .routes(routes!(pictures::get))
        .routes(routes!(audit::list))
        .routes(routes!(users::list, users::edit::create))
        .routes(routes!(users::get, users::edit::change))
        .routes(routes!(users::steps::disable))
        .routes(routes!(users::steps::enable))
        .routes(routes!(users::steps::sign_out))
        .routes(routes!(users::secrets::set_password))
        .routes(routes!(users::secrets::set_pin, users::steps::clear_pin))
        // Load balancers and Prometheus.
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .split_for_parts();
    openapi::complete(&mut document);
    (router, document)
}

/// All routes with their layers.
pub fn router(hub: Hub, config: &config::Http) -> Router {
    let (router, document) = routes(config.max_menu_bytes, config.max_picture_bytes);
    let limit = Duration::from_secs(config.timeout_seconds.into());
    let guard = middleware::from_fn_with_state(hub.clone(), access::guard);
    router
        // Whatever is added after this layer is open to everyone.
        .route_layer(guard)
        .route("/ui/{version}/{*path}", get(ui::part))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(http::unknown_path)
        .method_not_allowed_fallback(async || http::unknown_method())
        .layer(
            // Outermost first.
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
                // Failures are logged where they are handled.
                .layer(
                    TraceLayer::new_for_http()
                        .make_span_with(span)
                        .on_failure(()),
                )
                .layer(middleware::from_fn_with_state(limit, front))
                .layer(CompressionLayer::new())
                .layer(DefaultBodyLimit::max(config.max_body_bytes)),
        )
        .with_state(hub)
}

/// The document alone.
#[cfg(test)]
fn document() -> utoipa::openapi::OpenApi {
    routes(0, 0).1
}

/// What each request passes before its handler: it is measured, and answered within `limit`.
async fn front(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let is_upload = request.method() == Method::POST && request.uri().path() == PICTURES;
    let limit = if is_upload {
        UPLOAD_TIMES * limit
    } else {
        limit
    };
    let late = || Problem::unavailable("timeout", "This took too long. Try again.");
    let answer = async |request| within(limit, async { Ok(next.run(request).await) }, late).await;
    measured(request, answer).await
}

fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get("x-request-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    // The path alone: a query may hold what a person searched for.
    tracing::info_span!(
        "http", method = %request.method(), path = request.uri().path(), request.id = id
    )
}
