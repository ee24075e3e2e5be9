use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use super::*;

fn signer(issuer: &str) -> Signer {
    Signer::new(issuer, &Signer::generate_pkcs8().expect("key")).expect("signer")
}

fn verifier(signer: &Signer) -> Verifier {
    Verifier::new("a", [(signer.public(), "me".to_owned())]).expect("verifier")
}

fn mint(signer: &Signer, audience: &str, seconds: i64) -> String {
    let life = TimeDelta::seconds(seconds);
    signer
        .mint(Subject::new("ann", Role::Kiosk), audience, life, Utc::now())
        .expect("token")
}

#[test]
fn a_token_is_believed_by_its_audience_until_it_expires() {
    let me = signer("me");
    let claims = verifier(&me).verify(&mint(&me, "a", 60)).expect("believed");
    assert_eq!((claims.sub.as_str(), claims.role), ("ann", Role::Kiosk));
    assert_eq!(
        verifier(&me).verify(&mint(&me, "a", -61)),
        Err(Distrust::Expired)
    );
    assert_eq!(
        verifier(&me).verify(&mint(&me, "b", 60)),
        Err(Distrust::Invalid)
    );
}

#[test]
fn a_token_that_was_believed_before_ends_all_the_same() {
    let me = signer("me");
    let verifier = verifier(&me);
    let token = mint(&me, "a", 60);
    let digest: Print = Sha256::digest(&token).into();
    assert_eq!(verifier.known(&digest, 0), None);
    let claims = verifier.verify(&token).expect("believed");
    let last = claims.exp + LEEWAY_SECONDS as i64;
    assert_eq!(verifier.known(&digest, last), Some(Ok(claims.clone())));
    assert_eq!(
        verifier.known(&digest, last + 1),
        Some(Err(Distrust::Expired))
    );
    assert_eq!(verifier.verify(&token), Ok(claims));
    // The same claims under another signature are another token.
    let forged = format!("{}x", &token[..token.len() - 1]);
    assert_eq!(verifier.verify(&forged), Err(Distrust::Invalid));
}

#[test]
fn only_so_many_tokens_are_kept_in_mind_and_none_that_is_not_believed() {
    let me = signer("me");
    let verifier = verifier(&me);
    assert!(verifier.verify(&mint(&me, "b", 60)).is_err());
    assert_eq!(verifier.lock().len(), 0);
    let claims = verifier.verify_anew(&mint(&me, "a", 60));
    let claims = Arc::new(claims.expect("believed"));
    for n in 0..MAX_SEEN as u64 {
        let mut digest = Print::default();
        digest[..8].copy_from_slice(&n.to_le_bytes());
        verifier.lock().insert(digest, Arc::clone(&claims));
    }
    assert!(verifier.verify(&mint(&me, "a", 60)).is_ok());
    assert_eq!(verifier.lock().len(), 1);
}

#[test]
fn a_foreign_key_issuer_or_algorithm_is_not_believed() {
    let (me, other) = (signer("me"), signer("me"));
    assert_eq!(
        verifier(&me).verify(&mint(&other, "a", 60)),
        Err(Distrust::Invalid)
    );
    let liar = Signer {
        issuer: "you".into(),
        ..signer("you")
    };
    let knows_liar = Verifier::new("a", [(liar.public(), "me".to_owned())]).expect("verifier");
    assert_eq!(
        knows_liar.verify(&mint(&liar, "a", 60)),
        Err(Distrust::Invalid)
    );
    let claims = mint(&me, "a", 60)
        .split('.')
        .nth(1)
        .expect("claims")
        .to_owned();
    for header in [
        r#"{"alg":"none"}"#.to_owned(),
        format!(r#"{{"alg":"none","kid":"{}"}}"#, me.public().kid),
        format!(r#"{{"alg":"HS256","kid":"{}"}}"#, me.public().kid),
        r#"{"alg":"EdDSA","kid":"../../etc/passwd"}"#.to_owned(),
    ] {
        let forged = format!("{}.{claims}.", BASE64_URL_SAFE_NO_PAD.encode(&header));
        assert_eq!(
            verifier(&me).verify(&forged),
            Err(Distrust::Invalid),
            "{header}"
        );
    }
    for junk in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
        assert_eq!(verifier(&me).verify(junk), Err(Distrust::Invalid), "{junk}");
    }
}

proptest::proptest! {
    /// Whatever comes as a token is refused, and so is a good one of which anything was changed.
    #[test]
    fn nothing_passes_for_a_token_but_a_token(
        text in ".{0,120}",
        header in "\\PC{0,60}",
        place in 0_usize..10_000,
        char in "[A-Za-z0-9_.=-]",
    ) {
        let me = signer("me");
        let (verifier, token) = (verifier(&me), mint(&me, "a", 60));
        proptest::prop_assert_eq!(verifier.verify(&text), Err(Distrust::Invalid));
        let place = place % token.len();
        let mut changed = token.clone();
        changed.replace_range(place..=place, &char);
        // The last character of a signature has bits that stand for nothing: only strict readers
        // refuse them, and ours must.
        if changed != token {
            proptest::prop_assert_eq!(verifier.verify(&changed), Err(Distrust::Invalid), "{}", place);
        }
        let header = serde_json::json!({"alg": "EdDSA", "typ": TOKEN_TYPE, "kid": header});
        let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        let rest = token.split_once('.').expect("a header").1;
        let forged = format!("{header}.{rest}");
        proptest::prop_assert_eq!(verifier.verify(&forged), Err(Distrust::Invalid));
    }
}

#[test]
fn a_public_key_survives_its_text() {
    let me = signer("me");
    assert_eq!(
        PublicKey::from_x(&me.public().x).ok().as_ref(),
        Some(me.public())
    );
    assert!(PublicKey::from_x("AAAA").is_err());
}
