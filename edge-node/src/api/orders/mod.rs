//! Orders: looking up, calling off, handing over; `place.rs` takes them.

mod answer;
mod place;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Json, List, MaybeJson, Page, Path, Query, languages};
use sunakku_common::ids::OrderId;
use sunakku_common::problem::Problem;
use sunakku_common::state::OrderState;

pub(super) use answer::LineAnswer;
pub(super) use place::*;

use super::shared::{fresh, illegal_transition, is_guest, operation, reason_text};
use crate::state::AppState;
use crate::store::{Close, OrderFilter, OrderRecord, Step};
use answer::OrderAnswer;

/// The body of a cancellation.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Reason {
    /// Needed once cooking has begun.
    #[serde(default)]
    reason: Option<String>,
}

/// Which orders to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct StateFilter {
    /// A state, `open` (the default) or `all`.
    state: Option<String>,
}

/// Orders in the order in which they were taken.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", params(StateFilter, Page),
    responses(
        (status = 200, body = List<OrderAnswer>),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(filter): Query<StateFilter>,
    Query(page): Query<Page>,
) -> Result<Json<List<OrderAnswer>>, Problem> {
    let filter = match filter.state.as_deref() {
        None | Some("open") => OrderFilter::Open,
        Some("all") => OrderFilter::All,
        Some(name) => OrderFilter::In(name.parse().map_err(|error: String| {
            Problem::bad_request("invalid-query", format!("state: {error}, open or all"))
        })?),
    };
    let after = page.after_number()?.unwrap_or(0);
    let (orders, next) = state
        .inner
        .store
        .orders(filter, after, page.limit())
        .await?;
    let languages = languages(&headers);
    let items = orders
        .into_iter()
        .map(|order| OrderAnswer::of(order, &languages))
        .collect();
    Ok(Json(List {
        items,
        next: next.map(|place| place.to_string()),
    }))
}

/// One order. A kiosk or phone sees its own alone.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", params(("id" = OrderId, Path)),
    responses(
        (status = 200, body = OrderAnswer), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderAnswer>, Problem> {
    let order = own_order(&state, &caller, id).await?;
    Ok(Json(OrderAnswer::of(order, &languages(&headers))))
}

/// The order, unless it is not there or not the caller's business.
async fn own_order(state: &AppState, caller: &Caller, id: OrderId) -> Result<OrderRecord, Problem> {
    let order = state.inner.store.order(id).await?;
    let mine = |order: &OrderRecord| !is_guest(caller) || order.by.actor == caller.0.sub;
    order.filter(mine).ok_or_else(unknown_order)
}

fn unknown_order() -> Problem {
    Problem::not_found("There is no such order here; orders are kept for 30 days.")
}

/// Call an order off: free before cooking; later kitchen and managers alone, with a reason.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", params(("id" = OrderId, Path)),
    request_body = Option<Reason>,
    responses(
        (status = 200, body = OrderAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
    body: Result<MaybeJson<Reason>, Problem>,
) -> Result<Response, Problem> {
    use OrderState::{Cancelled, Placed, Preparing, Ready};
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?;
    own_order(&state, &caller, id).await?;
    let may_late = !is_guest(&caller) && caller.0.role != Role::Cashier;
    let late = may_late && reason.is_some();
    let from: &[OrderState] = if late {
        &[Placed, Preparing, Ready]
    } else {
        &[Placed]
    };
    close(
        &state,
        &caller,
        &headers,
        id,
        Close {
            next: Cancelled,
            reason,
            from,
        },
    )
    .await
}

/// Hand an order over.
#[utoipa::path(
    post, path = "/v1/orders/{id}/collect", tag = "orders", params(("id" = OrderId, Path)),
    responses(
        (status = 200, body = OrderAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn collect(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
) -> Result<Response, Problem> {
    let close_it = Close {
        next: OrderState::Collected,
        reason: None,
        from: &[OrderState::Ready],
    };
    close(&state, &caller, &headers, id, close_it).await
}

async fn close(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: OrderId,
    close: Close,
) -> Result<Response, Problem> {
    let request = (close.next, id, &close.reason);
    let operation = operation(caller, headers, &request)?;
    match state.inner.store.close(&operation, id, &close).await? {
        Step::Made(order, freshness) => Ok(fresh(
            OrderAnswer::of(order, &languages(headers)),
            freshness,
        )),
        Step::Missing => Err(unknown_order()),
        Step::Illegal { state, .. } => {
            let from: Vec<&str> = close.from.iter().map(|state| state.as_str()).collect();
            let why = format!(
                "only {} can become {} by you, here",
                from.join(" or "),
                close.next
            );
            Err(illegal_transition(&state, Some(why)))
        }
    }
}
