//! Orders of all sites: search and one by its id.

mod search;
mod sql;
pub(super) mod timeline;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Path, Query, languages};
use sunakku_common::ids::OrderId;
use sunakku_common::problem::Problem;
use sunakku_common::state::OrderState;
use sunakku_common::text::Languages;
use uuid::Uuid;

use self::sql::{LineRow, Row};
use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::state::Hub;

/// An order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Order {
    /// Its id.
    id: Uuid,
    /// Where it was placed.
    site: String,
    /// Its pickup number.
    number: i32,
    /// The site's day that the number belongs to.
    business_day: NaiveDate,
    /// Where it stands.
    state: String,
    /// `kiosk`, `phone`, `counter` or `staff`.
    channel: String,
    /// `here` or `away`.
    service: Option<String>,
    /// Allergens that the guest avoids.
    avoid: Vec<String>,
    /// Sum of the lines, minor units.
    total: i64,
    /// ISO 4217 code.
    currency: String,
    /// When the edge took it.
    placed_at: DateTime<Utc>,
    /// When the guest wants it; now when null.
    pickup_at: Option<DateTime<Utc>>,
    /// When it was to be ready.
    ready_estimate_at: DateTime<Utc>,
    /// When a cook began.
    preparing_at: Option<DateTime<Utc>>,
    /// When it was ready.
    ready_at: Option<DateTime<Utc>>,
    /// When it was handed over.
    collected_at: Option<DateTime<Utc>>,
    /// When nothing more was to come.
    closed_at: Option<DateTime<Utc>>,
    /// Why, where that matters.
    reason: Option<String>,
    /// When the hub stored it.
    committed_at: DateTime<Utc>,
    /// What was ordered.
    lines: Vec<Line>,
}

/// One line of an order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Line {
    /// Counts from 1 within the order.
    line: i32,
    /// Code of the item.
    item: String,
    /// Its name, in the reader's language.
    name: String,
    /// How many.
    quantity: i32,
    /// Price of one with its options, minor units.
    unit_price: i64,
    /// `quantity × unit_price`.
    total: i64,
    /// The chosen options.
    modifiers: Vec<Modifier>,
    /// A wish for the cook.
    note: Option<String>,
    /// Code of the station that makes it.
    station: String,
}

/// A chosen option.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Modifier {
    /// Code of the option.
    id: String,
    /// Its name, in the reader's language.
    name: String,
    /// What it added to the price of one, minor units.
    price: i64,
}

/// Which orders are wanted. What is not given does not matter.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Placed at this site.
    site: Option<String>,
    /// Placed then or later.
    from: Option<DateTime<Utc>>,
    /// Placed before then.
    to: Option<DateTime<Utc>>,
    /// With this pickup number.
    number: Option<i32>,
    /// In this state.
    state: Option<OrderState>,
    /// With a line of this item.
    item: Option<String>,
    /// Whose total is this, minor units.
    amount: Option<i64>,
    /// Whose number, id or key is this, or one of whose lines has it in its item's code or in what the item
    /// was last called, or in its note; notes of the 28 days before `to`, or since `from`.
    q: Option<String>,
    /// Entries at most (50; 200 at most).
    limit: Option<u32>,
    /// The `next` of the answer before.
    after: Option<String>,
}

/// The names of an answer depend on this header.
const VARY: [(HeaderName, &str); 1] = [(header::VARY, "accept-language")];

/// Orders, newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(Filter), security(("token" = [])),
    responses(
    (status = 200, description = "The orders", body = List<Order>),
    (status = 400, description = "A filter cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Answer<([(HeaderName, &'static str); 1], Json<List<Order>>)> {
    let page = Page {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let limit = page.limit();
    let after = page.after.as_deref().map(Place::read).transpose()?;
    let mut rows = search::search(&hub.pool, &scope, &filter, after, limit)
        .await
        .or_problem()?;
    let next = (rows.len() > limit).then(|| {
        rows.truncate(limit);
        rows.last().map(|row| Place::of(row).write())
    });
    let items = with_lines(&hub.pool, rows, &languages(&headers)).await?;
    Ok((
        VARY,
        Json(List {
            items,
            next: next.flatten(),
        }),
    ))
}

/// One order.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders", security(("token" = [])),
    params(("id" = OrderId, Path, description = "The order")), responses(
    (status = 200, description = "The order", body = Order),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such order", body = Problem)))]
pub(super) async fn get(
    State(hub): State<Hub>,
    scope: Scope,
    headers: HeaderMap,
    Path(id): Path<OrderId>,
) -> Answer<([(HeaderName, &'static str); 1], Json<Order>)> {
    let row = sql::find(&hub.pool, &scope, id).await?;
    let mut orders = with_lines(&hub.pool, vec![row], &languages(&headers)).await?;
    let order = orders.pop().ok_or_else(Problem::internal)?;
    Ok((VARY, Json(order)))
}

/// An order's place in the list, newest first.
struct Place {
    placed_at: DateTime<Utc>,
    order: Uuid,
    site: String,
}

impl Place {
    fn of(row: &Row) -> Self {
        Self {
            placed_at: row.placed_at,
            order: row.order_id,
            site: row.site_id.clone(),
        }
    }

    fn write(&self) -> String {
        let place = format!(
            "{}.{}.{}",
            self.placed_at.timestamp_micros(),
            self.order,
            self.site
        );
        BASE64_URL_SAFE_NO_PAD.encode(place)
    }

    fn read(text: &str) -> Answer<Self> {
        let parse = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            let place = String::from_utf8(bytes).ok()?;
            let (micros, rest) = place.split_once('.')?;
            let (order, site) = rest.split_once('.')?;
            Some(Self {
                placed_at: DateTime::from_timestamp_micros(micros.parse().ok()?)?,
                order: Uuid::parse_str(order).ok()?,
                site: site.to_owned(),
            })
        };
        parse().ok_or_else(|| {
            Problem::bad_request("invalid-cursor", "Take `after` from the `next` of a list.")
        })
    }
}

async fn with_lines(pool: &PgPool, rows: Vec<Row>, languages: &Languages) -> Answer<Vec<Order>> {
    let lines = sql::lines(pool, &rows).await.or_problem()?;
    let mut orders: Vec<Order> = rows.into_iter().map(Order::from).collect();
    let places: std::collections::HashMap<(String, Uuid), usize> = orders
        .iter()
        .enumerate()
        .map(|(n, order)| ((order.site.clone(), order.id), n))
        .collect();
    for line in lines {
        if let Some(n) = places.get(&(line.site_id.clone(), line.order_id)) {
            orders[*n].lines.push(Line::new(line, languages));
        }
    }
    Ok(orders)
}

impl From<Row> for Order {
    fn from(row: Row) -> Self {
        Self {
            id: row.order_id,
            site: row.site_id,
            number: row.number,
            business_day: row.business_day,
            state: row.state,
            channel: row.channel,
            service: row.service,
            avoid: row.avoid.0,
            total: row.total,
            currency: row.currency,
            placed_at: row.placed_at,
            pickup_at: row.pickup_at,
            ready_estimate_at: row.ready_estimate_at,
            preparing_at: row.preparing_at,
            ready_at: row.ready_at,
            collected_at: row.collected_at,
            closed_at: row.closed_at,
            reason: row.reason,
            committed_at: row.committed_at,
            lines: Vec::new(),
        }
    }
}

impl Line {
    fn new(row: LineRow, languages: &Languages) -> Self {
        let modifiers = row.modifiers.0.into_iter().map(|option| Modifier {
            name: option.name.pick(languages).to_owned(),
            id: option.id,
            price: option.price,
        });
        Self {
            line: row.line,
            item: row.item,
            name: row.name.0.pick(languages).to_owned(),
            quantity: row.quantity,
            unit_price: row.unit_price,
            total: row.total,
            modifiers: modifiers.collect(),
            note: row.note,
            station: row.station,
        }
    }
}
