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

/// What is proven about a finished day: how many customers it has, which ones, and how complete
/// pages were proven.
///
/// Sinks store its serialised form, which later versions can read.
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
    /// The checksum of their ids, independent of their order.
    pub checksum: Checksum,
    /// How many of them have no readable date, or one outside their window: the day of their window
    /// counts for them.
    pub undated: u64,
    /// When the day was complete: its last window read, and confirmed if it was empty.
    pub fetched: DateTime<Utc>,
    /// Whether the day could gain customers after its first request.
    pub state: DayState,
    /// Whether this server includes the end day of a window.
    pub end_bound: EndBound,
    /// How its pages were proven to be complete: the weakest proof of its windows.
    pub proof: Proof,
    /// The refusal that means "no customers" on this server, if there is one.
    pub empty_response: Option<String>,
}
