//! Writes what a run of events changes: one statement per table and kind of change.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use sunakku_common::event::{CommandSettled, MenuActivated, MenuRefused, OrderPlaced};
use sunakku_common::ids::{CommandId, Epoch, OrderId, SiteId};
use sunakku_common::order::OrderLine;

use super::fold::{Fold, Movement};
use super::order::{Order, OrderKey};
use crate::database::column;

pub(super) async fn all(connection: &mut PgConnection, fold: &Fold) -> Result<(), sqlx::Error> {
    let new = |(key, order): (_, _)| {
        let order: &Order = order;
        order.placed.as_ref().map(|placed| (key, order, placed))
    };
    let placed: Vec<NewOrder<'_>> = fold.orders.iter().filter_map(new).collect();
    if !placed.is_empty() {
        insert_orders(connection, &placed).await?;
        insert_lines(connection, &placed).await?;
    }
    let changed = |(_, order): &(&OrderKey, &Order)| order.is_changed && order.placed.is_none();
    let moved: Vec<_> = fold.orders.iter().filter(changed).collect();
    if !moved.is_empty() {
        update_orders(connection, &moved).await?;
    }
    if !fold.movements.is_empty() {
        insert_movements(connection, &fold.movements).await?;
        let latest: Vec<_> = fold.stock.values().map(|n| &fold.movements[*n]).collect();
        upsert_stock(connection, &latest).await?;
    }
    if !fold.activated.is_empty() {
        note_activated(connection, &fold.activated).await?;
    }
    if !fold.commands.is_empty() {
        settle_commands(connection, &fold.commands).await?;
    }
    if !fold.refused.is_empty() {
        note_refused(connection, &fold.refused).await?;
    }
    Ok(())
}

type NewOrder<'a> = (&'a OrderKey, &'a Order, &'a (Epoch, i64, Box<OrderPlaced>));

async fn insert_orders(
    connection: &mut PgConnection,
    rows: &[NewOrder<'_>],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into site_order
             (site_id, order_id, epoch, seq, idempotency_key, number, business_day, state, channel,
              service, avoid, total, currency, placed_at, pickup_at, ready_estimate_at,
              preparing_at, ready_at, collected_at, closed_at, reason, details)
         select * from unnest(
             $1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::int[], $7::date[],
             $8::text[], $9::text[], $10::text[], $11::jsonb[], $12::bigint[], $13::text[],
             $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],
             $18::timestamptz[], $19::timestamptz[], $20::timestamptz[], $21::text[], $22::jsonb[])",
    )
    .bind(column(rows, |(key, ..)| key.0.as_str()))
    .bind(column(rows, |(key, ..)| key.1.0))
    .bind(column(rows, |(.., (epoch, ..))| epoch.0))
    .bind(column(rows, |(.., (_, seq, _))| *seq))
    .bind(column(rows, |(.., (.., placed))| placed.key.as_str()))
    .bind(column(rows, |(.., (.., placed))| small(placed.number)))
    .bind(column(rows, |(.., (.., placed))| placed.details.business_day))
    .bind(column(rows, |(_, order, _)| order.state.as_str()))
    .bind(column(rows, |(.., (.., placed))| placed.details.channel.as_str()))
    .bind(column(rows, |(.., (.., placed))| placed.details.service.map(|service| service.as_str())))
    .bind(column(rows, |(.., (.., placed))| Json(&placed.details.avoid)))
    .bind(column(rows, |(.., (.., placed))| placed.details.total))
    .bind(column(rows, |(.., (.., placed))| placed.details.currency.code()))
    .bind(column(rows, |(.., (.., placed))| placed.details.placed_at))
    .bind(column(rows, |(.., (.., placed))| placed.details.pickup_at))
    .bind(column(rows, |(.., (.., placed))| placed.details.ready_estimate_at))
    .bind(column(rows, |(_, order, _)| order.preparing_at))
    .bind(column(rows, |(_, order, _)| order.ready_at))
    .bind(column(rows, |(_, order, _)| order.collected_at))
    .bind(column(rows, |(_, order, _)| order.closed_at))
    .bind(column(rows, |(_, order, _)| order.reason.as_deref()))
    .bind(column(rows, |(.., (.., placed))| Json(&placed.details)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_lines(
    connection: &mut PgConnection,
    orders: &[NewOrder<'_>],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = orders.iter().flat_map(lines_of).collect();
    sqlx::query(
        "insert into order_line
             (site_id, order_id, line, item, name, quantity, unit_price, total, modifiers, note,
              station, placed_at)
         select * from unnest(
             $1::text[], $2::uuid[], $3::int[], $4::text[], $5::jsonb[], $6::int[], $7::bigint[],
             $8::bigint[], $9::jsonb[], $10::text[], $11::text[], $12::timestamptz[])",
    )
    .bind(column(&rows, |(site, ..)| site.as_str()))
    .bind(column(&rows, |(_, placed, _)| placed.order.0))
    .bind(column(&rows, |(.., line)| small(line.line)))
    .bind(column(&rows, |(.., line)| line.item.as_str()))
    .bind(column(&rows, |(.., line)| Json(&line.name)))
    .bind(column(&rows, |(.., line)| small(line.quantity)))
    .bind(column(&rows, |(.., line)| line.unit_price))
    .bind(column(&rows, |(.., line)| line.total))
    .bind(column(&rows, |(.., line)| Json(&line.modifiers)))
    .bind(column(&rows, |(.., line)| line.note.as_deref()))
    .bind(column(&rows, |(.., line)| line.station.as_str()))
    .bind(column(&rows, |(_, placed, _)| placed.details.placed_at))
    .execute(connection)
    .await?;
    Ok(())
}

fn lines_of<'a>(
    (key, _, (.., placed)): &NewOrder<'a>,
) -> impl Iterator<Item = (&'a SiteId, &'a OrderPlaced, &'a OrderLine)> + use<'a> {
    let ((site, _), placed) = (*key, &**placed);
    let lines = placed.details.lines.iter();
    lines.map(move |line| (site, placed, line))
}

async fn update_orders(
    connection: &mut PgConnection,
    rows: &[(&OrderKey, &Order)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update site_order o set
             state = u.state,
             preparing_at = coalesce(u.preparing_at, o.preparing_at),
             ready_at = coalesce(u.ready_at, o.ready_at),
             collected_at = coalesce(u.collected_at, o.collected_at),
             closed_at = case when u.state in ('placed', 'preparing', 'ready') then null
                              else coalesce(u.closed_at, o.closed_at) end,
             reason = case when u.state = 'placed' then null else coalesce(u.reason, o.reason) end
         from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                     $6::timestamptz[], $7::timestamptz[], $8::text[])
             as u (site_id, order_id, state, preparing_at, ready_at, collected_at, closed_at, reason)
         where o.site_id = u.site_id and o.order_id = u.order_id",
    )
    .bind(column(rows, |(key, _)| key.0.as_str()))
    .bind(column(rows, |(key, _)| key.1.0))
    .bind(column(rows, |(_, order)| order.state.as_str()))
    .bind(column(rows, |(_, order)| order.preparing_at))
    .bind(column(rows, |(_, order)| order.ready_at))
    .bind(column(rows, |(_, order)| order.collected_at))
    .bind(column(rows, |(_, order)| order.closed_at))
    .bind(column(rows, |(_, order)| order.reason.as_deref()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_movements(
    connection: &mut PgConnection,
    rows: &[Movement],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into stock_movement (site_id, epoch, seq, sku, delta, on_hand, kind, order_id)
         select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[],
                              $6::bigint[], $7::text[], $8::uuid[])",
    )
    .bind(column(rows, |row| row.site.as_str()))
    .bind(column(rows, |row| row.epoch.0))
    .bind(column(rows, |row| row.seq))
    .bind(column(rows, |row| row.change.sku.as_str()))
    .bind(column(rows, |row| row.change.delta))
    .bind(column(rows, |row| row.change.on_hand))
    .bind(column(rows, |row| row.kind.as_str()))
    .bind(column(rows, |row| row.order.map(|OrderId(id)| id)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn upsert_stock(
    connection: &mut PgConnection,
    rows: &[&Movement],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into stock (site_id, sku, on_hand, suspended, epoch, seq)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bool[], $5::uuid[],
                              $6::bigint[])
         on conflict (site_id, sku) do update set
             on_hand = excluded.on_hand, suspended = excluded.suspended, epoch = excluded.epoch,
             seq = excluded.seq",
    )
    .bind(column(rows, |row| row.site.as_str()))
    .bind(column(rows, |row| row.change.sku.as_str()))
    .bind(column(rows, |row| row.change.on_hand))
    .bind(column(rows, |row| row.change.suspended))
    .bind(column(rows, |row| row.epoch.0))
    .bind(column(rows, |row| row.seq))
    .execute(connection)
    .await?;
    Ok(())
}

async fn note_activated(
    connection: &mut PgConnection,
    told: &BTreeMap<SiteId, (MenuActivated, Option<DateTime<Utc>>)>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = told.iter().collect();
    sqlx::query(
        "insert into site_menu (site_id, menu_id, version, hash, since)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
         on conflict (site_id) do update set
             menu_id = excluded.menu_id, version = excluded.version, hash = excluded.hash,
             since = excluded.since",
    )
    .bind(column(&rows, |(site, _)| site.as_str()))
    .bind(column(&rows, |(_, (menu, _))| menu.menu.as_deref()))
    .bind(column(&rows, |(_, (menu, _))| version(menu.version)))
    .bind(column(&rows, |(_, (menu, _))| menu.hash.as_deref()))
    .bind(column(&rows, |(_, (_, at))| *at))
    .execute(connection)
    .await?;
    Ok(())
}

async fn note_refused(
    connection: &mut PgConnection,
    told: &BTreeMap<SiteId, (MenuRefused, Option<DateTime<Utc>>)>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = told.iter().collect();
    sqlx::query(
        "insert into site_menu (site_id, refused_menu_id, refused_version, refused_reason,
                                refused_at)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
         on conflict (site_id) do update set
             refused_menu_id = excluded.refused_menu_id,
             refused_version = excluded.refused_version,
             refused_reason = excluded.refused_reason, refused_at = excluded.refused_at",
    )
    .bind(column(&rows, |(site, _)| site.as_str()))
    .bind(column(&rows, |(_, (menu, _))| menu.menu.as_deref()))
    .bind(column(&rows, |(_, (menu, _))| version(menu.version)))
    .bind(column(&rows, |(_, (menu, _))| menu.reason.as_str()))
    .bind(column(&rows, |(_, (_, at))| *at))
    .execute(connection)
    .await?;
    Ok(())
}

/// A command that was given up here as expired may have been applied in time; what a site has
/// told of one stands.
async fn settle_commands(
    connection: &mut PgConnection,
    told: &BTreeMap<(SiteId, CommandId), CommandSettled>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = told.iter().collect();
    let state = |settled: &CommandSettled| match settled.reason.as_deref() {
        None => "applied",
        Some("expired") => "expired",
        Some(_) => "refused",
    };
    let settled = sqlx::query(
        "update command c set state = u.state, reason = u.reason, detail = u.detail,
                settled_at = now(), delivered_at = coalesce(c.delivered_at, now())
         from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[])
                  as u (site_id, command_id, state, reason, detail)
         where c.site_id = u.site_id and c.command_id = u.command_id
           and c.state not in ('applied', 'refused')",
    )
    .bind(column(&rows, |((site, _), _)| site.as_str()))
    .bind(column(&rows, |((_, command), _)| command.0))
    .bind(column(&rows, |(_, settled)| state(settled)))
    .bind(column(&rows, |(_, settled)| settled.reason.as_deref()))
    .bind(column(&rows, |(_, settled)| settled.detail.as_deref()))
    .execute(connection)
    .await?;
    tracing::debug!(settled = settled.rows_affected(), "commands were reported");
    Ok(())
}

/// Checked when the event was read.
fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Checked when the event was read.
fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
