//! Both APIs answer as their OpenAPI documents say, whatever they are asked: schemathesis makes the
//! requests, for every role.

use std::path::Path;
use std::process::Stdio;

use sunakku_common::claims::Role;
use xtask::world::Client;

use crate::observed::find;
use crate::scene::Scene;

/// Seconds of made-up requests for each caller.
const SECONDS: &str = "10";
/// What must hold of each answer. That a request which the schema allows is accepted does not: rules
/// of business say no as well.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Asks an API as this caller; the document is where it says.
async fn holds(url: &str, document: &str, token: &str, who: &str, folder: &Path) {
    let mut command = tokio::process::Command::new(find("schemathesis").unwrap());
    command
        .args(["run", &format!("{url}{document}"), "--url", url])
        .args(["--checks", CHECKS, "--max-time", SECONDS])
        .args(["--phases", "examples,coverage,fuzzing", "--seed", "1"])
        .args(["--continue-on-failure", "--no-shrink", "--no-color"])
        .args(["--suppress-health-check", "all", "--warnings", "off"])
        .args(["--generation-database", "none", "--request-timeout", "30"])
        .current_dir(folder)
        .kill_on_drop(true)
        .stdin(Stdio::null());
    if !token.is_empty() {
        let header = format!("Authorization: Bearer {token}");
        command.args(["--header", &header]);
    }
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{who}:\n{told}\n{problems}");
}

/// Whether schemathesis is there; CI requires it.
fn is_there() -> bool {
    let found = find("schemathesis").is_some();
    let required = std::env::var_os("SUNAKKU_SCHEMATHESIS").is_some();
    assert!(found || !required, "schemathesis is not on PATH");
    if !found {
        eprintln!("NOT RUN: schemathesis is not on PATH (PATH=$(.ci/tools):$PATH)");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_answers_as_its_document_says() {
    if !is_there() {
        return;
    }
    let scene = Scene::start(1).await;
    scene.placed(0, "cola", 1).await;
    let (url, folder) = (scene.site(0).url(), scene.world.sandbox.root());
    for role in [Role::Manager, Role::Kitchen, Role::Kiosk] {
        let caller = Client::sign_in(&url, role).await.unwrap();
        holds(&url, "/openapi.json", &caller.token, role.as_str(), folder).await;
    }
    holds(&url, "/openapi.json", "", "nobody", folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_answers_as_its_document_says() {
    if !is_there() {
        return;
    }
    let scene = Scene::start(1).await;
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    let (url, folder) = (scene.world.hub.url(), scene.world.sandbox.root());
    let admin = &scene.tokens.admin.token;
    holds(&url, "/openapi.json", admin, "admin", folder).await;
    holds(&url, "/openapi.json", "", "nobody", folder).await;
}
