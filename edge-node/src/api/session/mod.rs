//! Sign-in of people and devices that are known at this site; `code.rs` and `cookie.rs` sign screens in,
//! `guest.rs` guests' own phones.

mod attempt;
pub(in crate::api) mod code;
pub(in crate::api) mod cookie;
pub(in crate::api) mod guest;
pub(in crate::api) mod pairing;
pub(in crate::api) mod pin;

use axum::extract::State;
use sunakku_common::claims::{Distrust, Subject};
use sunakku_common::http::{Caller, Json, Session, SignIn};
use sunakku_common::password;
use sunakku_common::problem::Problem;
use uuid::Uuid;

use self::attempt::Attempt;
use super::address::Address;
use crate::state::AppState;

/// A hash that no password fits, so that an unknown user takes as long as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c3VuYWtrdS1ub2JvZHktMDAx$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Sign in by name and password. After five wrong ones for one name at one device the next try has to wait, each
/// time twice as long; others sign in there all the while.
#[utoipa::path(
    post, path = "/v1/session", tag = "session", security(()), request_body = SignIn,
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 422, body = Problem),
        (status = 429, description = "`too-many-tries`, with `Retry-After`", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn sign_in(
    State(state): State<AppState>,
    Address(address): Address,
    caller: Result<Caller, Problem>,
    body: Result<Json<SignIn>, Problem>,
) -> Result<Json<Session>, Problem> {
    let Json(SignIn { user, password }) = body?;
    let identity = &state.inner.config.identity;
    let known = identity.users.iter().find(|known| known.name == user);
    let known = known.map(|known| (known.role, known.password_hash.expose().to_owned()));
    let attempt = Attempt {
        user: user.clone(),
        secret: password,
        method: "password",
        known,
        address,
    };
    let role = attempt.judge(&state, caller).await?;
    let life = state.session_life();
    let subject = Subject {
        sid: Some(Uuid::now_v7()),
        ..Subject::new(user, role)
    };
    let access_token = cookie::mint(&state, subject, life)?;
    let token_type = "Bearer".to_owned();
    Ok(Json(Session {
        access_token,
        token_type,
        expires_in: life.num_seconds(),
    }))
}

/// Whether a password or PIN belongs to a hash. So many checks wait at most, and the next is refused: each
/// takes memory and time.
async fn verify(state: &AppState, password: String, hash: String) -> Result<bool, Problem> {
    let checks = &state.inner.password_checks;
    let queue = checks.queue.try_acquire();
    let _place = queue.map_err(|_| {
        let detail = "Too many sign in at once. Try again in a moment.";
        Problem::too_many("too-many-sign-ins", detail)
    })?;
    let slot = checks.slots.acquire().await;
    let _slot = slot.map_err(|_| Problem::internal())?;
    let fits = tokio::task::spawn_blocking(move || password::verify(&password, &hash));
    fits.await.map_err(|_| Problem::internal())
}

/// The same words whether the name or the password is wrong.
fn wrong() -> Problem {
    let mut problem = Problem::from(Distrust::Invalid);
    problem.kind = "urn:sunakku:problem:wrong-credentials".to_owned();
    problem.title = "wrong credentials".to_owned();
    problem.detail = "Name or password is wrong.".to_owned();
    problem
}

#[cfg(test)]
mod tests {
    use sunakku_common::password;

    #[test]
    fn an_unknown_name_takes_the_work_of_a_wrong_password() {
        // A hash that cannot be read would be refused at once, and tell that the user is unknown.
        let known = password::hash("anything").expect("a hash");
        assert!(password::work(super::NOBODY).is_some());
        assert_eq!(password::work(super::NOBODY), password::work(&known));
        assert!(!password::verify("anything", super::NOBODY));
    }
}
