//! What a sink remembers: the receipts of the days it holds.

pub(crate) mod identity;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod manifest;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod receipt_codec;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{DayState, Days, Receipt};

/// The receipts of the days that a sink holds, in order.
///
/// ```
/// use kapture_model::Days;
/// use kapture_sinks::Ledger;
///
/// let day = |text: &str| text.parse().unwrap();
/// let asked = Days::between(day("2024-05-01"), day("2024-05-07"))?;
/// // A sink that holds nothing lacks every day.
/// let now = "2024-06-01T00:00:00Z".parse().unwrap();
/// assert_eq!(Ledger::default().missing_or_stale(&asked, now), asked);
/// # Ok::<(), kapture_model::BackwardRange>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    days: BTreeMap<NaiveDate, Entry>,
    start: Option<NaiveDate>,
    time_zone: Option<String>,
}

/// What is known of a day: one of the two at least.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    receipt: Option<Receipt>,
    doubt: Option<StaleReason>,
}

/// Why a day that was pulled has to be pulled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StaleReason {
    /// Its receipt cannot be read.
    UnreadableReceipt,
    /// The file with its customers is there, but no receipt: a run was killed in between, or is
    /// just there.
    MissingReceipt,
    /// The file with its customers is gone.
    MissingFile,
    /// The file with its customers has another size than it was written with.
    FileSizeChanged,
    /// A customer of this day was met on another one since, and may have moved there.
    SharedCustomer,
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnreadableReceipt => "its receipt cannot be read",
            Self::MissingReceipt => "its receipt is gone",
            Self::MissingFile => "its file is gone",
            Self::FileSizeChanged => "its file has another size than it was written with",
            Self::SharedCustomer => "a customer of it was met on another day since",
        })
    }
}

impl Ledger {
    /// The receipt of a day, if the sink holds it.
    pub fn get(&self, day: NaiveDate) -> Option<&Receipt> {
        self.days.get(&day)?.receipt.as_ref()
    }

    /// The receipts, by day.
    pub fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.days
            .values()
            .filter_map(|entry| entry.receipt.as_ref())
    }

    /// How many days the sink holds.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The first and the last day that it holds, or did until they came in doubt. It begins earlier
    /// if it is to hold earlier days ([`Sink::set_start`](crate::Sink::set_start)).
    pub fn bounds(&self) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = (self.days.keys().next()?, self.days.keys().next_back()?);
        let first = self.start.map_or(*first, |wanted| wanted.min(*first));
        Some((first, *last))
    }

    /// Those of `days` that it does not hold, or that could still gain customers after they were
    /// asked for, or that are in doubt. A day that was fetched later than `now` is one of them: it
    /// was sealed by a clock that was ahead, when it may not have been over yet.
    pub fn missing_or_stale(&self, days: &Days, now: DateTime<Utc>) -> Days {
        let is_sealed = |entry: &Entry| {
            entry.doubt.is_none()
                && entry.receipt.as_ref().is_some_and(|receipt| {
                    receipt.state == DayState::Sealed && receipt.fetched <= now
                })
        };
        let lacks = |day: &NaiveDate| !self.days.get(day).is_some_and(is_sealed);
        days.iter().filter(lacks).collect()
    }

    /// The days that hold customers, or may: what is in doubt of a day is what it holds, and not
    /// that it held any. For `kapture_customers::Pull::held`.
    pub fn held(&self) -> Days {
        let may_hold = |entry: &Entry| {
            let receipt = entry.receipt.as_ref();
            entry.doubt.is_some() || receipt.is_some_and(|receipt| receipt.customers > 0)
        };
        let days = self.days.iter().filter(|(_, entry)| may_hold(entry));
        days.map(|(day, _)| *day).collect()
    }

    /// Adds the receipt of a day.
    pub fn insert(&mut self, receipt: Receipt) {
        let entry = self.days.entry(receipt.day).or_default();
        entry.receipt = Some(receipt);
    }

    /// The days from `day` on are wanted, whether any of them is here or not.
    pub fn set_start(&mut self, day: NaiveDate) {
        self.start = Some(day);
    }

    /// Its days are those of the time zone of this name.
    pub fn set_time_zone(&mut self, time_zone: impl Into<String>) {
        self.time_zone = Some(time_zone.into());
    }

    /// The name of the time zone of its days, if the sink keeps it.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// A day that was pulled, but has to be pulled again. Its receipt is forgotten, except where it
    /// still says what was there when the day was pulled.
    pub fn mark_stale(&mut self, day: NaiveDate, doubt: StaleReason) {
        let entry = self.days.entry(day).or_default();
        if doubt != StaleReason::SharedCustomer {
            entry.receipt = None;
        }
        entry.doubt = Some(doubt);
    }

    /// The doubt about a day, if there is any.
    pub fn stale_reason(&self, day: NaiveDate) -> Option<StaleReason> {
        self.days.get(&day)?.doubt
    }

    /// The days in doubt, in order, each with the reason.
    pub fn stale_days(&self) -> impl Iterator<Item = (NaiveDate, StaleReason)> {
        let doubt = |(day, entry): (&NaiveDate, &Entry)| Some((*day, entry.doubt?));
        self.days.iter().filter_map(doubt)
    }
}

impl FromIterator<Receipt> for Ledger {
    fn from_iter<I: IntoIterator<Item = Receipt>>(receipts: I) -> Self {
        let mut ledger = Self::default();
        receipts
            .into_iter()
            .for_each(|receipt| ledger.insert(receipt));
        ledger
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use kapture_model::{Checksum, EndBound, Proof};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn receipt(day: NaiveDate, customers: u64) -> Receipt {
        Receipt {
            day,
            customers,
            checksum: Checksum::default(),
            undated: 0,
            fetched: NOW,
            state: DayState::Sealed,
            end_bound: EndBound::Inclusive,
            proof: Proof::Contiguous,
            empty_response: None,
        }
    }

    #[test]
    fn a_day_in_doubt_may_still_hold_customers() {
        let receipts = (1..=6).map(|number| receipt(day(number), u64::from(number % 2)));
        let mut ledger: Ledger = receipts.collect();
        ledger.mark_stale(day(1), StaleReason::FileSizeChanged);
        ledger.mark_stale(day(2), StaleReason::UnreadableReceipt);
        ledger.mark_stale(day(3), StaleReason::SharedCustomer);
        ledger.mark_stale(day(7), StaleReason::MissingReceipt);
        let held: Vec<_> = ledger.held().iter().collect();
        assert_eq!(held, [1, 2, 3, 5, 7].map(day));
        let asked = Days::between(day(1), day(7)).unwrap();
        let lacking: Vec<_> = ledger.missing_or_stale(&asked, NOW).iter().collect();
        assert_eq!(lacking, [1, 2, 3, 7].map(day));
        // What the sink has a receipt of counts as there; the bounds take in all.
        assert_eq!(ledger.len(), 4);
        assert_eq!(ledger.bounds(), Some((day(1), day(7))));
    }

    #[test]
    fn a_day_that_was_sealed_by_a_clock_that_was_ahead_is_asked_again() {
        let ledger = Ledger::from_iter([receipt(day(1), 3)]);
        let asked = Days::from_iter([day(1)]);
        let before = NOW - chrono::TimeDelta::milliseconds(1);
        assert!(ledger.missing_or_stale(&asked, NOW).is_empty());
        assert_eq!(ledger.missing_or_stale(&asked, before), asked);
        assert_eq!(ledger.held(), asked);
    }
}
