//! Spans as a collector gets them: a receiver of OTLP over HTTP, which decodes what comes by OpenTelemetry's
//! own protobuf definitions.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::{HubOptions, SiteOptions};

use crate::scene::{Scene, new_key, seed};

/// What came: the service and its span.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

struct Collector {
    address: SocketAddr,
    received: Received,
    _serving: AbortOnDropHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Received::default();
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(Arc::clone(&received));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            received,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    fn settings(&self) -> toml::Table {
        let endpoint = format!("http://{}", self.address);
        toml::toml! {
            [telemetry.otlp]
            endpoint = endpoint
        }
    }

    /// The spans of a trace.
    fn of(&self, trace: &str) -> Vec<(String, Span)> {
        let received = self.received.lock().unwrap();
        let of_trace = received
            .iter()
            .filter(|(_, span)| hex(&span.trace_id) == trace);
        of_trace.cloned().collect()
    }
}

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut received = received.lock().unwrap();
    for resource in request.resource_spans {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let service = attributes.iter().find(|it| it.key == "service.name");
        let service = service.and_then(|it| it.value.clone()?.value);
        let Some(Any::StringValue(service)) = service else {
            panic!("a resource without a name: {attributes:?}");
        };
        for scope in resource.scope_spans {
            let spans = scope.spans.into_iter();
            received.extend(spans.map(|span| (service.clone(), span)));
        }
    }
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name ← name of what it came of`, by service.
fn tree(spans: &[(String, Span)]) -> BTreeSet<String> {
    let name = |id: &[u8]| {
        let of = spans.iter().find(|(_, span)| span.span_id == id);
        of.map_or_else(|| hex(id), |(_, span)| span.name.clone())
    };
    let lines = spans.iter().map(|(service, span)| {
        format!("{service}: {} ← {}", span.name, name(&span.parent_span_id))
    });
    lines.collect()
}

async fn waited(collector: &Collector, trace: &str, wanted: &[&str]) -> BTreeSet<String> {
    wait_for("the spans of an order", 2 * LIMIT, async || {
        let spans = tree(&collector.of(trace));
        let missing: Vec<_> = wanted
            .iter()
            .filter(|line| !spans.contains(**line))
            .collect();
        match missing.is_empty() {
            true => Ok(spans),
            false => Err(format!("{missing:#?} are not among {spans:#?}")),
        }
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_an_order_are_one_tree_from_the_kiosk_to_the_commit() {
    let collector = Collector::start().await;
    let hub = HubOptions {
        settings: collector.settings(),
        ..HubOptions::default()
    };
    let site = SiteOptions::new("s1", seed()).with(collector.settings());
    let scene = Scene::start_on(hub, vec![site]).await;
    let (trace, kiosk) = ("0af7651916cd43dd8448eb211c80319c", scene.kiosk(0));
    let order = json!({ "channel": "kiosk", "lines": [{ "item": "cola", "quantity": 1 }] });
    let place = || {
        let request = kiosk
            .request(reqwest::Method::POST, "/v1/orders")
            .json(&order);
        request.header("Idempotency-Key", new_key())
    };
    let traced = place().header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    kiosk.send(traced).await.unwrap().expect(201).unwrap();
    let wanted = [
        "sunakku-edge: POST /v1/orders ← b7ad6b7169203331",
        "sunakku-edge: place_order ← POST /v1/orders",
        "sunakku-edge: publish jobs.route.normal ← POST /v1/orders",
        "sunakku-edge: route order ← POST /v1/orders",
        "sunakku-edge: route_order ← route order",
        "sunakku-hub: commit order.placed ← POST /v1/orders",
        "sunakku-hub: commit ticket.created ← route order",
    ];
    let told = waited(&collector, trace, &wanted).await;
    eprintln!("{told:#?}");

    // Whoever sends no trace is given one, and its first span has no parent.
    kiosk.send(place()).await.unwrap().expect(201).unwrap();
    scene.settled().await;
    let given: String = sqlx::query_scalar(
        "select event::jsonb #>> '{body,by,trace}' from site_event
         where kind = 'order.placed' order by seq desc limit 1",
    )
    .fetch_one(&scene.postgres)
    .await
    .unwrap();
    let first = "sunakku-edge: POST /v1/orders ← ";
    waited(&collector, &given, &[first, wanted[1], wanted[5]]).await;

    // What an end has not sent yet it sends.
    let traced = place().header(
        "traceparent",
        "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    kiosk.send(traced).await.unwrap().expect(201).unwrap();
    let ended = scene
        .site(0)
        .process()
        .terminate(Duration::from_secs(20))
        .await;
    assert!(ended.unwrap().unwrap().success());
    assert!(tree(&collector.of("1af7651916cd43dd8448eb211c80319c")).contains(wanted[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_up_no_order() {
    let nobody = toml::toml! {
        [telemetry.otlp]
        endpoint = "http://127.0.0.1:9"
    };
    let hub = HubOptions {
        settings: nobody.clone(),
        ..HubOptions::default()
    };
    let scene = Scene::start_on(hub, vec![SiteOptions::new("s1", seed()).with(nobody)]).await;
    for _ in 0..20 {
        scene.placed(0, "cola", 1).await;
    }
    scene.settled().await;
    scene.assert_books().await;
}
