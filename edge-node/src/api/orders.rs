//! Orders: taking, looking up, calling off, handing over.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::business_day::business_day;
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Json, List, Page, Path, Query, idempotency_key, languages};
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::order::{
    Channel, OrderDetails, OrderFault, OrderLine, OrderRequest, Priced, Service, ShortItem,
};
use sunakku_common::problem::Problem;
use sunakku_common::state::OrderState;
use sunakku_common::sync::MAX_ORDER_BYTES;
use sunakku_common::text::Languages;

use super::{SITE, STAFF, by, fresh, illegal_transition};
use crate::app::AppState;
use crate::metrics as names;
use crate::store::{
    Close, Freshness, NewOrder, Operation, OrderFilter, OrderRecord, Placing, Step, StoreError,
};

/// An order as callers see it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct OrderAnswer {
    id: OrderId,
    /// The pickup number: unique within the business day.
    number: u32,
    state: OrderState,
    lines: Vec<LineAnswer>,
    /// Minor units.
    total: Minor,
    currency: Currency,
    channel: Channel,
    service: Option<Service>,
    avoid: Vec<String>,
    placed_at: DateTime<Utc>,
    pickup_at: Option<DateTime<Utc>>,
    /// When it should be ready.
    ready_estimate_at: DateTime<Utc>,
    preparing_at: Option<DateTime<Utc>>,
    ready_at: Option<DateTime<Utc>>,
    /// When it was collected, cancelled, rejected or expired.
    closed_at: Option<DateTime<Utc>>,
    /// Why it was called off.
    reason: Option<String>,
    tickets: Vec<TicketId>,
}

/// A line of an order.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct LineAnswer {
    line: u32,
    item: String,
    name: String,
    quantity: u32,
    /// Of one with its options, minor units.
    unit_price: Minor,
    /// `quantity × unit_price`.
    total: Minor,
    modifiers: Vec<ChosenAnswer>,
    note: Option<String>,
    station: String,
}

/// A chosen option.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct ChosenAnswer {
    id: String,
    name: String,
    price: Minor,
}

/// The body of a cancellation.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Needed once cooking has begun.
    #[serde(default)]
    reason: Option<String>,
}

/// Which orders to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StateFilter {
    /// A state, `open` (the default) or `all`.
    state: Option<String>,
}

/// Characters of a reason.
const MAX_REASON_CHARS: usize = 200;

impl LineAnswer {
    pub(super) fn of(line: OrderLine, languages: &Languages) -> Self {
        let chosen = line.modifiers.into_iter().map(|modifier| ChosenAnswer {
            id: modifier.id,
            name: modifier.name.pick(languages).to_owned(),
            price: modifier.price,
        });
        Self {
            line: line.line,
            item: line.item,
            name: line.name.pick(languages).to_owned(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.total,
            modifiers: chosen.collect(),
            note: line.note,
            station: line.station,
        }
    }
}

impl OrderAnswer {
    /// An order as it is right after it was taken.
    fn placed(details: OrderDetails, number: u32, languages: &Languages) -> Self {
        let lines = details
            .lines
            .into_iter()
            .map(|line| LineAnswer::of(line, languages));
        Self {
            id: details.id,
            number,
            state: OrderState::Placed,
            lines: lines.collect(),
            total: details.total,
            currency: details.currency,
            channel: details.channel,
            service: details.service,
            avoid: details.avoid,
            placed_at: details.placed_at,
            pickup_at: details.pickup_at,
            ready_estimate_at: details.ready_estimate_at,
            preparing_at: None,
            ready_at: None,
            closed_at: None,
            reason: None,
            tickets: Vec::new(),
        }
    }

    fn of(order: OrderRecord, languages: &Languages) -> Self {
        use OrderState::{Cancelled, Collected, Expired, Preparing, Ready, Rejected};
        let time = |state| order.times.get(&state).copied();
        let closed_at = [Collected, Cancelled, Rejected, Expired]
            .into_iter()
            .find_map(time);
        let (preparing_at, ready_at) = (time(Preparing), time(Ready));
        let tickets = order
            .tickets
            .iter()
            .map(|ticket| ticket.details.id)
            .collect();
        let (state, reason) = (order.state, order.reason);
        let answer = Self::placed(order.details, order.number, languages);
        Self {
            state,
            preparing_at,
            ready_at,
            closed_at,
            reason,
            tickets,
            ..answer
        }
    }
}

/// Take an order: its stock, its number and its place in the log in one step, on disk before
/// the answer.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", request_body = OrderRequest,
    params(("Idempotency-Key" = String, Header, description = "The same for every try of the same order")),
    responses(
        (status = 201, body = OrderAnswer),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, description = "`out-of-stock` with `items`, or `price-changed` with `total`", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn place(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    request: Result<Json<OrderRequest>, Problem>,
) -> Result<Response, Problem> {
    let started = std::time::Instant::now();
    let placed = place_order(&state, &caller, &headers, request).await;
    metrics::histogram!(names::ORDER_ACCEPT_DURATION).record(started.elapsed().as_secs_f64());
    if let Err(problem) = &placed {
        count_refusal(problem);
    }
    placed
}

async fn place_order(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    request: Result<Json<OrderRequest>, Problem>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Kiosk, Role::Manager])?;
    let key = idempotency_key(headers)?.ok_or_else(|| {
        Problem::bad_request(
            "idempotency-key-missing",
            "Send an Idempotency-Key header, such as a UUID, and the same one when you try the \
             same order again.",
        )
    })?;
    let Json(request) = request.map_err(|mut problem| {
        if problem.slug() == "invalid-body" {
            problem.kind = "urn:sunakku:problem:invalid-order".to_owned();
            problem.title = "invalid order".to_owned();
        }
        problem
    })?;
    let operation = Operation::new(Some(key), by(caller), &("place", &request));
    let (order, priced) = match new_order(state, &request) {
        Ok(priced) => priced,
        // The menu may have changed since the first try: what was taken then stays taken.
        Err(problem) => return replay(state, &operation, headers).await?.ok_or(problem),
    };
    let placing = state
        .inner
        .store
        .place(&operation, &order)
        .await
        .inspect_err(count_mismatch)?;
    match placing {
        Placing::Placed {
            details,
            number,
            freshness,
        } => {
            if freshness == Freshness::New {
                let channel = details.channel.as_str();
                metrics::counter!(names::ORDERS_ACCEPTED, "channel" => channel).increment(1);
            }
            Ok(created(*details, number, freshness, headers))
        }
        Placing::Short(levels) => Err(out_of_stock(
            priced.short_items(|sku| levels.get(sku).copied()),
        )),
        Placing::LogFull => Err(Problem::unavailable(
            "log-full",
            "This site has been cut off from its hub for so long that its log is full. No order \
             was lost; ask the site's manager to mend the line.",
        )),
    }
}

fn created(
    details: OrderDetails,
    number: u32,
    freshness: Freshness,
    headers: &HeaderMap,
) -> Response {
    let outcome = if freshness == Freshness::New {
        "first"
    } else {
        "replayed"
    };
    metrics::counter!(names::IDEMPOTENCY, "outcome" => outcome).increment(1);
    let location = format!("/v1/orders/{}", details.id);
    let answer = OrderAnswer::placed(details, number, &languages(headers));
    let location = [(axum::http::header::LOCATION, location)];
    (StatusCode::CREATED, location, fresh(answer, freshness)).into_response()
}

/// The first answer to this request, when there was one.
async fn replay(
    state: &AppState,
    operation: &Operation,
    headers: &HeaderMap,
) -> Result<Option<Response>, Problem> {
    let placed = state
        .inner
        .store
        .placed_before(operation)
        .await
        .inspect_err(count_mismatch)?;
    Ok(placed.map(|(details, number)| created(details, number, Freshness::Replayed, headers)))
}

fn count_mismatch(error: &StoreError) {
    if matches!(error, StoreError::KeyReused) {
        metrics::counter!(names::IDEMPOTENCY, "outcome" => "mismatch").increment(1);
    }
}

fn count_refusal(problem: &Problem) {
    let reason = match problem.slug() {
        known @ ("out-of-stock" | "price-changed" | "log-full") => known.to_owned(),
        _ if problem.status >= 500 => "unavailable".to_owned(),
        _ => "invalid-order".to_owned(),
    };
    metrics::counter!(names::ORDERS_REFUSED, "reason" => reason).increment(1);
}

/// The order that a request asks for, priced by the menu.
fn new_order(state: &AppState, request: &OrderRequest) -> Result<(NewOrder, Priced), Problem> {
    let shared = &state.inner;
    let now = shared.store.now();
    let (menu, site) = (&shared.menu, &shared.config.site);
    let priced = request.price(&menu.menu, &menu.index, &shared.config.orders, now);
    let priced = priced.map_err(explain)?;
    let preparation = TimeDelta::seconds(i64::from(priced.preparation_seconds));
    let day = business_day(now, site.time_zone, site.business_day_starts);
    let details = OrderDetails {
        id: OrderId::new(),
        channel: request.channel,
        service: request.service,
        avoid: request.avoid.clone(),
        lines: priced.lines.clone(),
        total: priced.total,
        currency: menu.menu.currency.clone(),
        placed_at: now,
        pickup_at: request.pickup_at,
        ready_estimate_at: request.pickup_at.unwrap_or(now + preparation).max(now),
        preparation_seconds: priced.preparation_seconds,
        business_day: day,
        menu_version: menu.menu.version,
    };
    let size = serde_json::to_string(&details).map_or(usize::MAX, |text| text.len());
    if size > MAX_ORDER_BYTES {
        let what = format!("the order takes {size} bytes, at most {MAX_ORDER_BYTES} are taken");
        return Err(explain(OrderFault::Invalid {
            path: "lines".to_owned(),
            what,
        }));
    }
    let claims = priced.claims.clone();
    Ok((NewOrder { details, claims }, priced))
}

fn explain(fault: OrderFault) -> Problem {
    match fault {
        OrderFault::Invalid { path, what } => {
            Problem::unprocessable("invalid-order", format!("{path}: {what}")).with("path", path)
        }
        OrderFault::Unavailable(items) => out_of_stock(items),
        OrderFault::PriceChanged { total } => Problem::conflict(
            "price-changed",
            format!("The order costs {total} now. Show the guest the new total and send it again."),
        )
        .with("total", total),
    }
}

fn out_of_stock(items: Vec<ShortItem>) -> Problem {
    let words: Vec<String> = items
        .iter()
        .map(|short| {
            format!(
                "{} of {} \"{}\"",
                short.available, short.requested, short.item
            )
        })
        .collect();
    let detail = format!(
        "Only {} left. Nothing was ordered; change it and try again.",
        words.join(", ")
    );
    // A list of plain records always serialises.
    let items = serde_json::to_value(items).unwrap_or_default();
    Problem::conflict("out-of-stock", detail).with("items", items)
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
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Query(filter): Query<StateFilter>,
    Query(page): Query<Page>,
) -> Result<Json<List<OrderAnswer>>, Problem> {
    caller.require(STAFF)?;
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

/// One order. A kiosk sees its own alone.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", params(("id" = OrderId, Path)),
    responses(
        (status = 200, body = OrderAnswer), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderAnswer>, Problem> {
    caller.require(SITE)?;
    let order = own_order(&state, &caller, id).await?;
    Ok(Json(OrderAnswer::of(order, &languages(&headers))))
}

/// The order, unless it is not there or not the caller's business.
async fn own_order(state: &AppState, caller: &Caller, id: OrderId) -> Result<OrderRecord, Problem> {
    let order = state.inner.store.order(id).await?;
    let mine = |order: &OrderRecord| caller.0.role != Role::Kiosk || order.by.actor == caller.0.sub;
    order.filter(mine).ok_or_else(unknown_order)
}

fn unknown_order() -> Problem {
    Problem::not_found("There is no such order here; orders are kept for 30 days.")
}

/// Call an order off: free before cooking; later staff alone, with a reason.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", params(("id" = OrderId, Path)),
    request_body = Option<Reason>,
    responses(
        (status = 200, body = OrderAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    use OrderState::{Cancelled, Placed, Preparing, Ready};
    caller.require(SITE)?;
    let Reason { reason } = if body.is_empty() {
        Reason::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::unprocessable("invalid-body", error.to_string()))?
    };
    let reason = reason.filter(|text| !text.trim().is_empty());
    if reason
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_REASON_CHARS)
    {
        let detail = format!("reason: at most {MAX_REASON_CHARS} characters");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    own_order(&state, &caller, id).await?;
    let late = caller.0.role != Role::Kiosk && reason.is_some();
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
pub(super) async fn collect(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
) -> Result<Response, Problem> {
    caller.require(STAFF)?;
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
    let operation = Operation::new(idempotency_key(headers)?, by(caller), &request);
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
