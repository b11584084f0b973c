//! The ledger of a destination: the receipts of the days it holds, and which of them are stale.

pub(crate) mod change;
pub(crate) mod day_status;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
pub(crate) mod field_choice;
pub(crate) mod identity;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
pub(crate) mod manifest;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
pub(crate) mod receipt_codec;
pub(crate) mod rereads;
pub(crate) mod run_log;
pub(crate) mod stray;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
pub(crate) mod tombstones;
pub(crate) mod tracking;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{Days, Receipt};

use day_status::DayStatus;

/// The receipts of the days that a destination holds, in order.
///
/// ```
/// use kapture_model::Days;
/// use kapture_sinks::Ledger;
///
/// let day = |text: &str| text.parse().unwrap();
/// let asked = Days::between(day("2024-05-01"), day("2024-05-07"))?;
/// // An empty destination misses every day.
/// let now = "2024-06-01T00:00:00Z".parse().unwrap();
/// assert_eq!(Ledger::default().missing_or_stale(&asked, now), asked);
/// # Ok::<(), kapture_model::BackwardRange>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    days: BTreeMap<NaiveDate, Entry>,
    start: Option<NaiveDate>,
    end: Option<RangeEnd>,
    time_zone: Option<String>,
    tenant: Option<String>,
    selection: Option<String>,
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    forgotten: tombstones::Tombstones,
}

/// What is known of a day: at least one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    receipt: Option<Receipt>,
    stale: Option<StaleReason>,
}

/// The last of the days that a destination is to hold. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RangeEnd {
    /// This day.
    Day(NaiveDate),
    /// The current day, whenever that is: a destination that is synced again and again.
    Today,
}

impl fmt::Display for RangeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Today => f.write_str("today"),
        }
    }
}

impl FromStr for RangeEnd {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "today" => Ok(Self::Today),
            day => day.parse().map(Self::Day),
        }
    }
}

/// Why a day that was pulled has to be pulled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StaleReason {
    /// Its receipt cannot be decoded.
    UnreadableReceipt,
    /// The file with its customers exists, but no receipt: a run was killed between writing the
    /// two, or is writing them now.
    MissingReceipt,
    /// The file with its customers does not exist.
    MissingFile,
    /// The file with its customers has another size than its receipt says.
    FileSizeChanged,
    /// The object with its customers is another than its receipt names.
    FileReplaced,
    /// A customer of this day was found on another day since, and may have moved there.
    SharedCustomer,
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnreadableReceipt => "its receipt cannot be read",
            Self::MissingReceipt => "its receipt is missing",
            Self::MissingFile => "its file is missing",
            Self::FileSizeChanged => "its file has another size than its receipt says",
            Self::FileReplaced => "its object is another than its receipt names",
            Self::SharedCustomer => "a customer of it was found on another day since",
        })
    }
}

impl Ledger {
    /// The receipt of a day, if the destination holds it.
    pub fn get(&self, day: NaiveDate) -> Option<&Receipt> {
        self.days.get(&day)?.receipt.as_ref()
    }

    /// The receipts, by day.
    pub fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.days
            .values()
            .filter_map(|entry| entry.receipt.as_ref())
    }

    /// How many days have a receipt.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no day has a receipt.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The first and the last day, stale days included. An earlier
    /// [start](crate::Sink::set_range) counts as the first.
    pub fn bounds(&self) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = (self.days.keys().next()?, self.days.keys().next_back()?);
        let first = self.start.map_or(*first, |start| start.min(*first));
        Some((first, *last))
    }

    /// The days that the destination is to hold: from its start to its end, which is `due` for a
    /// destination that is to go on until [today](RangeEnd::Today). Days that it holds beyond are
    /// within.
    ///
    /// ```
    /// use kapture_model::Days;
    /// use kapture_sinks::{Ledger, RangeEnd};
    ///
    /// let day = |text: &str| text.parse().unwrap();
    /// let mut ledger = Ledger::default();
    /// ledger.set_start(day("2024-05-01"));
    /// ledger.set_end(RangeEnd::Today);
    /// assert_eq!(ledger.wanted(day("2024-05-03")).len(), 3);
    /// ```
    pub fn wanted(&self, due: NaiveDate) -> Days {
        let end = self.end.map(|end| match end {
            RangeEnd::Day(day) => day,
            RangeEnd::Today => due,
        });
        let held = [self.days.keys().next(), self.days.keys().next_back()];
        let known = held.into_iter().flatten().copied();
        let known: Vec<_> = known.chain(self.start).chain(end).collect();
        match (known.iter().min(), known.iter().max()) {
            (Some(first), Some(last)) => Days::between(*first, *last).unwrap_or_default(),
            _ => Days::default(),
        }
    }

    /// Those of `days` that are not sealed: without a receipt, open, or stale. A day that was
    /// fetched later than `now` is one of them: a clock that was ahead sealed it, perhaps before
    /// the day was over.
    pub fn missing_or_stale(&self, days: &Days, now: DateTime<Utc>) -> Days {
        let is_wanted = |day: &NaiveDate| self.status(*day, now) != DayStatus::Sealed;
        days.iter().filter(is_wanted).collect()
    }

    /// The days that hold customers, or may: a stale day may hold some, whatever its receipt says.
    /// For `kapture_customers::Pull::previously_nonempty`.
    pub fn previously_nonempty(&self) -> Days {
        let may_hold = |entry: &Entry| {
            let receipt = entry.receipt.as_ref();
            entry.stale.is_some() || receipt.is_some_and(|receipt| receipt.customers > 0)
        };
        let days = self.days.iter().filter(|(_, entry)| may_hold(entry));
        days.map(|(day, _)| *day).collect()
    }

    /// Adds the receipt of a day, or replaces it.
    pub fn insert(&mut self, receipt: Receipt) {
        let entry = self.days.entry(receipt.day).or_default();
        entry.receipt = Some(receipt);
    }

    /// The destination is to hold the days from `day` on.
    pub fn set_start(&mut self, day: NaiveDate) {
        self.start = Some(day);
    }

    /// The destination is to hold the days until `end`.
    pub fn set_end(&mut self, end: RangeEnd) {
        self.end = Some(end);
    }

    /// The last day that the destination is to hold, if it was ever set.
    pub fn end(&self) -> Option<RangeEnd> {
        self.end
    }

    /// The name of the time zone that its days are days of.
    pub fn set_time_zone(&mut self, time_zone: impl Into<String>) {
        self.time_zone = Some(time_zone.into());
    }

    /// The name of the time zone of its days, if the destination has one.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// The customers are those of this tenant, and of this
    /// [selection](kapture_model::CustomerQuery::selection).
    pub fn set_source(&mut self, tenant: impl Into<String>, selection: impl Into<String>) {
        self.tenant = Some(tenant.into());
        self.selection = Some(selection.into());
    }

    /// The address of the tenant whose customers these are, if the destination names it.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Which of its customers: the account and the filters, as
    /// [`CustomerQuery::selection`](kapture_model::CustomerQuery::selection) writes them. The values of
    /// filters may be personal data.
    pub fn selection(&self) -> Option<&str> {
        self.selection.as_deref()
    }

    /// Whether a customer was forgotten: the destination holds it no more, and no run writes it again.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    pub fn is_forgotten(&self, id: &kapture_model::CustomerId) -> bool {
        self.forgotten.contains(id)
    }

    /// How many customers were forgotten.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    pub fn forgotten(&self) -> usize {
        self.forgotten.len()
    }

    /// Marks a day to be pulled again. Its receipt is removed, unless it still says what the day
    /// held when it was pulled.
    pub fn mark_stale(&mut self, day: NaiveDate, reason: StaleReason) {
        let entry = self.days.entry(day).or_default();
        if reason != StaleReason::SharedCustomer {
            entry.receipt = None;
        }
        entry.stale = Some(reason);
    }

    /// Why a day is stale, if it is.
    pub fn stale_reason(&self, day: NaiveDate) -> Option<StaleReason> {
        self.days.get(&day)?.stale
    }

    /// The stale days, in order, each with its reason.
    pub fn stale_days(&self) -> impl Iterator<Item = (NaiveDate, StaleReason)> {
        let stale = |(day, entry): (&NaiveDate, &Entry)| Some((*day, entry.stale?));
        self.days.iter().filter_map(stale)
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
    use kapture_model::DayState;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn receipt(day: NaiveDate, customers: u64) -> Receipt {
        let mut receipt = Receipt::new(day, NOW);
        receipt.customers = customers;
        receipt.state = DayState::Sealed;
        receipt
    }

    #[test]
    fn stale_days_count_as_previously_nonempty() {
        let receipts = (1..=6).map(|number| receipt(day(number), u64::from(number % 2)));
        let mut ledger: Ledger = receipts.collect();
        ledger.mark_stale(day(1), StaleReason::FileSizeChanged);
        ledger.mark_stale(day(2), StaleReason::UnreadableReceipt);
        ledger.mark_stale(day(3), StaleReason::SharedCustomer);
        ledger.mark_stale(day(7), StaleReason::MissingReceipt);
        let nonempty: Vec<_> = ledger.previously_nonempty().iter().collect();
        assert_eq!(nonempty, [1, 2, 3, 5, 7].map(day));
        let asked = Days::between(day(1), day(7)).unwrap();
        let wanted: Vec<_> = ledger.missing_or_stale(&asked, NOW).iter().collect();
        assert_eq!(wanted, [1, 2, 3, 7].map(day));
        // Only days with a receipt count; the bounds include all days.
        assert_eq!(ledger.len(), 4);
        assert_eq!(ledger.bounds(), Some((day(1), day(7))));
    }

    #[test]
    fn wanted_days_reach_from_the_start_to_the_end() {
        let wanted = |ledger: &Ledger| ledger.wanted(day(9)).bounds();
        let mut ledger = Ledger::default();
        assert_eq!(wanted(&ledger), None);
        ledger.insert(receipt(day(5), 1));
        ledger.insert(receipt(day(3), 1));
        assert_eq!(
            wanted(&ledger),
            Some((day(3), day(5))),
            "of an earlier version"
        );
        ledger.set_start(day(2));
        ledger.set_end(RangeEnd::Day(day(4)));
        assert_eq!(wanted(&ledger), Some((day(2), day(5))));
        ledger.set_end(RangeEnd::Day(day(7)));
        assert_eq!(wanted(&ledger), Some((day(2), day(7))));
        ledger.set_end(RangeEnd::Today);
        assert_eq!(wanted(&ledger), Some((day(2), day(9))));
        ledger.insert(receipt(day(10), 1));
        assert_eq!(wanted(&ledger), Some((day(2), day(10))), "today is held");
    }

    #[test]
    fn day_sealed_in_the_future_is_pulled_again() {
        let ledger = Ledger::from_iter([receipt(day(1), 3)]);
        let asked = Days::from_iter([day(1)]);
        let before = NOW - chrono::TimeDelta::milliseconds(1);
        assert!(ledger.missing_or_stale(&asked, NOW).is_empty());
        assert_eq!(ledger.missing_or_stale(&asked, before), asked);
        assert_eq!(ledger.previously_nonempty(), asked);
    }
}
