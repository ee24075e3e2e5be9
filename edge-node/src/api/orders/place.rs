//! Taking orders.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sunakku_common::business_day::business_day;
use sunakku_common::claims::Role;
use sunakku_common::event::timestamp;
use sunakku_common::http::{Caller, Json, idempotency_key, languages};
use sunakku_common::ids::OrderId;
use sunakku_common::menu::Consumes;
use sunakku_common::order::{Channel, OrderDetails, OrderRequest};
use sunakku_common::pricing::{OrderFault, Priced, ShortItem, short_items};
use sunakku_common::problem::Problem;
use sunakku_common::sync::MAX_ORDER_BYTES;

use super::answer::OrderAnswer;
use crate::api::shared::{fresh, no_menu, operation};
use crate::config::FullSlot;
use crate::kitchen::{slot_times, slot_until};
use crate::metrics as names;
use crate::site::Standing;
use crate::state::AppState;
use crate::store::{Freshness, NewOrder, Operation, Placing, SlotClaim, StoreError, Used};

/// How often an order is planned anew because others took the room first.
const SLOT_TRIES: u32 = 100;

/// Take an order: its stock, its number and its place in the log in one step, on disk before
/// the answer. The `channel` of a guest's own phone is `phone`, whatever it says.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", request_body = OrderRequest,
    params(("Idempotency-Key" = String, Header, description = "The same for every try of the same order")),
    responses(
        (status = 201, body = OrderAnswer),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, description = "`out-of-stock` with `items`, `price-changed` with `total`, `slot-full` with `next_at`, or `site-closed` with `opens_at`", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, description = "`too-many-open-orders` of this device", body = Problem),
        (status = 503, description = "`kitchen-full`, `log-full`, `no-menu` or `store-unavailable`", body = Problem),
    )
)]
pub(in crate::api) async fn place(
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
    if idempotency_key(headers)?.is_none() {
        return Err(Problem::bad_request(
            "idempotency-key-missing",
            "Send an Idempotency-Key header, such as a UUID, and the same one when you try the \
             same order again.",
        ));
    }
    let Json(mut request) = request.map_err(|mut problem| {
        if problem.slug() == "invalid-body" {
            problem.kind = "urn:sunakku:problem:invalid-order".to_owned();
            problem.title = "invalid order".to_owned();
        }
        problem
    })?;
    // A lane and the figures go by the channel, which is no matter of the caller's word.
    match caller.0.role {
        Role::Guest => request.channel = Channel::Phone,
        Role::Cashier => request.channel = Channel::Counter,
        _ => {}
    }
    let operation = operation(caller, headers, &("place", &request))?;
    let store = &state.inner.store;
    let mut used = match state.inner.kitchen.has_limits() {
        true => store.used_slots().await?,
        false => Used::new(),
    };
    let mut tries = 0;
    let (order, consumes, placing) = loop {
        let (order, consumes) = match new_order(state, &request, &used) {
            Ok(priced) => priced,
            // The menu may have changed since the first try: what was taken then stays taken.
            Err(problem) => return replay(state, &operation, headers).await?.ok_or(problem),
        };
        let placing = store.place(&operation, &order).await;
        match placing.inspect_err(count_mismatch)? {
            // Others were quicker; each time one of them was served.
            Placing::SlotsFull(now) if tries < SLOT_TRIES => used = now,
            placing => break (order, consumes, placing),
        }
        tries += 1;
    };
    match placing {
        Placing::Placed {
            first,
            number,
            freshness,
        } => {
            let details = first.map_or(order.details, |first| *first);
            if freshness == Freshness::New {
                let channel = details.channel.as_str();
                metrics::counter!(names::ORDERS_ACCEPTED, "channel" => channel).increment(1);
            }
            Ok(created(details, number, freshness, headers))
        }
        Placing::Short(levels) => {
            let (lines, claims) = (&order.details.lines, &order.claims);
            let level = |sku: &str| levels.get(sku).copied();
            Err(out_of_stock(short_items(lines, &consumes, claims, level)))
        }
        Placing::LogFull => Err(Problem::unavailable(
            "log-full",
            "This site has been cut off from its hub for so long that its log is full. No order \
             was lost; ask the site's manager to mend the line.",
        )),
        Placing::TooMany => Err(Problem::unavailable(
            "kitchen-full",
            "This site has more open orders than it can handle. Nothing was ordered; try again \
             later.",
        )),
        Placing::TooManyOfDevice => Err(too_many_open()),
        Placing::SlotsFull(_) => Err(Problem::unavailable(
            "kitchen-busy",
            "Too many orders come at the same moment. Nothing was ordered; send it again.",
        )),
        Placing::TooLong(size) => {
            let problem = explain(OrderFault::Invalid {
                path: "lines".to_owned(),
                what: format!("the order takes {size} bytes, at most {MAX_ORDER_BYTES} are taken"),
            });
            // It may have been shorter by the menu of the first try.
            replay(state, &operation, headers).await?.ok_or(problem)
        }
    }
}

fn too_many_open() -> Problem {
    let mut problem = Problem::too_many(
        "too-many-open-orders",
        "Too many orders of this device are still open. Nothing was ordered; try again when some \
         were handed over.",
    );
    problem.retry_after = Some(30);
    problem
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
        known @ ("out-of-stock"
        | "price-changed"
        | "log-full"
        | "kitchen-full"
        | "site-closed"
        | "no-menu"
        | "slot-full"
        | "too-many-open-orders") => known.to_owned(),
        _ if problem.status >= 500 => "unavailable".to_owned(),
        _ => "invalid-order".to_owned(),
    };
    metrics::counter!(names::ORDERS_REFUSED, "reason" => reason).increment(1);
}

/// The order that a request asks for, priced by the menu, and what one of each of its lines takes from stock.
fn new_order(
    state: &AppState,
    request: &OrderRequest,
    used: &Used,
) -> Result<(NewOrder, Vec<Consumes>), Problem> {
    let shared = &state.inner;
    let now = shared.store.now();
    let (menu, site) = (shared.menus.current(), &shared.site);
    if menu.is_none() {
        return Err(no_menu());
    }
    let standing = site.standing(now);
    if !standing.open {
        return Err(site_closed(&standing));
    }
    let limits = &shared.config.orders;
    let priced = request.price(&menu.menu, &menu.index, limits, now, site.time_zone());
    let priced = priced.map_err(explain)?;
    let timing = timing(state, request.pickup_at, &priced, used, now)?;
    let starts = shared.config.site.business_day_starts;
    let day = business_day(now, site.time_zone(), starts);
    let details = OrderDetails {
        id: OrderId::new(),
        channel: request.channel,
        service: request.service,
        avoid: request.avoid.clone(),
        lines: priced.lines,
        total: priced.total,
        currency: menu.menu.currency.clone(),
        placed_at: now,
        pickup_at: timing.pickup_at,
        ready_estimate_at: timing.ready_at.max(now),
        preparation_seconds: priced.preparation_seconds,
        business_day: day,
        menu_version: menu.menu.version,
    };
    let order = NewOrder {
        details,
        claims: priced.claims,
        limits: site.limits(),
        slots: timing.claims,
    };
    Ok((order, priced.line_consumes))
}

fn site_closed(standing: &Standing) -> Problem {
    let why = standing.reason.as_deref().unwrap_or("closed for now");
    let when = match standing.opens_at {
        Some(at) => format!("It opens again at {}.", timestamp(at)),
        None => "Ask the site's staff when it opens again.".to_owned(),
    };
    let detail = format!("The site takes no orders ({why}). Nothing was ordered. {when}");
    Problem::conflict("site-closed", detail).with("opens_at", json!(standing.opens_at))
}

/// When an order is made.
struct Timing {
    /// For when it is scheduled.
    pickup_at: Option<DateTime<Utc>>,
    ready_at: DateTime<Utc>,
    claims: Vec<SlotClaim>,
}

/// When an order is made: as early as the kitchen's load allows or as it is wanted, or in the next
/// slot in which its stations have room.
fn timing(
    state: &AppState,
    pickup_at: Option<DateTime<Utc>>,
    priced: &Priced,
    used: &Used,
    now: DateTime<Utc>,
) -> Result<Timing, Problem> {
    let kitchen = &state.inner.kitchen;
    let estimate = kitchen.estimate(&priced.lines, now);
    let ready_at = pickup_at.unwrap_or(estimate);
    if !kitchen.has_limits() {
        return Ok(Timing {
            pickup_at,
            ready_at,
            claims: Vec::new(),
        });
    }
    let plan = kitchen.plan(&priced.lines, used, now, ready_at);
    let plan = plan.ok_or_else(|| slot_full(None))?;
    let (begin, end) = slot_times(plan.slot);
    let moved = slot_until(ready_at) < plan.slot;
    if moved && pickup_at.is_some() && state.inner.config.kitchen.full_slot == FullSlot::Refuse {
        return Err(slot_full(Some(end)));
    }
    let own = TimeDelta::seconds(i64::from(priced.preparation_seconds));
    let ready_at = match pickup_at {
        _ if !moved => ready_at,
        Some(_) => end,
        None => ready_at.max(begin + own),
    };
    Ok(Timing {
        pickup_at: pickup_at.map(|_| ready_at),
        ready_at,
        claims: plan.claims,
    })
}

fn slot_full(next_at: Option<DateTime<Utc>>) -> Problem {
    let next = next_at.map(timestamp);
    let detail = match &next {
        Some(next) => format!(
            "The kitchen has no room left at that time. Nothing was ordered; the next time that \
             it has is {next}."
        ),
        None => "The kitchen has no room left for a day from that time on. Nothing was ordered; \
                 choose another day."
            .to_owned(),
    };
    Problem::conflict("slot-full", detail).with("next_at", next)
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
