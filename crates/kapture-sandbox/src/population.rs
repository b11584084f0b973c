//! The customers of a tenant: a number for each day, generated on demand.

pub(crate) mod customer;
mod names;
mod record;

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use crate::draw::{Subject, draw};

/// The distance of neighbouring ids, so that a customer can be inserted in between while paging.
pub(crate) const ID_STRIDE: u64 = 16;
const MILLISECONDS_PER_DAY: u64 = 86_400_000;

/// The number of customers created on each day of a range.
#[derive(Clone, Debug)]
pub enum PerDay {
    /// The same number every day.
    Fixed(u32),
    /// A number between the two, both included, drawn by seed; neighbouring days differ.
    Between(u32, u32),
    /// As [`PerDay::Between`], with one range for Monday to Friday and another for Saturday and
    /// Sunday.
    Weekly {
        /// Monday to Friday.
        weekday: RangeInclusive<u32>,
        /// Saturday and Sunday.
        weekend: RangeInclusive<u32>,
    },
    /// The given numbers on the given days, 0 on all others.
    Listed(Vec<(NaiveDate, u32)>),
    /// A function of the population's seed and the day.
    Function(fn(u64, NaiveDate) -> u32),
}

/// The customers of a tenant. All their properties are functions of the seed and the plan of days;
/// only the number of each day is stored, so millions of customers take no memory.
///
/// Within a day the customers are spread over all 24 hours. On one day in four the first is created
/// at exactly 0:00 and the last a millisecond before midnight.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_sandbox::{PerDay, Population};
///
/// let may = |day| NaiveDate::from_ymd_opt(2024, 5, day).unwrap();
/// let population = Population::new(7)
///     .days(may(1), may(20), PerDay::Between(0, 300))
///     .days(may(21), may(21), PerDay::Fixed(5_000));
/// assert_eq!(population.count(may(21)), 5_000);
/// assert_ne!(population.count(may(1)), population.count(may(2)));
/// ```
#[derive(Clone, Debug)]
pub struct Population {
    pub(crate) seed: u64,
    first_id: u64,
    days: BTreeMap<NaiveDate, Day>,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    count: u32,
    /// The number of customers created on earlier days.
    before: u64,
}

/// A customer as the tenant knows it, for comparison with what a client found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxCustomer {
    /// The customer's id.
    pub id: u64,
    /// When it was created, to the millisecond, in the tenant's local time.
    pub created: NaiveDateTime,
    /// The record, byte for byte as the tenant sends it (unless it pretty-prints).
    pub json: String,
}

/// One customer's position in the population. `before` is 0 for planned customers; a customer that was
/// inserted while paging precedes its planned neighbour by id, time and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) day: NaiveDate,
    pub(crate) index: u32,
    pub(crate) before: u8,
}

impl Row {
    pub(crate) fn planned(day: NaiveDate, index: u32) -> Self {
        Self {
            day,
            index,
            before: 0,
        }
    }
}

/// Id and creation time of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) id: u64,
    /// The id of the planned customer that the row is, or precedes.
    pub(crate) planned_id: u64,
    pub(crate) created: NaiveDateTime,
}

impl Population {
    /// An empty population; [`Population::days`] adds customers.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            first_id: 700_000_101,
            days: BTreeMap::new(),
        }
    }

    /// Plans the days `from` to `to`, both included. An earlier plan for a day is replaced.
    #[must_use]
    pub fn days(mut self, from: NaiveDate, to: NaiveDate, per_day: PerDay) -> Self {
        let mut previous = None;
        for date in from.iter_days().take_while(|date| *date <= to) {
            let count = per_day.count(self.seed, date, previous);
            previous = Some(count);
            if count == 0 {
                self.days.remove(&date);
            } else {
                self.days.insert(date, Day { count, before: 0 });
            }
        }
        let mut total = 0;
        for day in self.days.values_mut() {
            day.before = total;
            total += u64::from(day.count);
        }
        self
    }

    /// The id of the first customer (default 700000101); later ones have larger ids. Use it for ids
    /// above 2^31.
    #[must_use]
    pub fn first_id(mut self, id: u64) -> Self {
        // A customer may be inserted before the first one.
        self.first_id = id.max(ID_STRIDE);
        self
    }

    /// The number of customers planned for a day.
    pub fn count(&self, day: NaiveDate) -> u32 {
        self.days.get(&day).map_or(0, |planned| planned.count)
    }

    /// The number of planned customers of all days.
    pub fn total(&self) -> u64 {
        self.days.values().map(|day| u64::from(day.count)).sum()
    }

    /// The planned customers created at or after `from` and before `until`, day by day, in the
    /// order of their ids.
    pub(crate) fn between(
        &self,
        from: NaiveDateTime,
        until: NaiveDateTime,
    ) -> Vec<(NaiveDate, Range<u32>)> {
        if from >= until {
            return Vec::new();
        }
        self.days
            .range(from.date()..=until.date())
            .map(|(date, day)| {
                let start = self.first_at_or_after(*date, day.count, from);
                let end = self.first_at_or_after(*date, day.count, until);
                (*date, start..end)
            })
            .filter(|(_, rows)| !rows.is_empty())
            .collect()
    }

    /// The number of customers of the day that were created before `moment`.
    fn first_at_or_after(&self, date: NaiveDate, count: u32, moment: NaiveDateTime) -> u32 {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.created(date, count, middle) < moment {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn created(&self, date: NaiveDate, count: u32, index: u32) -> NaiveDateTime {
        let count = u64::from(count.max(1));
        let number = day_number(date);
        let edge = draw(self.seed, Subject::Edge, number).is_multiple_of(4);
        let index_wide = u64::from(index);
        let milliseconds = if edge && index == 0 {
            0
        } else if edge && index_wide + 1 == count {
            MILLISECONDS_PER_DAY - 1
        } else {
            // Each customer has its own slice of the day, so ids and times increase together.
            let jitter =
                draw(self.seed, Subject::Time, number << 32 | index_wide) % MILLISECONDS_PER_DAY;
            (index_wide * MILLISECONDS_PER_DAY + jitter) / count
        };
        date.and_time(NaiveTime::MIN) + TimeDelta::milliseconds(milliseconds as i64)
    }

    pub(crate) fn origin(&self, row: Row) -> Origin {
        let day = self.days.get(&row.day).copied().unwrap_or(Day {
            count: 1,
            before: 0,
        });
        let planned_id = self.first_id + (day.before + u64::from(row.index)) * ID_STRIDE;
        Origin {
            id: planned_id - u64::from(row.before),
            planned_id,
            created: self.created(row.day, day.count, row.index),
        }
    }

    /// The planned customer with this number, counted from 0 in the order of their ids.
    pub(crate) fn nth(&self, number: u64) -> Option<Row> {
        // The days are few beside the customers, and edits are rare beside requests.
        let mut days = self.days.iter().rev();
        let (date, day) = days.find(|(_, day)| day.before <= number)?;
        let index = u32::try_from(number - day.before).ok()?;
        (index < day.count).then(|| Row::planned(*date, index))
    }

    /// The planned customer with this id.
    pub(crate) fn row_of(&self, id: u64) -> Option<Row> {
        let distance = id.checked_sub(self.first_id)?;
        let number = distance
            .is_multiple_of(ID_STRIDE)
            .then_some(distance / ID_STRIDE);
        self.nth(number?)
    }

    pub(crate) fn id(&self, row: Row) -> u64 {
        let before = self.days.get(&row.day).map_or(0, |day| day.before);
        self.first_id + (before + u64::from(row.index)) * ID_STRIDE - u64::from(row.before)
    }
}

impl PerDay {
    fn count(&self, seed: u64, date: NaiveDate, previous: Option<u32>) -> u32 {
        match self {
            Self::Fixed(count) => *count,
            Self::Between(low, high) => spread(seed, date, *low..=*high, previous),
            Self::Weekly { weekday, weekend } => {
                let range = match date.weekday() {
                    Weekday::Sat | Weekday::Sun => weekend,
                    _ => weekday,
                };
                spread(seed, date, range.clone(), previous)
            }
            Self::Listed(days) => days
                .iter()
                .filter(|(day, _)| *day == date)
                .map(|(_, count)| count)
                .sum(),
            Self::Function(count) => count(seed, date),
        }
    }
}

fn spread(seed: u64, date: NaiveDate, range: RangeInclusive<u32>, previous: Option<u32>) -> u32 {
    let (low, high) = (*range.start(), (*range.end()).max(*range.start()));
    let span = u64::from(high - low) + 1;
    let step = draw(seed, Subject::DaySize, day_number(date)) % span;
    let count = low + step as u32;
    if previous == Some(count) {
        low + ((step + 1) % span) as u32
    } else {
        count
    }
}

/// The number of a day in the common era.
pub(crate) fn day_number(date: NaiveDate) -> u64 {
    u64::from(date.num_days_from_ce().unsigned_abs())
}
