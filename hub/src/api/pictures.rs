//! Pictures of menu items that people upload.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::picture::{PictureName, answer};
use sunakku_common::problem::Problem;
use tokio::sync::Semaphore;

use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::pictures::make::{MAX_PIXELS, MAX_SIDE, Picture, Unusable, make};
use crate::pictures::{self, PictureRow, Uploaded};
use crate::state::Hub;

/// Pictures that are made at one time: one may take a core for a second, and 300 MB.
pub(crate) const MAKERS: usize = 1;

/// Upload a picture for items of menus: a PNG, JPEG or WebP file, told by its bytes. It is turned upright, made
/// to fit into 800×800 and 256 KiB, and written anew without anything but the picture. Put its `name` into
/// `image` of an item. The same picture again gives the same name.
#[utoipa::path(post, path = "/v1/pictures", tag = "menus", security(("token" = [])),
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses(
    (status = 200, description = "It was there already", body = Uploaded),
    (status = 201, description = "The picture as it is kept", body = Uploaded),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 413, description = "`body-too-large`", body = Problem),
    (status = 415, description = "`picture-kind`: it is no PNG, JPEG or WebP", body = Problem),
    (status = 422, description = "`picture-too-large`: it has too many pixels; `picture-unreadable`", body = Problem)))]
pub(super) async fn upload(
    State(hub): State<Hub>,
    author: Author,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Response> {
    let file = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The file is too large. Save the picture with fewer pixels or more compression.",
        ),
        status => Problem::new(status, "malformed-body", rejection.body_text()),
    })?;
    let picture = make_aside(&hub.makers, file).await?;
    let mut change = match Change::begin(&hub.pool, &author, &picture.name).await? {
        Begun::New(change) => change,
        Begun::Done(answer) => return Ok(answer),
    };
    let actor = change.actor().to_owned();
    let is_new = pictures::keep(change.connection(), &picture, &actor);
    let is_new = is_new.await.or_problem()?;
    let kept = Uploaded {
        name: picture.name.to_string(),
        width: picture.width.cast_signed(),
        height: picture.height.cast_signed(),
        bytes: i32::try_from(picture.bytes.len()).unwrap_or(i32::MAX),
    };
    if !is_new {
        return change.commit(Done::ok(&kept)?).await;
    }
    let entry = Entry {
        action: "picture.upload",
        object: &format!("picture/{}", kept.name),
        before: None,
        after: Some(json!(kept)),
    };
    change.audit(entry).await?;
    let location = format!("/v1/pictures/{}", kept.name);
    change.commit(Done::created(&kept, location)?).await
}

/// Makes a picture where it holds up no request, only so many at a time. One that is no longer
/// waited for keeps its place until it is done.
async fn make_aside(makers: &Arc<Semaphore>, file: Bytes) -> Answer<Picture> {
    let place = Arc::clone(makers).acquire_owned().await;
    let place = place.map_err(|_| Problem::internal())?;
    let made = tokio::task::spawn_blocking(move || {
        let made = make(&file);
        drop(place);
        made
    });
    match made.await {
        Ok(made) => made.map_err(|reason| refusal(&reason)),
        // A decoder that gave up in its own way; the hub goes on.
        Err(panic) => {
            tracing::error!(%panic, "a picture could not be made");
            Err(refusal(&Unusable::Damaged("it is damaged".to_owned())))
        }
    }
}

fn refusal(reason: &Unusable) -> Problem {
    match reason {
        Unusable::Kind => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "picture-kind",
            "This is no picture that can be taken. Send a PNG, JPEG or WebP file.",
        ),
        Unusable::Pixels(width, height) => {
            let millions = MAX_PIXELS / 1_000_000;
            let detail = format!(
                "The picture has {width}×{height} pixels; {millions} millions are taken at most, \
                 and {MAX_SIDE} of one side. Save it smaller."
            );
            Problem::unprocessable("picture-too-large", detail)
        }
        Unusable::Damaged(_) => {
            let detail =
                format!("The picture cannot be used: {reason}. Save it anew and try again.");
            Problem::unprocessable("picture-unreadable", detail)
        }
    }
}

/// The pictures that were uploaded, the newest first, each with the items of drafts that name it.
#[utoipa::path(get, path = "/v1/pictures", tag = "menus", params(Page), security(("token" = [])),
    responses(
    (status = 200, description = "The pictures, without their bytes", body = List<PictureRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    Query(page): Query<Page>,
) -> Answer<Json<List<PictureRow>>> {
    let limit = page.limit();
    let rows = pictures::list(&hub.pool, page.after.as_deref(), limit).await;
    let mut items = rows.or_problem()?;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|picture| picture.name().to_owned())
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// An uploaded picture. Like what is in it, its name tells nothing but the picture, which guests see: whoever knows
/// it may read it.
#[utoipa::path(get, path = "/v1/pictures/{name}", tag = "menus", security(()),
    params(("name" = String, Path, description = "What menus call it")), responses(
    (status = 200, description = "The picture", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
    (status = 304, description = "The picture is the one that If-None-Match names"),
    (status = 404, description = "There is no such picture", body = Problem)))]
pub(super) async fn get(
    State(hub): State<Hub>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Answer<Response> {
    let none = || Problem::not_found("There is no picture of this name.");
    let name: PictureName = name.parse().map_err(|_| none())?;
    let bytes = pictures::find(&hub.pool, &name).await.or_problem()?;
    Ok(answer(&name, bytes.ok_or_else(none)?.into(), &headers))
}
