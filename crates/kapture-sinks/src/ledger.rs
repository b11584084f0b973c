//! What a sink remembers: the receipts of the days it holds.

use std::collections::BTreeMap;

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
pub struct Ledger(BTreeMap<NaiveDate, Receipt>);

impl Ledger {
    /// The receipt of a day, if the sink holds it.
    pub fn get(&self, day: NaiveDate) -> Option<&Receipt> {
        self.0.get(&day)
    }

    /// The receipts, by day.
    pub fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.0.values()
    }

    /// How many days the sink holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first and the last day it holds.
    pub fn bounds(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((*self.0.first_key_value()?.0, *self.0.last_key_value()?.0))
    }

    /// Those of `days` that it does not hold, or that could still gain customers when they were
    /// fetched.
    pub fn lacking(&self, days: &Days) -> Days {
        let sealed = |day| {
            self.get(day)
                .is_some_and(|receipt| receipt.state == DayState::Sealed)
        };
        days.iter().filter(|day| !sealed(*day)).collect()
    }
}

impl FromIterator<Receipt> for Ledger {
    fn from_iter<I: IntoIterator<Item = Receipt>>(receipts: I) -> Self {
        let receipts = receipts.into_iter();
        Self(receipts.map(|receipt| (receipt.day, receipt)).collect())
    }
}
