//! Signatures after the "Standard Webhooks" specification, version 1: HMAC-SHA256 over
//! `id.timestamp.body`.

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// A webhook's secret: any text, or `whsec_` with base64 behind it.
#[derive(Clone)]
pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new(secret: &str) -> Self {
        let encoded = secret.strip_prefix("whsec_");
        let decoded = encoded.and_then(|text| BASE64_STANDARD.decode(text).ok());
        let bytes = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
        Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let text = format!("{id}.{timestamp}.{body}");
        let tag = hmac::sign(&self.0, text.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
