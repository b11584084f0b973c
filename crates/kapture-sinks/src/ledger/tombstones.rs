//! Tombstones: what a destination keeps of customers that it must not hold again.

use std::collections::BTreeSet;

use kapture_model::{CustomerId, HashKey};
use serde::{Deserialize, Serialize};

use crate::nonce::nonce;

/// How many digits of a hash are kept: 128 bits.
const HASH_LENGTH: usize = 32;

/// The customers that were forgotten: salted hashes of their ids, so that no id is kept. Who guesses
/// an id can still test it, as kapture does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub(crate) struct Tombstones {
    /// Drawn for this destination; empty as long as nothing was ever forgotten.
    salt: String,
    hashes: BTreeSet<String>,
}

impl Tombstones {
    /// Whether nothing was ever forgotten.
    pub(crate) fn are_unused(&self) -> bool {
        self.salt.is_empty()
    }

    /// How many customers are forgotten.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn add(&mut self, id: &CustomerId) {
        if self.are_unused() {
            self.salt = nonce();
        }
        let hash = self.hash(id);
        self.hashes.extend(hash);
    }

    /// Lets a customer return; says whether it was forgotten.
    pub(crate) fn remove(&mut self, id: &CustomerId) -> bool {
        let hash = self.hash(id);
        hash.is_some_and(|hash| self.hashes.remove(&hash))
    }

    pub(crate) fn contains(&self, id: &CustomerId) -> bool {
        // Most destinations have no tombstones: no id is hashed for them.
        !self.hashes.is_empty()
            && self
                .hash(id)
                .is_some_and(|hash| self.hashes.contains(&hash))
    }

    fn hash(&self, id: &CustomerId) -> Option<String> {
        let mut hash = HashKey::new(&self.salt).ok()?.hash_exactly(&id.to_string());
        hash.truncate(HASH_LENGTH);
        Some(hash)
    }
}

/// The salt and the hashes, separated by spaces: a row of a table holds text.
impl From<Tombstones> for String {
    fn from(tombstones: Tombstones) -> Self {
        let hashes = tombstones.hashes.into_iter();
        let words: Vec<_> = [tombstones.salt].into_iter().chain(hashes).collect();
        words.join(" ")
    }
}

impl From<String> for Tombstones {
    fn from(text: String) -> Self {
        let mut words = text.split_whitespace().map(str::to_owned);
        Self {
            salt: words.next().unwrap_or_default(),
            hashes: words.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_customers_are_known_again_without_their_ids() {
        let [number, text] = ["700000101", "A-17"].map(CustomerId::from);
        let mut tombstones = Tombstones::default();
        assert!(!tombstones.contains(&number) && !tombstones.remove(&number));
        tombstones.add(&number);
        tombstones.add(&number);
        tombstones.add(&text);
        assert_eq!(tombstones.len(), 2);
        let kept = serde_json::to_string(&tombstones).unwrap();
        assert!(
            !kept.contains("700000101") && !kept.contains("A-17"),
            "{kept}"
        );
        let mut tombstones: Tombstones = serde_json::from_str(&kept).unwrap();
        assert!(tombstones.contains(&number) && tombstones.contains(&text));
        assert!(!tombstones.contains(&CustomerId::from("A-17 ")));
        assert!(tombstones.remove(&text) && !tombstones.contains(&text));
        assert!(tombstones.remove(&number) && !tombstones.are_unused());
    }

    #[test]
    fn two_destinations_keep_other_hashes() {
        let kept = || {
            let mut tombstones = Tombstones::default();
            tombstones.add(&CustomerId::from(17));
            String::from(tombstones)
        };
        assert_ne!(kept(), kept());
    }
}
