//! Devices that sites have let in, and let in no more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sunakku_common::event::DeviceMoved;
use sunakku_common::ids::SiteId;
use uuid::Uuid;

use super::read::clean;
use crate::database::column;

/// A step of a device, with the edge's time.
type Step = (DeviceMoved, Option<DateTime<Utc>>);

/// What a run of events told of devices: of several steps of one kind the first counts, since a log may tell
/// again.
#[derive(Debug, Default)]
pub(super) struct Devices {
    paired: BTreeMap<(SiteId, Uuid), Step>,
    revoked: BTreeMap<(SiteId, Uuid), Step>,
}

impl Devices {
    pub(super) fn pair(&mut self, site: &SiteId, moved: DeviceMoved, at: Option<DateTime<Utc>>) {
        let key = (site.clone(), moved.device);
        self.paired.entry(key).or_insert((moved, at));
    }

    pub(super) fn revoke(&mut self, site: &SiteId, moved: DeviceMoved, at: Option<DateTime<Utc>>) {
        let key = (site.clone(), moved.device);
        self.revoked.entry(key).or_insert((moved, at));
    }

    /// What is revoked stays so: no device is let in a second time under its id.
    pub(super) async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.paired.is_empty() {
            let rows: Vec<_> = self.paired.iter().collect();
            sqlx::query(
                "insert into site_device (site_id, device_id, name, role, paired_at, paired_by)
                 select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[],
                                      $5::timestamptz[], $6::text[])
                 on conflict (site_id, device_id) do nothing",
            )
            .bind(column(&rows, |((site, _), _)| site.as_str()))
            .bind(column(&rows, |((_, device), _)| *device))
            .bind(column(&rows, |(_, (moved, _))| moved.name.as_str()))
            .bind(column(&rows, |(_, (moved, _))| moved.role.to_string()))
            .bind(column(&rows, |(_, (_, at))| *at))
            .bind(column(&rows, |(_, (moved, _))| clean(&moved.by.actor)))
            .execute(&mut *connection)
            .await?;
        }
        if !self.revoked.is_empty() {
            let rows: Vec<_> = self.revoked.iter().collect();
            sqlx::query(
                "update site_device d set is_revoked = true, revoked_at = u.at, revoked_by = u.who,
                        reason = u.reason
                 from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
                          as u (site_id, device_id, at, who, reason)
                 where d.site_id = u.site_id and d.device_id = u.device_id and not d.is_revoked",
            )
            .bind(column(&rows, |((site, _), _)| site.as_str()))
            .bind(column(&rows, |((_, device), _)| *device))
            .bind(column(&rows, |(_, (_, at))| *at))
            .bind(column(&rows, |(_, (moved, _))| clean(&moved.by.actor)))
            .bind(column(&rows, |(_, (moved, _))| {
                moved.reason.as_deref().map(clean)
            }))
            .execute(connection)
            .await?;
        }
        Ok(())
    }
}
