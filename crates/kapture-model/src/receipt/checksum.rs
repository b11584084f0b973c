//! The checksum over the ids of a day, or over its rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mix::mixed;
use crate::{CustomerId, RowHash};

/// A sum over ids, or over rows, that does not depend on their order, stable across versions and platforms.
///
/// ```
/// use kapture_model::{Checksum, CustomerId};
///
/// let sum = |ids: &[u64]| {
///     let mut sum = Checksum::default();
///     ids.iter().for_each(|id| sum.add(&CustomerId::Number(*id)));
///     sum
/// };
/// assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
/// assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 4]));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Checksum(u64);

impl Checksum {
    /// Adds one id.
    pub fn add(&mut self, id: &CustomerId) {
        self.0 = self.0.wrapping_add(hash(id));
    }

    /// Takes one id out that was added.
    ///
    /// ```
    /// use kapture_model::{Checksum, CustomerId};
    ///
    /// let mut sum = Checksum::default();
    /// sum.add(&CustomerId::from(17));
    /// sum.remove(&CustomerId::from(17));
    /// assert_eq!(sum, Checksum::default());
    /// ```
    pub fn remove(&mut self, id: &CustomerId) {
        self.0 = self.0.wrapping_sub(hash(id));
    }

    /// Adds one row, for a checksum over everything that a day holds.
    pub fn add_row(&mut self, row: RowHash) {
        self.0 = self.0.wrapping_add(row.bits());
    }
}

fn hash(id: &CustomerId) -> u64 {
    match id {
        CustomerId::Number(number) => mixed(*number),
        CustomerId::Text(text) => text
            .bytes()
            .fold(mixed(u64::MAX), |hash, byte| mixed(hash ^ u64::from(byte))),
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.to_string()
    }
}

impl TryFrom<String> for Checksum {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl std::str::FromStr for Checksum {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&str]) -> String {
        let mut sum = Checksum::default();
        ids.iter()
            .for_each(|id| sum.add(&id.parse::<CustomerId>().unwrap()));
        sum.to_string()
    }

    #[test]
    fn checksum_is_stable_across_versions() {
        assert_eq!(of(&[]), "0000000000000000");
        assert_eq!(
            of(&["700000101", "700000102"]),
            of(&["700000102", "700000101"])
        );
        assert_eq!(of(&["1"]), "910a2dec89025cc1");
        assert_eq!(of(&["C-17"]), "a95682eddd99c4d8");
        assert_ne!(of(&["C-17"]), of(&["C-71"]));
        assert_eq!(
            of(&["1"]).parse::<Checksum>().unwrap().to_string(),
            of(&["1"])
        );
    }

    #[test]
    fn checksum_is_serialised_as_text() {
        let mut sum = Checksum::default();
        sum.add(&CustomerId::Number(1));
        let kept = serde_json::to_string(&sum).unwrap();
        assert_eq!(kept, r#""910a2dec89025cc1""#);
        assert_eq!(serde_json::from_str::<Checksum>(&kept).unwrap(), sum);
        assert!(serde_json::from_str::<Checksum>(r#""sum""#).is_err());
    }
}
