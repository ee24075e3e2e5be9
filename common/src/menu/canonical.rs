//! One text for one content, so that both sides can name a menu by its hash.

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The content as JSON without white space, with the members of every object in the order of
/// their names (as in RFC 8785; a menu has no numbers but integers).
///
/// # Errors
/// When it is no JSON, such as a map whose keys are no texts.
pub fn text(content: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(content)?;
    // The maps of serde_json are sorted unless some crate of the build wants them otherwise.
    value.sort_all_objects();
    Ok(Value::to_string(&value))
}

/// SHA-256 of [`text`], hexadecimal.
///
/// # Errors
/// As [`text`].
pub fn hash(content: &impl Serialize) -> Result<String, serde_json::Error> {
    let digest = Sha256::digest(text(content)?);
    Ok(HEXLOWER.encode(&digest))
}
