//! The kitchen: deals an order's lines to the stations that make them, and knows their load.

mod capacity;
mod load;
mod watch;

use sunakku_common::event::TicketDetails;
use sunakku_common::ids::TicketId;
use sunakku_common::order::OrderLine;

pub(crate) use capacity::{slot_of, slot_times, slot_until};
pub(crate) use watch::Kitchen;

use crate::store::{NewTicket, OrderRecord};

/// One ticket per station, in the order in which stations first occur among the lines.
pub(crate) fn tickets(order: &OrderRecord) -> Vec<NewTicket> {
    let mut stations: Vec<(String, Vec<OrderLine>)> = Vec::new();
    for line in order.details.lines.iter().flat_map(OrderLine::to_make) {
        match stations
            .iter_mut()
            .find(|(station, _)| *station == line.station)
        {
            Some((_, lines)) => lines.push(line),
            None => stations.push((line.station.clone(), vec![line])),
        }
    }
    let names: Vec<String> = stations
        .iter()
        .map(|(station, _)| station.clone())
        .collect();
    let ticket = |(station, lines): (String, Vec<OrderLine>)| TicketDetails {
        id: TicketId::new(),
        order: order.details.id,
        number: order.number,
        others: names
            .iter()
            .filter(|name| **name != station)
            .cloned()
            .collect(),
        station,
        lines,
        avoid: order.details.avoid.clone(),
        service: order.details.service,
        placed_at: order.details.placed_at,
        pickup_at: order.details.pickup_at,
    };
    stations.into_iter().map(ticket).collect()
}
