//! What is known about a finished day.

mod checksum;
mod day_state;
mod end_bound;
mod proof;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{CustomerId, Record};

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
#[non_exhaustive]
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

impl Receipt {
    /// The receipt of a day without customers, fetched at `fetched`. It claims as little as a receipt can: the day is
    /// open, and nothing is proven of the server or of its pages. Set the fields that are known better.
    pub fn new(day: NaiveDate, fetched: DateTime<Utc>) -> Self {
        Self {
            day,
            customers: 0,
            checksum: Checksum::default(),
            undated: 0,
            fetched,
            state: DayState::Open,
            end_bound: EndBound::Unknown,
            proof: Proof::Unvouched,
            empty_response: None,
        }
    }

    /// The same of a day that has exactly `records`, for customers that do not come from a pull.
    ///
    /// ```
    /// use kapture_model::{Proof, Receipt, Record};
    ///
    /// let records = [Record::decode(r#"{"id":17}"#.into())?];
    /// let fetched = "2024-05-04T06:00:00Z".parse()?;
    /// let receipt = Receipt::of("2024-05-02".parse()?, &records, fetched);
    /// assert_eq!((receipt.customers, receipt.proof), (1, Proof::Unvouched));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(day: NaiveDate, records: &[Record], fetched: DateTime<Utc>) -> Self {
        let mut receipt = Self::new(day, fetched);
        receipt.customers = records.len() as u64;
        receipt.undated = records.iter().filter(|r| r.created().is_none()).count() as u64;
        for record in records {
            receipt.checksum.add(record.id());
        }
        receipt
    }

    /// The receipt of the same day without some of its customers, which a destination does not hold.
    ///
    /// ```
    /// use kapture_model::{Receipt, Record};
    ///
    /// let day = "2024-05-02".parse()?;
    /// let fetched = "2024-05-04T06:00:00Z".parse()?;
    /// let one = Record::decode(r#"{"id":1}"#.into())?;
    /// let two = Record::decode(r#"{"id":2}"#.into())?;
    /// let both = Receipt::of(day, &[one.clone(), two.clone()], fetched);
    /// assert_eq!(both.without([one.id()]), Receipt::of(day, &[two], fetched));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn without<'a>(&self, ids: impl IntoIterator<Item = &'a CustomerId>) -> Self {
        let mut receipt = self.clone();
        for id in ids {
            receipt.customers = receipt.customers.saturating_sub(1);
            receipt.checksum.remove(id);
        }
        receipt.undated = receipt.undated.min(receipt.customers);
        receipt
    }
}
