//! What is known about a finished day.

mod checksum;
mod day_state;
mod end_bound;
mod proof;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

pub use checksum::Checksum;
pub use day_state::DayState;
pub use end_bound::EndBound;
pub use proof::Proof;

/// What is known about a finished day: how many customers it has, which, and how that was proven.
///
/// Its serialised form is what sinks keep; it stays readable by later versions.
///
/// ```
/// use kapture_model::{DayState, Receipt};
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
