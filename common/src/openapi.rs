//! What the OpenAPI documents of both programs have in common: said in one place, and true of every
//! route, whatever its own description leaves out.

use std::collections::BTreeSet;

use utoipa::PartialSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response};

use crate::problem::{MEDIA_TYPE, Problem};

/// Where the document has the schema of a problem.
const PROBLEM: &str = "#/components/schemas/Problem";
/// Begin of such places.
const SCHEMAS: &str = "#/components/schemas/";

/// Completes a document: problems have a media type of their own; whatever takes a parameter or a
/// body may say that it cannot be read; and what is part of a larger object is not closed to the
/// rest of it.
pub fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let schemas = &mut components.schemas;
    schemas.insert("Problem".to_owned(), Problem::schema());
    let parts: BTreeSet<String> = schemas.values().flat_map(parts_of).collect();
    for name in parts {
        if let Some(RefOr::T(Schema::Object(part))) = schemas.get_mut(&name)
            && matches!(
                part.additional_properties.as_deref(),
                Some(AdditionalProperties::FreeForm(false))
            )
        {
            part.additional_properties = None;
        }
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let has_body = operation.request_body.is_some();
        if has_body || operation.parameters.is_some() {
            may_answer(operation, "400", "What was asked cannot be read.");
        }
        if has_body {
            may_answer(operation, "413", "The body is too long.");
            may_answer(operation, "415", "The body is of another type than JSON.");
            may_answer(operation, "422", "The body is of another form.");
        }
        for response in operation.responses.responses.values_mut() {
            name_problem(response);
        }
    }
}

/// Of which components a schema is put together, wherever it says so.
fn parts_of(schema: &RefOr<Schema>) -> Vec<String> {
    match schema {
        RefOr::T(Schema::AllOf(all)) => {
            let named = all.items.iter().filter_map(|item| match item {
                RefOr::Ref(part) => part.ref_location.strip_prefix(SCHEMAS).map(str::to_owned),
                RefOr::T(_) => None,
            });
            named.chain(all.items.iter().flat_map(parts_of)).collect()
        }
        RefOr::T(Schema::Object(object)) => object.properties.values().flat_map(parts_of).collect(),
        _ => Vec::new(),
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut path.get,
        &mut path.put,
        &mut path.post,
        &mut path.patch,
        &mut path.delete,
    ];
    all.into_iter().flatten()
}

fn may_answer(operation: &mut Operation, status: &str, why: &str) {
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_owned()).or_insert_with(|| {
        let mut response = Response::new(why);
        let schema = Ref::new(PROBLEM);
        let content = Content::new(Some(schema));
        response
            .content
            .insert(MEDIA_TYPE.to_owned(), RefOr::T(content));
        RefOr::T(response)
    });
}

/// A problem is written as JSON, but its media type tells what it is.
fn name_problem(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    let is_problem = |content: &RefOr<Content>| {
        matches!(content, RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. })
            if schema.ref_location == PROBLEM)
    };
    let json = "application/json";
    if response.content.get(json).is_some_and(is_problem)
        && let Some(problem) = response.content.shift_remove(json)
    {
        response.content.insert(MEDIA_TYPE.to_owned(), problem);
    }
}
