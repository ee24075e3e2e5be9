//! Tickets: what each station has to make.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json, List, MaybeJson, Page, Path, Query, languages};
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::order::Service;
use sunakku_common::problem::Problem;
use sunakku_common::state::TicketState;
use sunakku_common::text::Languages;

use super::orders::LineAnswer;
use super::shared::{Why, fresh, illegal_transition, operation, reason_text};
use crate::state::AppState;
use crate::store::{OrderRecord, Step, TicketFilter, TicketMove, TicketRecord};

/// A ticket as cooks see it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct TicketAnswer {
    id: TicketId,
    order: OrderId,
    /// The order's pickup number.
    number: u32,
    station: String,
    state: TicketState,
    lines: Vec<TicketLine>,
    /// Allergens that the guest must avoid.
    avoid: Vec<String>,
    service: Option<Service>,
    /// Other stations that make a part of the same order.
    others: Vec<String>,
    placed_at: DateTime<Utc>,
    pickup_at: Option<DateTime<Utc>>,
    /// When a cook had first seen it: acknowledged, began or made some of it.
    acknowledged_at: Option<DateTime<Utc>>,
    /// When it was last begun.
    cooking_at: Option<DateTime<Utc>>,
    /// When it was last done.
    done_at: Option<DateTime<Utc>>,
    /// Its order was called off after it was begun: a cook has to confirm that.
    needs_confirmation: bool,
    /// Why its order was called off.
    reason: Option<String>,
}

/// A line of a ticket.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct TicketLine {
    /// Counts from 1 within the ticket.
    n: u32,
    /// Whether it is made.
    done: bool,
    #[serde(flatten)]
    line: LineAnswer,
}

/// Which tickets to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WantedTickets {
    /// Those of one station.
    station: Option<String>,
    /// `waiting`, `cooking`, `done` or `cancelled`; when absent the first two, and those that a
    /// cook has to confirm.
    state: Option<String>,
}

impl WantedTickets {
    fn read(self) -> Result<TicketFilter, Problem> {
        let (state, station) = (self.state.as_deref().map(str::parse), self.station);
        let state = state.transpose().map_err(|error: String| {
            Problem::bad_request("invalid-query", format!("state: {error}"))
        })?;
        Ok(TicketFilter { state, station })
    }
}

impl TicketAnswer {
    pub(super) fn of(ticket: TicketRecord, languages: &Languages) -> Self {
        let details = ticket.details;
        let lines = (1..).zip(details.lines).map(|(n, line)| TicketLine {
            n,
            done: ticket.done_lines.contains(&n),
            line: LineAnswer::of(line, languages),
        });
        Self {
            id: details.id,
            order: details.order,
            number: details.number,
            station: details.station,
            state: ticket.state,
            lines: lines.collect(),
            avoid: details.avoid,
            service: details.service,
            others: details.others,
            placed_at: details.placed_at,
            pickup_at: details.pickup_at,
            acknowledged_at: ticket.acknowledged_at,
            cooking_at: ticket.cooking_at,
            done_at: ticket.done_at,
            needs_confirmation: ticket.needs_confirmation,
            reason: ticket.reason,
        }
    }
}

/// Tickets in the order in which their orders were taken: open ones, or those of one state.
#[utoipa::path(
    get, path = "/v1/tickets", tag = "tickets", params(WantedTickets, Page),
    responses(
        (status = 200, body = List<TicketAnswer>),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(filter): Query<WantedTickets>,
    Query(page): Query<Page>,
) -> Result<Json<List<TicketAnswer>>, Problem> {
    let wanted = filter.read()?;
    let after = page.after_number()?.unwrap_or(0);
    let store = &state.inner.store;
    let (tickets, next) = store.tickets(&wanted, after, page.limit()).await?;
    let languages = languages(&headers);
    let items = tickets
        .into_iter()
        .map(|ticket| TicketAnswer::of(ticket, &languages));
    Ok(Json(List {
        items: items.collect(),
        next: next.map(|place| place.to_string()),
    }))
}

/// One ticket.
#[utoipa::path(
    get, path = "/v1/tickets/{id}", tag = "tickets", params(("id" = TicketId, Path)),
    responses(
        (status = 200, body = TicketAnswer), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn get(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<TicketId>,
) -> Result<Json<TicketAnswer>, Problem> {
    let found = state.inner.store.ticket(id).await?;
    let (ticket, _order) = found.ok_or_else(unknown_ticket)?;
    Ok(Json(TicketAnswer::of(ticket, &languages(&headers))))
}

fn unknown_ticket() -> Problem {
    Problem::not_found("There is no such ticket, or no such line on it.")
}

async fn step(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: TicketId,
    step: TicketMove,
    reason: Option<String>,
) -> Result<Response, Problem> {
    let operation = operation(caller, headers, &(id, step, &reason))?;
    let store = &state.inner.store;
    let moved = store.move_ticket(&operation, id, step, reason.as_deref());
    answer(moved.await?, id, headers)
}

fn answer(
    moved: Step<OrderRecord>,
    id: TicketId,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    match moved {
        Step::Made(order, freshness) => {
            let ticket = order.ticket(id).cloned().ok_or_else(unknown_ticket)?;
            Ok(fresh(
                TicketAnswer::of(ticket, &languages(headers)),
                freshness,
            ))
        }
        Step::Missing => Err(unknown_ticket()),
        Step::Illegal { state, why } => Err(illegal_transition(&state, why)),
    }
}

macro_rules! ticket_step {
    ($(#[$doc:meta])* $name:ident, $path:literal, $step:expr) => {
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "tickets", params(("id" = TicketId, Path)),
            responses(
                (status = 200, body = TicketAnswer), (status = 400, body = Problem),
                (status = 401, body = Problem), (status = 403, body = Problem),
                (status = 404, body = Problem), (status = 409, body = Problem),
                (status = 422, body = Problem), (status = 503, body = Problem),
            )
        )]
        pub(super) async fn $name(
            State(state): State<AppState>,
            caller: Caller,
            headers: HeaderMap,
            Path(id): Path<TicketId>,
        ) -> Result<Response, Problem> {
            step(&state, &caller, &headers, id, $step, None).await
        }
    };
}

ticket_step!(
    /// Begin a ticket.
    start, "/v1/tickets/{id}/start", TicketMove::Start
);
ticket_step!(
    /// All of a ticket is made; the order is ready when all its tickets are.
    bump, "/v1/tickets/{id}/bump", TicketMove::Bump
);

/// Make a ticket that was done again, also after its number was called; its order goes back to
/// preparing. The reason, if there is one, stands in the log.
#[utoipa::path(
    post, path = "/v1/tickets/{id}/recall", tag = "tickets", params(("id" = TicketId, Path)),
    request_body = Option<Why>,
    responses(
        (status = 200, body = TicketAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn recall(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<TicketId>,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?;
    step(&state, &caller, &headers, id, TicketMove::Recall, reason).await
}

/// One line of a ticket is made; the ticket is done when all its lines are.
#[utoipa::path(
    post, path = "/v1/tickets/{id}/lines/{line}/bump", tag = "tickets",
    params(("id" = TicketId, Path), ("line" = u32, Path, description = "Counts from 1")),
    responses(
        (status = 200, body = TicketAnswer), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn bump_line(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path((id, line)): Path<(TicketId, u32)>,
) -> Result<Response, Problem> {
    step(
        &state,
        &caller,
        &headers,
        id,
        TicketMove::BumpLine(line),
        None,
    )
    .await
}

/// A cook has seen the ticket on a screen. One that is begun or made was seen as well; one that
/// nobody has seen in time is printed, where the site has a printer for that.
#[utoipa::path(
    post, path = "/v1/tickets/{id}/acknowledge", tag = "tickets", params(("id" = TicketId, Path)),
    responses(
        (status = 200, body = TicketAnswer), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "`illegal-transition`: it was acknowledged, or is not open", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn acknowledge(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<TicketId>,
) -> Result<Response, Problem> {
    let request = ("acknowledge", id);
    let operation = operation(&caller, &headers, &request)?;
    let acknowledged = state.inner.store.acknowledge_ticket(&operation, id);
    answer(acknowledged.await?, id, &headers)
}

/// The cook has seen that the order was called off and has stopped.
#[utoipa::path(
    post, path = "/v1/tickets/{id}/confirm", tag = "tickets", params(("id" = TicketId, Path)),
    responses(
        (status = 200, body = TicketAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn confirm(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<TicketId>,
) -> Result<Response, Problem> {
    let request = ("confirm", id);
    let operation = operation(&caller, &headers, &request)?;
    let confirmed = state.inner.store.confirm_ticket(&operation, id).await?;
    answer(confirmed, id, &headers)
}
