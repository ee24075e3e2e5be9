//! Figures of the present business day.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sunakku_common::business_day::business_day;
use sunakku_common::http::{Json, languages};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::problem::Problem;
use sunakku_common::state::OrderState;

use crate::state::AppState;

/// Items that are named.
const ITEMS: usize = 10;

/// What was sold today.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Today {
    /// The site's business day.
    business_day: NaiveDate,
    /// Orders that were taken.
    orders: usize,
    /// Those of them that were called off or could not be made.
    called_off: usize,
    /// Sum of the others, minor units of `currency`.
    sales: Minor,
    /// Null until something was sold.
    currency: Option<Currency>,
    /// What was sold most, at most ten.
    items: Vec<Sold>,
}

/// How many of one item were sold.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Sold {
    item: String,
    name: String,
    quantity: u64,
}

/// Figures of the present business day, by the orders that the site keeps.
#[utoipa::path(
    get, path = "/v1/today", tag = "operations",
    responses(
        (status = 200, body = Today), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn today(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Json<Today>, Problem> {
    let (shared, languages) = (&state.inner, languages(&headers));
    let (now, zone) = (shared.store.now(), shared.site.time_zone());
    let day = business_day(now, zone, shared.config.site.business_day_starts);
    let orders = shared.store.orders_of_day(day).await?;
    let off = |state| matches!(state, OrderState::Cancelled | OrderState::Rejected);
    let sold: Vec<_> = orders.iter().filter(|order| !off(order.state)).collect();
    let mut items: BTreeMap<&str, Sold> = BTreeMap::new();
    for line in sold.iter().flat_map(|order| &order.details.lines) {
        let row = items.entry(&line.item).or_insert_with(|| Sold {
            item: line.item.clone(),
            name: line.name.pick(&languages).to_owned(),
            quantity: 0,
        });
        row.quantity += u64::from(line.quantity);
    }
    let mut items: Vec<Sold> = items.into_values().collect();
    items.sort_by_key(|row| std::cmp::Reverse(row.quantity));
    items.truncate(ITEMS);
    Ok(Json(Today {
        business_day: day,
        orders: orders.len(),
        called_off: orders.len() - sold.len(),
        sales: sold.iter().map(|order| order.details.total).sum(),
        currency: sold.last().map(|order| order.details.currency.clone()),
        items,
    }))
}
