//! What is known about a finished day.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::CustomerId;
use serde::{Deserialize, Serialize};

use crate::calibration::EndBound;

/// What is known about a finished day: how many customers it has, which, and how that was proven.
///
/// Its serialised form is what sinks keep; it stays readable by later versions.
///
/// ```
/// use kapture_customers::{DayState, Receipt};
///
/// let kept = r#"{
///     "day": "2024-05-02", "customers": 2, "checksum": "910a2dec89025cc1", "undated": 0,
///     "fetched": "2024-05-04T06:00:00Z", "state": "sealed", "end_bound": "inclusive", "proof": "contiguous",
///     "empty_response": null
/// }"#;
/// let receipt: Receipt = serde_json::from_str(kept)?;
/// assert_eq!(receipt.state, DayState::Sealed);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The day, in the tenant's local time.
    pub day: NaiveDate,
    /// How many customers were created on it.
    pub customers: u64,
    /// Over their ids, whatever the order.
    pub checksum: Checksum,
    /// How many of them have no date that could be read, or one that their window cannot hold, and were
    /// placed by their window.
    pub undated: u64,
    /// When the day was complete: its last window read, and confirmed where it had to be.
    pub fetched: DateTime<Utc>,
    /// Whether the day could gain customers after it was first asked.
    pub state: DayState,
    /// How the windows of this server were found to reach.
    pub end_bound: EndBound,
    /// How well its pages were found to join: the weakest of its windows.
    pub proof: Proof,
    /// The failure that stands for "no customers" on this server, where one was learnt.
    pub empty_response: Option<String>,
}

/// Whether a day can still gain customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DayState {
    /// It can: it is not over, or not long enough over.
    Open,
    /// It cannot.
    Sealed,
}

/// How the pages of a window were proven to leave nothing out, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Each page began with the last rows of the page before; or there was one page only.
    Contiguous,
    /// The server gave no stable order; but when it was asked for the last page it had as many rows
    /// as there are customers that were met both before and after.
    Recaptured,
    /// Rows came or went while the pages were read; every one that stood in place was read.
    StableRows,
}

/// A sum over ids that does not depend on their order, stable across versions and platforms.
///
/// ```
/// use kapture_customers::Checksum;
/// use kapture_model::CustomerId;
///
/// let sum = |ids: &[u64]| {
///     let mut sum = Checksum::default();
///     ids.iter().for_each(|id| sum.add(&CustomerId::Number(*id)));
///     sum
/// };
/// assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
/// assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 4]));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Checksum(u64);

impl Checksum {
    /// Adds one id.
    pub fn add(&mut self, id: &CustomerId) {
        let hash = match id {
            CustomerId::Number(number) => mixed(*number),
            CustomerId::Text(text) => text
                .bytes()
                .fold(mixed(u64::MAX), |hash, byte| mixed(hash ^ u64::from(byte))),
        };
        self.0 = self.0.wrapping_add(hash);
    }
}

/// The finaliser of SplitMix64: every bit of the input changes half of the output's.
fn mixed(input: u64) -> u64 {
    let mut x = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
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
    fn the_sum_is_the_same_in_every_version() {
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
    fn a_checksum_is_kept_as_text() {
        let mut sum = Checksum::default();
        sum.add(&CustomerId::Number(1));
        let kept = serde_json::to_string(&sum).unwrap();
        assert_eq!(kept, r#""910a2dec89025cc1""#);
        assert_eq!(serde_json::from_str::<Checksum>(&kept).unwrap(), sum);
        assert!(serde_json::from_str::<Checksum>(r#""sum""#).is_err());
    }
}
