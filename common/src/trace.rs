//! Which request led to what: a trace id that is taken from the caller (W3C `traceparent`) or made
//! anew, stands in every log line of the work, in the events that come of it, and thus at the hub.

use axum::http::HeaderMap;
use tracing::Instrument as _;
use uuid::Uuid;

/// Header by which a caller hands on its trace.
const TRACEPARENT: &str = "traceparent";
/// Letters of a trace id.
const LENGTH: usize = 32;

tokio::task_local! {
    static CURRENT: String;
}

/// The trace of the work at hand, if it has one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The caller's trace when it sends a sound one, else a new one.
pub fn of_request(headers: &HeaderMap) -> String {
    let given = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    given.and_then(parse).unwrap_or_else(new)
}

/// Does some work as part of a trace: its log lines and events carry it.
pub async fn within<F: Future>(trace: Option<String>, work: F) -> F::Output {
    let Some(trace) = trace else {
        return work.await;
    };
    let span = tracing::info_span!("trace", trace_id = trace);
    CURRENT.scope(trace, work.instrument(span)).await
}

fn new() -> String {
    Uuid::now_v7().simple().to_string()
}

/// The trace id of `<version>-<trace>-<parent>-<flags>`; later versions may say more at the end.
fn parse(header: &str) -> Option<String> {
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
    (is_sound && !is_nothing(trace) && !is_nothing(parent)).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_sound_traceparent_is_taken_and_no_other() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(parse(GIVEN).as_deref(), Some(trace));
        let later = format!("cc{}-more", &GIVEN[2..]);
        assert_eq!(parse(&later).as_deref(), Some(trace));
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
        let seen = within(Some(new()), async { current() }).await;
        assert_eq!(seen.map(|trace| trace.len()), Some(LENGTH));
        assert_eq!(within(None, async { current() }).await, None);
    }
}
