//! All-day counts: how many of each item the kitchen has still to make.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Json, Query, languages};
use sunakku_common::problem::Problem;
use sunakku_common::text::Text;

use crate::state::AppState;
use crate::store::TicketFilter;

/// Tickets that are read at a time.
const PART: usize = 200;

/// Which station's.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Code of one station; all when absent.
    station: Option<String>,
}

/// How many are still to be made.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Counts {
    /// By station and item.
    items: Vec<Count>,
}

/// How many of one item a station has still to make.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ItemCount)]
struct Count {
    item: String,
    name: String,
    station: String,
    quantity: u64,
}

/// How many of each item are still to be made: lines of open tickets that are not made yet.
#[utoipa::path(
    get, path = "/v1/tickets/counts", tag = "tickets", params(Wanted),
    responses(
        (status = 200, body = Counts), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn counts(
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(Wanted { station }): Query<Wanted>,
) -> Result<Json<Counts>, Problem> {
    let filter = TicketFilter {
        state: None,
        station,
    };
    let mut counts: BTreeMap<(String, String), (Text, u64)> = BTreeMap::new();
    let mut after = Some(0);
    while let Some(place) = after {
        let (tickets, next) = state.inner.store.tickets(&filter, place, PART).await?;
        after = next;
        for ticket in tickets.into_iter().filter(|ticket| ticket.state.is_open()) {
            let to_make = (1..)
                .zip(ticket.details.lines)
                .filter(|(n, _)| !ticket.done_lines.contains(n));
            for (_, line) in to_make {
                let key = (ticket.details.station.clone(), line.item);
                let count = counts.entry(key).or_insert((line.name, 0));
                count.1 += u64::from(line.quantity);
            }
        }
    }
    let languages = languages(&headers);
    let items = counts
        .into_iter()
        .map(|((station, item), (name, quantity))| Count {
            item,
            name: name.pick(&languages).to_owned(),
            station,
            quantity,
        });
    Ok(Json(Counts {
        items: items.collect(),
    }))
}
