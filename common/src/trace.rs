//! Which request led to what: a trace id that is taken from the caller (W3C `traceparent`) or made
//! anew, stands in every log line of the work, in the events that come of it, and thus at the hub.

use axum::http::HeaderMap;
use tracing::Instrument as _;
use uuid::Uuid;

/// Header by which a caller hands on its trace.
const TRACEPARENT: &str = "traceparent";
/// Letters of a trace id.
const LENGTH: usize = 32;

/// What some work comes of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The trace, 32 hexadecimal digits.
    pub trace: String,
    /// The span in it that led to the work, 16 hexadecimal digits, where it is known.
    pub span: Option<String>,
}

impl Origin {
    /// That of an event or a job, which tells both, one or none.
    pub fn told(trace: Option<String>, span: Option<String>) -> Option<Self> {
        trace.map(|trace| Self { trace, span })
    }
}

tokio::task_local! {
    static CURRENT: Origin;
}

/// The trace of the work at hand, and its span; none when it has no trace.
pub fn here() -> Option<Origin> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The trace of the work at hand, if it has one.
pub fn current() -> Option<String> {
    here().map(|origin| origin.trace)
}

/// The span of the work at hand, where spans are exported.
pub fn current_span() -> Option<String> {
    here().and_then(|origin| origin.span)
}

/// The caller's trace and span when it sends sound ones, else a new trace.
pub fn of_request(headers: &HeaderMap) -> Origin {
    let given = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    given.and_then(parse).unwrap_or_else(new)
}

/// Does some work as part of a trace: its log lines and events carry it, and what comes of it is a child of
/// the span of the work, where that is exported.
pub async fn within<F: Future>(origin: Option<Origin>, span: Option<String>, work: F) -> F::Output {
    let Some(Origin { trace, .. }) = origin else {
        return work.await;
    };
    let logged = tracing::info_span!("trace", trace_id = trace);
    let here = Origin { trace, span };
    CURRENT.scope(here, work.instrument(logged)).await
}

fn new() -> Origin {
    Origin {
        trace: Uuid::now_v7().simple().to_string(),
        span: None,
    }
}

/// Trace and span of `<version>-<trace>-<parent>-<flags>`; later versions may say more at the end.
fn parse(header: &str) -> Option<Origin> {
    let mut parts = header.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_sound = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, LENGTH)
        && is_hex(parent, 16)
        && parts.next().is_some_and(|flags| is_hex(flags, 2));
    let is_nothing = |text: &str| text.bytes().all(|b| b == b'0');
    let is_sound = is_sound && !is_nothing(trace) && !is_nothing(parent);
    is_sound.then(|| Origin {
        trace: trace.to_owned(),
        span: Some(parent.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_sound_traceparent_is_taken_and_no_other() {
        let given = Origin {
            trace: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            span: Some("b7ad6b7169203331".to_owned()),
        };
        assert_eq!(parse(GIVEN), Some(given.clone()));
        let later = format!("cc{}-more", &GIVEN[2..]);
        assert_eq!(parse(&later), Some(given));
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-\"}\n-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn work_within_a_trace_knows_it() {
        assert_eq!(current(), None);
        let origin = new();
        let span = Some("b7ad6b7169203331".to_owned());
        let work = async { (current(), current_span()) };
        let seen = within(Some(origin), span.clone(), work).await;
        assert_eq!(seen.0.map(|trace| trace.len()), Some(LENGTH));
        assert_eq!(seen.1, span);
        assert_eq!(within(None, span, async { current() }).await, None);
    }
}
