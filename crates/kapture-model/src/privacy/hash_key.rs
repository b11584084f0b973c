//! The secret key of hashes.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the fingerprint is the hash of: no text of a customer has a NUL at its end.
const FINGERPRINT: &str = "kapture hash key\0";

/// How many hexadecimal digits a fingerprint has.
const FINGERPRINT_LENGTH: usize = 16;

/// A secret key for hashes: HMAC-SHA-256, in 64 hexadecimal digits.
///
/// Equal texts have equal hashes under one key. A text cannot be found by hashing guesses without the
/// key. The key is zeroised in memory when dropped, and `Debug` does not show it.
///
/// ```
/// use kapture_model::HashKey;
///
/// let key = HashKey::new("key\n")?;
/// // printf 'The quick brown fox jumps over the lazy dog' | openssl dgst -sha256 -hmac key
/// assert_eq!(
///     key.hash("The quick brown fox jumps over the lazy dog"),
///     "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
/// );
/// assert_eq!(key.hash(" asha@EXAMPLE.com "), key.hash("asha@example.com"));
/// assert_ne!(key.hash("Asha@example.com"), key.hash("asha@example.com"));
/// # Ok::<(), kapture_model::EmptyKey>(())
/// ```
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

/// The key is empty or blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash key is empty")]
pub struct EmptyKey;

impl HashKey {
    /// The key that a text is, without white space around it: files often end in a line break.
    ///
    /// # Errors
    /// When nothing is left.
    pub fn new(text: &str) -> Result<Self, EmptyKey> {
        match text.trim() {
            "" => Err(EmptyKey),
            key => Hmac::new_from_slice(key.as_bytes())
                .map(Self)
                .map_err(|_| EmptyKey),
        }
    }

    /// The hash of a text without white space around it. The domain of an e-mail address, which has
    /// no case, is in small letters.
    pub fn hash(&self, text: &str) -> String {
        let text = text.trim();
        match domain_start(text) {
            Some(at) => self.hash_exactly(&format!("{}{}", &text[..at], text[at..].to_lowercase())),
            None => self.hash_exactly(text),
        }
    }

    /// What tells two keys apart and says nothing of either: 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut fingerprint = self.hash_exactly(FINGERPRINT);
        fingerprint.truncate(FINGERPRINT_LENGTH);
        fingerprint
    }

    /// The hash of exactly this text.
    pub fn hash_exactly(&self, text: &str) -> String {
        let hash = self.0.clone().chain_update(text).finalize().into_bytes();
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
        let digits = hash
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.collect()
    }
}

/// Where the domain of an e-mail address begins, if the text looks like one.
fn domain_start(text: &str) -> Option<usize> {
    let at = text.rfind('@')?;
    let is_address = at > 0 && at + 1 < text.len() && !text.contains(char::is_whitespace);
    is_address.then_some(at + 1)
}

/// Prints nothing of the key.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_of_an_address_has_no_case_and_everything_else_has() {
        let key = HashKey::new("key").unwrap();
        let equal = |a: &str, b: &str| key.hash(a) == key.hash(b);
        assert!(equal("asha@Example.COM", "\u{a0}asha@example.com\n"));
        assert!(equal("\"a@b\"@Example.com", "\"a@b\"@example.com"));
        assert!(equal("asha@MÜNCHEN.example", "asha@münchen.example"));
        assert!(!equal("ASHA@example.com", "asha@example.com"));
        assert!(!equal(
            "write to asha@Example.com",
            "write to asha@example.com"
        ));
        assert!(!equal("@Example", "@example"));
        assert!(!equal("Gold", "gold"));
    }

    #[test]
    fn fingerprint_tells_keys_apart_and_is_no_hash_of_a_text() {
        let key = HashKey::new(" key\r\n").unwrap();
        assert_eq!(
            key.fingerprint(),
            HashKey::new("key").unwrap().fingerprint()
        );
        assert_ne!(
            key.fingerprint(),
            HashKey::new("other").unwrap().fingerprint()
        );
        assert_eq!(key.fingerprint().len(), FINGERPRINT_LENGTH);
        assert_eq!(format!("{key:?}"), "HashKey(redacted)");
        assert_eq!(HashKey::new(" \n").unwrap_err(), EmptyKey);
    }
}
