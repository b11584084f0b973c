//! Numbers that nothing else draws.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that no other run draws, in 32 hexadecimal digits. It need not be secret.
pub(crate) fn nonce() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}
