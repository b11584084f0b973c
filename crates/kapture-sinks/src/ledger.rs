//! What a sink remembers: the receipts of the days it holds.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use kapture_customers::{DayState, Days, Receipt};

/// The receipts of the days that a sink holds, in order.
///
/// ```
/// use kapture_customers::Days;
/// use kapture_sinks::Ledger;
///
/// let day = |text: &str| text.parse().unwrap();
/// let asked = Days::between(day("2024-05-01"), day("2024-05-07"))?;
/// // A sink that holds nothing lacks every day.
/// assert_eq!(Ledger::default().lacking(&asked), asked);
/// # Ok::<(), kapture_customers::BackwardRange>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    receipts: BTreeMap<NaiveDate, Receipt>,
    doubts: BTreeMap<NaiveDate, Doubt>,
    wanted_from: Option<NaiveDate>,
    time_zone: Option<String>,
}

/// Why a day that was pulled has to be pulled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Doubt {
    /// Its receipt cannot be read.
    Receipt,
    /// The file with its customers is there, but no receipt: a run was killed in between, or is
    /// just there.
    ReceiptGone,
    /// The file with its customers is gone.
    FileGone,
    /// The file with its customers has another size than it was written with.
    FileAltered,
    /// A customer of this day was met on another one since, and may have moved there.
    Contested,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receipt => "its receipt cannot be read",
            Self::ReceiptGone => "its receipt is gone",
            Self::FileGone => "its file is gone",
            Self::FileAltered => "its file has another size than it was written with",
            Self::Contested => "a customer of it was met on another day since",
        })
    }
}

impl Ledger {
    /// The receipt of a day, if the sink holds it.
    pub fn get(&self, day: NaiveDate) -> Option<&Receipt> {
        self.receipts.get(&day)
    }

    /// The receipts, by day.
    pub fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.values()
    }

    /// How many days the sink holds.
    pub fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    /// The first and the last day that it holds, or did until they came in doubt. It begins earlier
    /// if it is to hold earlier days ([`Sink::want_from`](crate::Sink::want_from)).
    pub fn bounds(&self) -> Option<(NaiveDate, NaiveDate)> {
        let doubtful = self.doubts.keys();
        let days = || self.receipts.keys().chain(doubtful.clone()).copied();
        let first = days().min()?;
        let first = self.wanted_from.map_or(first, |wanted| first.min(wanted));
        Some((first, days().max()?))
    }

    /// Those of `days` that it does not hold, or that could still gain customers after they were
    /// asked for, or that are in doubt.
    pub fn lacking(&self, days: &Days) -> Days {
        let sealed = |day| {
            let receipt = self.get(day);
            receipt.is_some_and(|receipt| receipt.state == DayState::Sealed)
                && !self.doubts.contains_key(&day)
        };
        days.iter().filter(|day| !sealed(*day)).collect()
    }

    /// Adds the receipt of a day.
    pub fn put(&mut self, receipt: Receipt) {
        self.receipts.insert(receipt.day, receipt);
    }

    /// The days from `day` on are wanted, whether any of them is here or not.
    pub fn want_from(&mut self, day: NaiveDate) {
        self.wanted_from = Some(day);
    }

    /// Its days are those of the time zone of this name.
    pub fn cut_in(&mut self, time_zone: impl Into<String>) {
        self.time_zone = Some(time_zone.into());
    }

    /// The name of the time zone of its days, if the sink keeps it.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// A day that was pulled, but has to be pulled again. Its receipt is forgotten, except where it
    /// still says what was there when the day was pulled.
    pub fn doubt(&mut self, day: NaiveDate, doubt: Doubt) {
        if doubt != Doubt::Contested {
            self.receipts.remove(&day);
        }
        self.doubts.insert(day, doubt);
    }

    /// The days in doubt, in order, each with the reason.
    pub fn doubts(&self) -> impl Iterator<Item = (NaiveDate, Doubt)> {
        self.doubts.iter().map(|(day, doubt)| (*day, *doubt))
    }
}

impl FromIterator<Receipt> for Ledger {
    fn from_iter<I: IntoIterator<Item = Receipt>>(receipts: I) -> Self {
        let receipts = receipts.into_iter();
        Self {
            receipts: receipts.map(|receipt| (receipt.day, receipt)).collect(),
            ..Self::default()
        }
    }
}
