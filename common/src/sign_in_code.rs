//! Codes that sign one screen or browser in once: made here, read out, typed, compared.

use rand::RngExt as _;

/// What a code is written in: no letter looks like a digit or another letter (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code, five bits each: 80 bits cannot be guessed within its life.
const LENGTH: usize = 16;

/// A new code.
pub fn random() -> String {
    let mut source = rand::rng();
    let one = |_| char::from(ALPHABET[source.random_range(0..ALPHABET.len())]);
    (0..LENGTH).map(one).collect()
}

/// As people read it: four groups of four.
pub fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups = letters
        .chunks(4)
        .map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

/// As it is kept, from what people typed.
pub fn plain(typed: &str) -> String {
    let letters = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(2 * LENGTH);
    letters
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_read_out() {
        let code = random();
        assert_eq!(code.len(), LENGTH);
        assert_eq!(plain(&grouped(&code)), code);
        assert_eq!(plain(&grouped(&code).to_lowercase()), code);
        assert_eq!(plain("o0-iIlL 1"), "0011111");
        assert_ne!(random(), code);
    }
}
