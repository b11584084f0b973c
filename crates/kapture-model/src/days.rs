//! The days of a pull: the unit of fetching, of commitment and of resuming.

use std::collections::BTreeSet;

use chrono::NaiveDate;

/// A set of calendar dates in the tenant's local time, in order.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_model::Days;
///
/// let day = |d| NaiveDate::from_ymd_opt(2024, 5, d).unwrap();
/// let days = Days::between(day(1), day(7))?;
/// assert_eq!(days.len(), 7);
/// assert!(Days::between(day(7), day(1)).is_err());
/// # Ok::<(), kapture_model::BackwardRange>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Days(BTreeSet<NaiveDate>);

/// A range whose first day comes after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first day {from} comes after the last day {to}")]
pub struct BackwardRange {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Days {
    /// Every day from `from` to `to`, both included.
    pub fn between(from: NaiveDate, to: NaiveDate) -> Result<Self, BackwardRange> {
        if from > to {
            return Err(BackwardRange { from, to });
        }
        Ok(from.iter_days().take_while(|day| *day <= to).collect())
    }

    /// Whether `day` is one of them.
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.0.contains(&day)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.0.iter().copied()
    }

    /// The first and the last.
    pub fn bounds(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((*self.0.first()?, *self.0.last()?))
    }

    /// The days whose windows have to be read, in ascending order: each asked day and its two
    /// neighbours, because the server may cut windows in another zone than the one it dates
    /// customers in, so that a day's customers lie in a neighbour's window.
    pub fn padded(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let padded: BTreeSet<_> = self.iter().flat_map(Self::neighbourhood).collect();
        padded.into_iter()
    }

    /// A day and the days beside it.
    pub fn neighbourhood(day: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        [day.pred_opt(), Some(day), day.succ_opt()]
            .into_iter()
            .flatten()
    }
}

impl FromIterator<NaiveDate> for Days {
    fn from_iter<I: IntoIterator<Item = NaiveDate>>(days: I) -> Self {
        Self(days.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, d).unwrap()
    }

    #[test]
    fn range_includes_both_ends() {
        let days = Days::between(day(1), day(3)).unwrap();
        assert_eq!(days.iter().collect::<Vec<_>>(), [day(1), day(2), day(3)]);
        assert_eq!(days.bounds(), Some((day(1), day(3))));
        assert_eq!((days.len(), days.is_empty()), (3, false));
        assert!(days.contains(day(3)) && !days.contains(day(4)));
        assert_eq!(Days::between(day(1), day(1)).unwrap().len(), 1);
        assert!(Days::between(day(2), day(1)).is_err());
        assert!(Days::default().is_empty());
    }

    #[test]
    fn consecutive_days_are_padded_by_one_day_at_each_end() {
        let days: Days = [day(10), day(3), day(4)].into_iter().collect();
        let padded: Vec<_> = days.padded().collect();
        assert_eq!(padded, [2, 3, 4, 5, 9, 10, 11].map(day));
    }

    #[test]
    fn last_day_of_the_calendar_has_one_neighbour() {
        let last: Days = [NaiveDate::MAX].into_iter().collect();
        assert_eq!(last.padded().count(), 2);
    }
}
