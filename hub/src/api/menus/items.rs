//! The items of a draft, one by one: admins who change different items do not disturb each other.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::check_code;
use sunakku_common::menu::{Item, MenuFault};
use sunakku_common::problem::Problem;

use crate::answer::Answer;
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Done};
use crate::menus::edit::{Edit, Expected, no_item};
use crate::state::Hub;

/// An item of a draft.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct ItemAnswer {
    #[serde(flatten)]
    item: Item,
    /// The draft's revision with it.
    revision: i64,
    /// What is wrong with the draft; it can be published when there is nothing.
    faults: Vec<MenuFault>,
}

impl ItemAnswer {
    fn of(edit: &Edit, item: Item) -> Self {
        Self {
            item,
            revision: edit.draft.revision,
            faults: edit.draft.content.faults(),
        }
    }
}

/// Add an item at the end of the draft.
#[utoipa::path(post, path = "/v1/menus/{menu}/items", tag = "menus", request_body = Item,
    security(("token" = [])), params(("menu" = String, Path, description = "Code of the menu")),
    responses(
    (status = 201, description = "The item", body = ItemAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem),
    (status = 409, description = "`item-exists`", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "It is no item", body = Problem)))]
pub(in crate::api) async fn add(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path(menu): Path<String>,
    Json(item): Json<Item>,
) -> Answer<Response> {
    check_code(&item.id)
        .map_err(|error| Problem::unprocessable("invalid-item", format!("id: {error}")))?;
    let expected = Expected::of(&headers)?;
    let mut edit = match Edit::begin(&hub.pool, &author, &expected, &menu, &item).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let id = item.id.clone();
    if edit.draft.content.document.item(&id).is_some() {
        let detail = format!("There is an item {id} already. Change it, or take another code.");
        return Err(Problem::conflict("item-exists", detail));
    }
    edit.draft.content.document.items.push(item.clone());
    let entry = Entry {
        action: "menu.item.add",
        object: &object(&menu, &id),
        before: None,
        after: Some(json!(item)),
    };
    let edit = edit.save(entry).await?;
    let location = format!("/v1/menus/{menu}/items/{id}");
    let done = Done::created(&ItemAnswer::of(&edit, item), location)?;
    edit.finish(done).await
}

/// Change what is given of an item, and leave the rest: a merge patch (RFC 7396), where null
/// takes a member away. `{"price": 350}` changes the price alone.
#[utoipa::path(patch, path = "/v1/menus/{menu}/items/{item}", tag = "menus",
    request_body(content = Object, description = "Members of an item, such as {\"price\": 350}"),
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "The item", body = ItemAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such item", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "It would be no item any more", body = Problem)))]
pub(in crate::api) async fn change(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path((menu, id)): Path<(String, String)>,
    Json(patch): Json<Map<String, Value>>,
) -> Answer<Response> {
    let expected = Expected::of(&headers)?;
    let mut edit = match Edit::begin(&hub.pool, &author, &expected, &menu, &patch).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let items = &mut edit.draft.content.document.items;
    let item = items.iter_mut().find(|item| item.id == id);
    let item = item.ok_or_else(|| no_item(&menu, &id))?;
    let before = json!(item);
    let mut after = before.clone();
    merge(&mut after, &Value::Object(patch));
    let changed: Item = serde_json::from_value(after)
        .map_err(|error| Problem::unprocessable("invalid-item", format!("{error}. Mend it.")))?;
    if changed.id != id {
        let detail = "An item keeps its code: make a new item and take this one away.";
        return Err(Problem::unprocessable("invalid-item", detail));
    }
    item.clone_from(&changed);
    let entry = Entry {
        action: "menu.item.change",
        object: &object(&menu, &id),
        before: Some(before),
        after: Some(json!(changed)),
    };
    let edit = edit.save(entry).await?;
    let done = Done::ok(&ItemAnswer::of(&edit, changed))?;
    edit.finish(done).await
}

/// What is left when an item is gone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct ItemRemoved {
    /// Code of the item that is gone.
    removed: String,
    /// The draft's revision without it.
    revision: i64,
    /// What is wrong with the draft; it can be published when there is nothing.
    faults: Vec<MenuFault>,
}

/// Take an item off the draft, with what regions and sites override of it.
#[utoipa::path(delete, path = "/v1/menus/{menu}/items/{item}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "It is gone", body = ItemRemoved),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such item", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem)))]
pub(in crate::api) async fn remove(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path((menu, id)): Path<(String, String)>,
) -> Answer<Response> {
    let expected = Expected::of(&headers)?;
    let mut edit = match Edit::begin(&hub.pool, &author, &expected, &menu, &()).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let content = &mut edit.draft.content;
    let place = content.document.items.iter().position(|item| item.id == id);
    let item = content
        .document
        .items
        .remove(place.ok_or_else(|| no_item(&menu, &id))?);
    let overridden = json!(content.overrides);
    content.overrides.forget_item(&id);
    let mut before = json!({ "item": item });
    if overridden != json!(content.overrides) {
        before["overrides"] = overridden;
    }
    let entry = Entry {
        action: "menu.item.remove",
        object: &object(&menu, &id),
        before: Some(before),
        after: None,
    };
    let edit = edit.save(entry).await?;
    let done = Done::ok(&ItemRemoved {
        removed: id,
        revision: edit.draft.revision,
        faults: edit.draft.content.faults(),
    })?;
    edit.finish(done).await
}

fn object(menu: &str, item: &str) -> String {
    format!("menu/{menu}/items/{item}")
}

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_null_takes_away() {
        let mut item =
            json!({"price": 1, "name": {"en": "A", "ja": "B"}, "image": "x", "diet": [1]});
        let patch =
            json!({"price": 2, "name": {"ja": null, "fr": "C"}, "image": null, "diet": [2, 3]});
        merge(&mut item, &patch);
        assert_eq!(
            item,
            json!({"price": 2, "name": {"en": "A", "fr": "C"}, "diet": [2, 3]})
        );
    }
}
