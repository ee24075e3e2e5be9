//! What the demo says.

#![expect(clippy::print_stdout, reason = "this is what a person reads")]

use std::time::Duration;

use anyhow::Result;
use sunakku_common::money::Currency;

use super::audit::{Summary, Total};
use super::plan::Plan;
use crate::harness::servers::Found;
use crate::world::{World, people};

/// Lines of a file that are shown; the rest is counted.
const REMARKS: usize = 40;

/// What was found in the file.
pub(super) fn remarks(plan: Option<&Plan>) {
    let Some(plan) = plan else { return };
    for remark in plan.remarks.iter().take(REMARKS) {
        println!("{remark}");
    }
    if plan.remarks.len() > REMARKS {
        println!("and {} more", plan.remarks.len() - REMARKS);
    }
}

/// The servers that will be used.
pub(super) fn servers(found: &[Found]) {
    for server in found {
        println!("using {server}");
    }
}

/// Where everything is, and how to sign in; shown again above the live summary.
pub(super) fn welcome(world: &World) -> Result<String> {
    let mut text = format!(
        "Sunakku is up.\n\nhub      {0}/docs   {0}/v1/ledger\n",
        world.hub.url()
    );
    for site in &world.sites {
        text.push_str(&format!(
            "{:<8} {1}/docs   {1}/v1/menu\n",
            site.id,
            site.url()
        ));
    }
    text.push_str("\nThe hub serves its dashboard at /. Each site serves its screens: / (kiosk), /kitchen, /pickup, /ops. Sign in there, or with --state\nopen the addresses of the state file, which sign in by themselves.\n");
    text.push_str("\nSign in with POST /v1/session {\"user\", \"password\"}:\n");
    for person in people()? {
        let place = if person.name == "admin" {
            "hub"
        } else {
            "sites"
        };
        if person.name != "sre" {
            text.push_str(&format!(
                "  {:<8} {}  ({place})\n",
                person.name, person.password
            ));
        }
    }
    println!("{text}");
    Ok(text)
}

/// The sites can sell.
pub(super) fn opened(after: Duration) {
    println!(
        "Menu and first stock went from the hub to every site in {} ms.\n",
        after.as_millis()
    );
}

/// Between the last guest and the reconciliation.
pub(super) fn closing() {
    println!("\nThe guests are gone; waiting until the hub has everything.");
}

/// The reconciliation.
pub(super) fn summary(summary: &Summary, currency: &Currency) {
    println!("\nReconciliation");
    println!(
        "{:<17} {:>8} {:>8} {:>8} {:>9}  {:>16} {:>16} {:>16}  {:>8} {:>8}  chain",
        "site",
        "sent",
        "refused",
        "accepted",
        "committed",
        "sent",
        "accepted",
        "committed",
        "head",
        "cursor",
    );
    let money = |total: &Total| {
        [total.sent, total.accepted, total.committed].map(|minor| currency.format(minor))
    };
    for site in &summary.sites {
        let (orders, [sent, accepted, committed]) = (&site.orders, money(&site.total));
        let chain = if site.chain_equal {
            "equal"
        } else {
            "DIFFERENT"
        };
        println!(
            "{:<17} {:>8} {:>8} {:>8} {:>9}  {sent:>16} {accepted:>16} {committed:>16}  {:>8} {:>8}  {chain}",
            site.id,
            orders.sent,
            orders.refused,
            orders.accepted,
            orders.committed,
            site.head,
            site.cursor,
        );
    }
    let (orders, [sent, accepted, committed]) = (&summary.orders, money(&summary.total));
    println!(
        "{:<17} {:>8} {:>8} {:>8} {:>9}  {sent:>16} {accepted:>16} {committed:>16}",
        "all", orders.sent, orders.refused, orders.accepted, orders.committed,
    );
    println!(
        "\nlost {}, doubled {}, oversold {}, mismatched {}, differing figures {}, unanswered {}, bad lines {}",
        summary.lost,
        summary.doubled,
        summary.oversold,
        summary.mismatched,
        summary.differing_figures,
        summary.unanswered,
        summary.bad_lines,
    );
    let figures = &summary.figures;
    let edges: Vec<String> = figures
        .edge_rss_mib
        .iter()
        .map(|mib| format!("{mib:.0}"))
        .collect();
    println!(
        "{:.1} s, {:.0} orders/s; POST /v1/orders p50 {:.1} ms, p99 {:.1} ms; placed to committed \
         at the hub p50 {:.1} ms, p99 {:.1} ms; memory: edges {} MiB, hub {:.0} MiB",
        summary.seconds,
        figures.orders_per_second,
        figures.order_ms_p50,
        figures.order_ms_p99,
        figures.commit_ms_p50,
        figures.commit_ms_p99,
        edges.join(" + "),
        figures.hub_rss_mib,
    );
    println!(
        "a change of the menu took {:.0} ms from the hub to the last kiosk",
        summary.menu_change_ms
    );
    println!(
        "{}",
        if summary.holds() {
            "Everything holds."
        } else {
            "IT DOES NOT HOLD."
        }
    );
}
