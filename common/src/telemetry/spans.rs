//! Spans for a collector that speaks OTLP (protobuf over HTTP), if one is configured; otherwise nothing is
//! made and nothing is kept.
//!
//! A span is part of the trace that the request began ([`crate::trace`]), on whichever machine the work is
//! done: events and jobs carry the ids of trace and span, and what comes of them is told as their child.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::OnceLock;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider};
use serde::{Deserialize, Serialize};

use crate::trace::{self, Origin};

/// Where spans go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Base URL of the collector, such as `http://127.0.0.1:4318`; empty for none. `/v1/traces` is added to it.
    pub endpoint: String,
}

/// Which side of a conversation a span is.
pub use opentelemetry::trace::SpanKind as Kind;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Whether spans are exported: who tells them one by one need not begin otherwise.
pub fn are_exported() -> bool {
    TRACER.get().is_some()
}

/// The export as long as it runs; dropped, it sends what is left.
pub struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        // A collector that is away loses spans and nothing else.
        if let Err(error) = self.0.shutdown() {
            tracing::warn!("the last spans were not exported: {error}");
        }
    }
}

/// Begins to export spans of `service`, if a collector is configured. `instance` tells apart those that offer
/// the same service, such as sites.
pub fn start(otlp: &Otlp, service: &'static str, instance: &str) -> Result<Option<Export>> {
    if otlp.endpoint.is_empty() {
        return Ok(None);
    }
    let endpoint = otlp.endpoint.trim_end_matches('/');
    let is_http = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    ensure!(
        is_http,
        "telemetry.otlp.endpoint: {endpoint} is no URL of HTTP"
    );
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .context("telemetry.otlp.endpoint")?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(Ids::default())
        .with_resource(resource)
        .build();
    let started = TRACER.set(provider.tracer("sunakku")).is_ok();
    ensure!(started, "the export of spans was started twice");
    Ok(Some(Export(provider)))
}

/// A piece of work, as it is told to the collector. It ends when it is dropped.
pub struct Span(Option<opentelemetry_sdk::trace::Span>);

impl Span {
    /// No span: of work that belongs to no trace.
    pub fn none() -> Self {
        Self(None)
    }

    /// Begins a span that comes of `origin`. The name is asked for only if spans are exported.
    pub fn begin<N: Into<Cow<'static, str>>>(
        kind: SpanKind,
        name: impl FnOnce() -> N,
        origin: &Origin,
    ) -> Self {
        Self::since(None, kind, name, origin)
    }

    /// Begins a span that is part of the work at hand; nothing when that has no trace.
    pub fn within<N: Into<Cow<'static, str>>>(kind: SpanKind, name: impl FnOnce() -> N) -> Self {
        match TRACER.get().and_then(|_| trace::here()) {
            Some(origin) => Self::begin(kind, name, &origin),
            None => Self::none(),
        }
    }

    /// The same as [`Span::begin`] for what began at `started`.
    pub fn since<N: Into<Cow<'static, str>>>(
        started: impl Into<Option<SystemTime>>,
        kind: SpanKind,
        name: impl FnOnce() -> N,
        origin: &Origin,
    ) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        let Ok(trace) = TraceId::from_hex(&origin.trace) else {
            return Self(None);
        };
        let mut builder = tracer.span_builder(name()).with_kind(kind);
        builder.start_time = started.into();
        let parent = origin.span.as_deref().map(SpanId::from_hex);
        let context = match parent {
            Some(Ok(parent)) => Context::new().with_remote_span_context(SpanContext::new(
                trace,
                parent,
                TraceFlags::SAMPLED,
                true,
                TraceState::default(),
            )),
            _ => Context::new(),
        };
        ROOT.set(Some(trace));
        let span = builder.start_with_context(tracer, &context);
        ROOT.set(None);
        Self(Some(span))
    }

    /// Its id, 16 hexadecimal digits: what comes of it names it. `None` when nothing is exported.
    pub fn id(&self) -> Option<String> {
        let context = self.0.as_ref()?.span_context();
        context.is_valid().then(|| context.span_id().to_string())
    }

    /// Tells more of it, under one of OpenTelemetry's conventional names where there is one.
    pub fn note(&mut self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Tells that it failed.
    pub fn fail(&mut self, why: &str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why.to_owned()));
        }
    }
}

thread_local! {
    /// The trace of a span that is about to begin without a parent.
    static ROOT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Random ids; but a span without a parent begins the trace that its request was given.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        ROOT.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_there_are_no_spans() {
        assert!(
            start(&Otlp::default(), "test", "one")
                .expect("nothing to do")
                .is_none()
        );
        let origin = Origin {
            trace: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            span: None,
        };
        let unasked = || -> String { panic!("nobody wants the name") };
        assert_eq!(Span::begin(Kind::Server, unasked, &origin).id(), None);
        assert_eq!(Span::within(Kind::Client, unasked).id(), None);
    }

    #[test]
    fn a_collector_that_cannot_be_called_is_refused_at_the_start() {
        for endpoint in ["collector:4318", "grpc://collector", "http://"] {
            let otlp = Otlp {
                endpoint: endpoint.to_owned(),
            };
            assert!(start(&otlp, "test", "one").is_err(), "{endpoint}");
        }
    }
}
