//! A change that an admin asks for: one transaction with its audit rows, and the answer kept
//! under its idempotency key.
//!
//! The key is claimed first, in the same transaction. Who asks with the same key meanwhile waits
//! for the first to end, and then gets its answer; when the first was refused or died, nothing of
//! it is left and the key is free. So nothing is done twice, whatever breaks when.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use sunakku_common::http::Json;
use sunakku_common::menu::canonical;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::audit;
use crate::author::Author;

/// How long a key is remembered, days.
const KEY_LIFE_DAYS: i32 = 30;
/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A change under way. Dropped, it has changed nothing.
pub(crate) struct Change {
    transaction: Transaction<'static, Postgres>,
    author: Author,
}

/// How a change begins.
pub(crate) enum Begun<T = Change> {
    /// Nothing of it was done before.
    New(T),
    /// It was done before: the first answer again.
    Done(Response),
}

/// What a change is answered with.
#[derive(Debug)]
pub(crate) struct Done {
    status: StatusCode,
    etag: Option<String>,
    location: Option<String>,
    body: Value,
}

impl Change {
    /// Begins a change. `request` is what is asked for, as it was understood.
    pub(crate) async fn begin(
        pool: &PgPool,
        author: &Author,
        request: &impl Serialize,
    ) -> Answer<Begun> {
        let mut transaction = pool.begin().await.or_problem()?;
        if let Some(key) = &author.key {
            let request = json!({ "target": author.target, "request": request });
            let request = canonical::hash(&request).map_err(|_| Problem::internal())?;
            let before = claim(&mut transaction, &author.actor, key, &request).await?;
            if let Some(before) = before {
                return Ok(Begun::Done(before));
            }
        }
        Ok(Begun::New(Self {
            transaction,
            author: author.clone(),
        }))
    }

    /// The connection that is within the transaction.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The one who asked for it.
    pub(crate) fn actor(&self) -> &str {
        &self.author.actor
    }

    /// Notes what was changed.
    pub(crate) async fn audit(&mut self, entry: audit::Entry<'_>) -> Answer<()> {
        audit::record(&mut self.transaction, &self.author, entry)
            .await
            .or_problem()
    }

    /// Makes true what is answered in a way of its own, and under no key.
    pub(crate) async fn commit_unkept(self) -> Answer<()> {
        self.transaction.commit().await.or_problem()
    }

    /// Makes it true, and gives the answer.
    pub(crate) async fn commit(mut self, done: Done) -> Answer<Response> {
        if let Some(key) = &self.author.key {
            sqlx::query(
                "update idempotency set status = $3, etag = $4, location = $5, answer = $6
                 where actor = $1 and key = $2",
            )
            .bind(&self.author.actor)
            .bind(key)
            .bind(i16::try_from(done.status.as_u16()).unwrap_or(i16::MAX))
            .bind(done.etag.as_deref())
            .bind(done.location.as_deref())
            .bind(&done.body)
            .execute(&mut *self.transaction)
            .await
            .or_problem()?;
        }
        self.transaction.commit().await.or_problem()?;
        done.respond()
    }
}

impl Done {
    /// 200 with this body.
    pub(crate) fn ok(body: &impl Serialize) -> Answer<Self> {
        Self::with(StatusCode::OK, body)
    }

    /// 201 with this body, and where it is found from now on.
    pub(crate) fn created(body: &impl Serialize, location: String) -> Answer<Self> {
        let mut done = Self::with(StatusCode::CREATED, body)?;
        done.location = Some(location);
        Ok(done)
    }

    fn with(status: StatusCode, body: &impl Serialize) -> Answer<Self> {
        let body = serde_json::to_value(body).map_err(|_| Problem::internal())?;
        Ok(Self {
            status,
            etag: None,
            location: None,
            body,
        })
    }

    /// Adds what the changed thing is named by.
    #[must_use]
    pub(crate) fn etag(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }

    fn respond(self) -> Answer<Response> {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = [(header::ETAG, self.etag), (header::LOCATION, self.location)];
        for (name, value) in headers {
            if let Some(value) = value {
                let value = HeaderValue::try_from(value).map_err(|_| Problem::internal())?;
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

/// Claims the key; gives the first answer when the same was asked for under it before. Waits for
/// a transaction that has claimed it.
async fn claim(
    connection: &mut PgConnection,
    actor: &str,
    key: &str,
    request: &str,
) -> Answer<Option<Response>> {
    let claimed = sqlx::query(
        "insert into idempotency (actor, key, request, status, answer)
         values ($1, $2, $3, 0, 'null') on conflict do nothing",
    )
    .bind(actor)
    .bind(key)
    .bind(request)
    .execute(&mut *connection)
    .await
    .or_problem()?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    let (known, status, etag, location, body): (String, i16, _, _, Value) = sqlx::query_as(
        "select request, status, etag, location, answer from idempotency
         where actor = $1 and key = $2",
    )
    .bind(actor)
    .bind(key)
    .fetch_one(connection)
    .await
    .or_problem()?;
    if known != request {
        return Err(Problem::unprocessable(
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request. Use a new one for each change.",
        ));
    }
    let status = u16::try_from(status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let done = Done {
        status: status.ok_or_else(Problem::internal)?,
        etag,
        location,
        body,
    };
    let mut response = done.respond()?;
    let replayed = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, replayed);
    Ok(Some(response))
}

/// Forgets keys that are too old to be used again.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget_keys(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("delete from idempotency where created_at < now() - make_interval(days => $1)")
        .bind(KEY_LIFE_DAYS)
        .execute(connection)
        .await?;
    Ok(())
}
