//! What stands for a secret value: a mark that is the same for equal values of one bundle, and tells nothing else.

use sha2::{Digest, Sha256};

/// What every token begins with.
pub(super) const OPENING: &str = "(redacted ";
/// Hex digits: enough that two values of one bundle don't share a token by chance.
const DIGITS: usize = 12;
/// Bytes of a token.
const LENGTH: usize = OPENING.len() + DIGITS + 1;

/// Takes a value and the bundle's salt; gives the token. Without the salt, which is stored nowhere, a guessed value can't be
/// tried.
pub(super) fn token(salt: &[u8], value: &[u8]) -> String {
    // The outer hash keeps the inner one's state from being carried on.
    let inner = Sha256::new().chain_update(salt).chain_update(value).finalize();
    let outer = Sha256::new().chain_update(salt).chain_update(inner).finalize();
    let hex: String = outer.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{OPENING}{hex})")
}

/// Takes a text; gives the length of the token it begins with, if it does.
pub(super) fn leading(text: &[u8]) -> Option<usize> {
    let digits = text.get(..LENGTH)?.strip_prefix(OPENING.as_bytes())?.strip_suffix(b")")?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(LENGTH)
}

/// Whether a text is a token and nothing else.
pub(super) fn is_token(text: &str) -> bool {
    leading(text.as_bytes()) == Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_equality_within_a_salt_and_nowhere_else() {
        assert_eq!(token(b"one", b"hunter2"), token(b"one", b"hunter2"));
        assert_ne!(token(b"one", b"hunter2"), token(b"one", b"hunter3"));
        assert_ne!(token(b"one", b"hunter2"), token(b"two", b"hunter2"));
        assert!(is_token(&token(b"", b"")));
        assert!(!is_token("(redacted 0123456789ab) and more") && !is_token("(redacted hunter2hunte)"));
        assert_eq!(leading(b"(redacted 0123456789ab) and more"), Some(LENGTH));
    }
}
