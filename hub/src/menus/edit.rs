//! One change of a draft: locked, checked against what its author had seen, stored, noted.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::ids::check_code;
use sunakku_common::menu::MenuFault;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::menus::content::Content;
use crate::menus::diff::Difference;
use crate::menus::draft::{self, Draft};

/// What the author of a change had seen: the `If-Match` header (RFC 9110 §13.1.1).
#[derive(Default)]
pub(crate) struct Expected(Option<String>);

impl Expected {
    /// The header, when it was sent.
    pub(crate) fn of(headers: &HeaderMap) -> Answer<Self> {
        let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
        match headers.get(header::IF_MATCH) {
            None => Ok(Self(None)),
            Some(value) => match text(value) {
                Some(tags) => Ok(Self(Some(tags))),
                None => Err(Problem::bad_request(
                    "invalid-if-match",
                    "Take If-Match from the ETag of the draft.",
                )),
            },
        }
    }

    /// This revision.
    pub(crate) fn seen(revision: i64) -> Self {
        Self(Some(etag(revision)))
    }

    /// Refuses a change of the whole draft by somebody who does not say what they had seen.
    pub(crate) fn demand(&self) -> Answer<()> {
        if self.0.is_some() {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-missing",
            "This replaces the whole draft, and with it what others changed meanwhile. Send the \
             ETag of the draft as If-Match, or * to replace whatever is there.",
        ))
    }

    /// Refuses a change of something that its author had not seen.
    pub(crate) fn check(&self, draft: &Draft) -> Answer<()> {
        let Some(tags) = &self.0 else {
            return Ok(());
        };
        let (current, revision) = (etag(draft.revision), draft.revision);
        if tags
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag == current)
        {
            return Ok(());
        }
        let detail = format!(
            "{} changed this draft meanwhile; it is at revision {revision} now. Read it again and \
             make the change with its new ETag.",
            draft.updated_by
        );
        let changed = Problem::new(StatusCode::PRECONDITION_FAILED, "draft-changed", detail);
        Err(changed.with("revision", revision))
    }
}

/// What a draft of this revision is named by.
pub(crate) fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

pub(crate) fn no_menu(menu: &str) -> Problem {
    Problem::not_found(format!("There is no menu {menu}."))
}

pub(crate) fn no_item(menu: &str, item: &str) -> Problem {
    Problem::not_found(format!(
        "There is no item {item} on the draft of menu {menu}."
    ))
}

/// 422: it cannot be published as it is.
pub(crate) fn invalid_menu(faults: &[MenuFault]) -> Problem {
    let first = faults.first();
    let first = first.map_or_else(String::new, |fault| {
        format!("{}: {}", fault.path, fault.what)
    });
    let detail = match faults.len() {
        1 => format!("{first}. Mend it in the draft and try again."),
        count => format!(
            "{first}, and {} more. Mend them in the draft and try again.",
            count - 1
        ),
    };
    Problem::unprocessable("invalid-menu", detail).with("faults", json!(faults))
}

/// Refuses what the database could not store.
pub(crate) fn check_storable(content: &Content) -> Answer<()> {
    if content.has_nul() {
        let detail = "A text of it contains the character U+0000. Take it out.";
        return Err(Problem::unprocessable("invalid-menu", detail));
    }
    Ok(())
}

/// Makes the menu, unless there is one of this code.
pub(crate) async fn make(change: &mut Change, menu: &str, content: &Content) -> Answer<bool> {
    check_code(menu)
        .map_err(|error| Problem::unprocessable("invalid-menu", format!("id: {error}")))?;
    check_storable(content)?;
    let actor = change.actor().to_owned();
    let is_new = draft::create(change.connection(), menu, content, &actor)
        .await
        .or_problem()?;
    if is_new {
        let entry = Entry {
            action: "menu.create",
            object: &format!("menu/{menu}"),
            before: None,
            after: Some(json!(content)),
        };
        change.audit(entry).await?;
    }
    Ok(is_new)
}

/// A change of a draft under way.
pub(crate) struct Edit {
    pub(crate) change: Change,
    /// As it is now, and with `save` as it will be.
    pub(crate) draft: Draft,
}

impl Edit {
    /// Begins a change: locks the draft and checks that it is what the author had seen.
    pub(crate) async fn begin(
        pool: &PgPool,
        author: &Author,
        expected: &Expected,
        menu: &str,
        request: &impl Serialize,
    ) -> Answer<Begun<Self>> {
        let mut change = match Change::begin(pool, author, request).await? {
            Begun::New(change) => change,
            Begun::Done(answer) => return Ok(Begun::Done(answer)),
        };
        let draft = draft::lock(change.connection(), menu).await.or_problem()?;
        let draft = draft.ok_or_else(|| no_menu(menu))?;
        expected.check(&draft)?;
        Ok(Begun::New(Self { change, draft }))
    }

    /// Puts another content in the place of the whole draft, and tells what that changes.
    pub(crate) fn replace(&mut self, content: Content) -> Answer<Vec<Difference>> {
        let differences = self.draft.content.diff(&content);
        self.draft.content = content;
        differences.map_err(|_| Problem::internal())
    }

    /// Stores the draft and notes what was changed.
    pub(crate) async fn save(mut self, entry: Entry<'_>) -> Answer<Self> {
        check_storable(&self.draft.content)?;
        let actor = self.change.actor().to_owned();
        let connection = self.change.connection();
        self.draft.revision = draft::save(connection, &self.draft, &actor)
            .await
            .or_problem()?;
        self.draft.updated_at = Utc::now();
        self.draft.updated_by = actor;
        self.change.audit(entry).await?;
        Ok(self)
    }

    /// Makes it true; the answer has the draft's ETag.
    pub(crate) async fn finish(self, done: Done) -> Answer<Response> {
        let tag = etag(self.draft.revision);
        self.change.commit(done.etag(tag)).await
    }
}
