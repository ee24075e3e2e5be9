//! A try to sign in by a name and a secret: counted before it is judged, told in the site's log, bounded.

use std::net::IpAddr;
use std::time::Duration;

use sunakku_common::claims::Role;
use sunakku_common::event::{By, SessionMoved, cause, kind};
use sunakku_common::http::Caller;
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_sign_in;
use sunakku_common::trace;

use super::{NOBODY, verify, wrong};
use crate::state::AppState;
use crate::store::{ErrorChain, Operation, Patience, Try};

/// Wrong tries for one name at one device.
const AT_DEVICE: Patience = Patience {
    free: 5,
    first: Duration::from_secs(30),
    longest: Duration::from_secs(3_600),
    forgotten: Duration::from_secs(86_400),
};
/// Wrong tries for one name at all screens together that are no paired devices: whoever brings many
/// addresses has no more tries for it. At paired devices the person signs in all the while.
const ELSEWHERE: Patience = Patience {
    free: 20,
    ..AT_DEVICE
};
/// Characters of a name that are logged.
const MAX_LOGGED: usize = 64;

/// Somebody who gives a name and a secret.
pub(super) struct Attempt {
    /// The name.
    pub(super) user: String,
    /// The password or PIN.
    pub(super) secret: String,
    /// `password` or `pin`.
    pub(super) method: &'static str,
    /// Whoever is known by that name: the role, and the hash of the secret.
    pub(super) known: Option<(Role, String)>,
    /// From which address.
    pub(super) address: IpAddr,
}

impl Attempt {
    /// What the person may do. It stands in the site's log then, and so does a wrong secret of a person who
    /// is known; what bounds the tries bounds what they write there.
    ///
    /// # Errors
    /// 401 for a wrong name or secret, 429 after too many of them, 503 when the store does not answer.
    pub(super) async fn judge(
        self,
        state: &AppState,
        caller: Result<Caller, Problem>,
    ) -> Result<Role, Problem> {
        let paired = caller.ok().and_then(|caller| caller.0.sid);
        let device = paired.and_then(|id| state.inner.gate.device(id));
        let method = self.method;
        // Of what anyone may type, the log gets no more than a name can have.
        let user: String = self.user.chars().take(MAX_LOGGED).collect();
        let by = By {
            actor: user.clone(),
            device: device.as_ref().map(|device| device.name.clone()),
            cause: cause::REQUEST.to_owned(),
            trace: trace::current(),
            span: trace::current_span(),
        };
        let place = match &device {
            Some(device) => device.id.to_string(),
            None => self.address.to_string(),
        };
        let here = [method, place.as_str(), self.user.as_str()];
        let elsewhere = [method, "elsewhere", self.user.as_str()];
        let store = &state.inner.store;
        let begin = async |who: &[&str], patience| {
            let operation = Operation::new(None, by.clone(), &());
            match store.begin_try(&operation, who, patience).await? {
                Try::Free(wait) => Ok(wait),
                Try::Locked(wait) => {
                    count_sign_in(method, false);
                    Err(too_many(wait))
                }
            }
        };
        let mut wait = begin(&here, AT_DEVICE).await?;
        if device.is_none() {
            wait = wait.max(begin(&elsewhere, ELSEWHERE).await?);
        }
        let hash = self.known.as_ref().map_or(NOBODY, |(_, hash)| hash);
        let fits = verify(state, self.secret, hash.to_owned()).await?;
        count_sign_in(method, self.known.is_some() && fits);
        let moved = |role| SessionMoved {
            user: user.clone(),
            role,
            method: method.to_owned(),
            address: Some(self.address),
            until: None,
            by: by.clone(),
        };
        let role = match self.known {
            Some((role, _)) if fits => role,
            known => {
                tracing::info!(user, method, address = %self.address, "sign-in refused");
                if let Some((role, _)) = known {
                    // Told on the side, so that a person who is known takes no longer than one who is not.
                    tell_refused(state, moved(role), wait);
                }
                return Err(wrong());
            }
        };
        store.forget_tries(&here).await?;
        store.forget_tries(&elsewhere).await?;
        let operation = Operation::new(None, by.clone(), &());
        store
            .tell_session(&operation, kind::SESSION_SIGNED_IN, &moved(role), None)
            .await?;
        tracing::info!(user, method, %role, "signed in");
        Ok(role)
    }
}

fn tell_refused(state: &AppState, event: SessionMoved, wait: Duration) {
    let store = state.inner.store.clone();
    let told = async move {
        let tell = async |kind, event: &SessionMoved| {
            let operation = Operation::new(None, event.by.clone(), &());
            let told = store.tell_session(&operation, kind, event, None).await;
            if let Err(error) = told {
                let error = ErrorChain(&error).to_string();
                tracing::warn!(error, user = event.user, kind, "the log does not tell");
            }
        };
        tell(kind::SESSION_REFUSED, &event).await;
        if !wait.is_zero() {
            let until = Some(store.now() + wait);
            tell(kind::SESSION_LOCKED, &SessionMoved { until, ..event }).await;
        }
    };
    state.inner.tasks.spawn(told);
}

fn too_many(wait: Duration) -> Problem {
    let mut problem = Problem::too_many(
        "too-many-tries",
        "Too many wrong tries for this name here. Wait, or sign in at another device.",
    );
    problem.retry_after = Some(wait.as_secs_f64().ceil() as u32);
    problem
}
