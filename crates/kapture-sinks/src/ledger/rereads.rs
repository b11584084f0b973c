//! How much had changed when sealed days were read again, by their age.

use std::collections::BTreeMap;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use {
    chrono::{DateTime, NaiveDate, Utc},
    chrono_tz::Tz,
};

/// The age of a day at a reading, in whole days: 0 on the day itself.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn days_between(day: NaiveDate, fetched: DateTime<Utc>, zone: Tz) -> i64 {
    let read = fetched.with_timezone(&zone).date_naive();
    read.signed_duration_since(day).num_days().max(0)
}

/// What was found when sealed days of one age were read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reread {
    /// How many customers were read again.
    pub customers: u64,
    /// How many of them had changed since the reading before, were new or were gone.
    pub changed: u64,
}

/// What was found when sealed days were read again, by their age: the days between the day and the
/// reading.
///
/// ```
/// use kapture_sinks::Rereads;
///
/// let mut rereads = Rereads::default();
/// for (age, changed) in [(1, 70), (3, 20), (7, 0), (30, 9), (90, 1)] {
///     rereads.add(age, 1000, changed);
/// }
/// assert_eq!(rereads.schedule(0.99), [1, 3, 30]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rereads(BTreeMap<u64, Reread>);

impl Rereads {
    /// Adds what was found at an age.
    pub fn add(&mut self, age: u64, customers: u64, changed: u64) {
        let found = self.0.entry(age).or_default();
        found.customers = found.customers.saturating_add(customers);
        found.changed = found.changed.saturating_add(changed);
    }

    /// What was found at each age, in days, the youngest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Reread)> {
        self.0.iter().map(|(age, found)| (*age, *found))
    }

    /// Whether nothing was read again yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shortest schedule that would have caught this share (0 to 1) of the changes: the ages at
    /// which something had changed, up to the one by which so many were seen. Empty without changes.
    pub fn schedule(&self, share: f64) -> Vec<u64> {
        let all: u64 = self.0.values().map(|found| found.changed).sum();
        let mut caught = 0;
        let mut ages = Vec::new();
        for (age, found) in &self.0 {
            if caught as f64 >= share * all as f64 {
                break;
            }
            if found.changed > 0 {
                ages.push(*age);
                caught += found.changed;
            }
        }
        ages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_ends_where_enough_was_seen() {
        let rereads = |found: &[(u64, u64)]| {
            let mut rereads = Rereads::default();
            found
                .iter()
                .for_each(|(age, changed)| rereads.add(*age, 100, *changed));
            rereads
        };
        assert!(rereads(&[(1, 0), (7, 0)]).schedule(0.99).is_empty());
        assert_eq!(rereads(&[(1, 0), (7, 1)]).schedule(0.99), [7]);
        assert_eq!(rereads(&[(1, 98), (3, 1), (7, 1)]).schedule(0.99), [1, 3]);
        assert_eq!(
            rereads(&[(1, 98), (3, 1), (7, 2)]).schedule(0.99),
            [1, 3, 7]
        );
        // Readings at one age add up.
        let twice = rereads(&[(1, 5), (1, 6)]);
        let found = twice.iter().next().unwrap();
        assert_eq!(
            found,
            (
                1,
                Reread {
                    customers: 200,
                    changed: 11
                }
            )
        );
    }
}
