//! Which sealed days are read again: `--refresh`.

use anyhow::Result;
use chrono::{Days as DayCount, NaiveDate};
use kapture_customers::{Days, Receipt};
use kapture_sinks::Ledger;

use crate::config::dates::Calendar;
use crate::error::hinted;

/// Which sealed days are read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The last days, at every run.
    Last(u64),
    /// Each day when it has these ages, in days.
    AtAges(Vec<u64>),
}

impl Refresh {
    /// `3` for the last three days, `1,3,7` for ages.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let number = |text: &str| -> Result<u64> {
            let number = text.trim().parse::<u32>();
            number.map(u64::from).map_err(|_| {
                hinted(
                    format!("--refresh: expected a number of days, or ages such as 1,3,7, not `{text}`"),
                    "--refresh 3 reads the last three days again at every run, --refresh 1,3,7,30,90 each day at these ages",
                )
            })
        };
        match text.contains(',') {
            false => Ok(Self::Last(number(text)?)),
            true => {
                let ages = text.split(',').filter(|age| !age.trim().is_empty());
                Ok(Self::AtAges(ages.map(number).collect::<Result<_>>()?))
            }
        }
    }

    /// Those of the wanted days that are read again.
    pub(crate) fn due(&self, ledger: &Ledger, wanted: &Days, calendar: &Calendar) -> Days {
        match self {
            Self::Last(count) => {
                let last = wanted.bounds().map(|(_, last)| last);
                let since = last.and_then(|last| last.checked_sub_days(DayCount::new(*count)));
                let is_due = |day: &NaiveDate| *count > 0 && since.is_none_or(|since| *day > since);
                wanted.iter().filter(is_due).collect()
            }
            Self::AtAges(ages) => {
                let is_due = |day: &NaiveDate| {
                    let receipt = ledger.get(*day);
                    receipt.is_some_and(|receipt| is_due(receipt, ages, calendar))
                };
                wanted.iter().filter(is_due).collect()
            }
        }
    }
}

/// Whether a day reached one of the ages since it was read: also where no run was at that age.
fn is_due(receipt: &Receipt, ages: &[u64], calendar: &Calendar) -> bool {
    let read = calendar.day_of(receipt.fetched);
    ages.iter().any(|age| {
        let reached = receipt.day.checked_add_days(DayCount::new(*age));
        reached.is_some_and(|reached| read < reached && reached <= calendar.today())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    #[test]
    fn a_number_is_the_last_days_and_a_list_is_ages() {
        assert_eq!(Refresh::parse("3").unwrap(), Refresh::Last(3));
        let ages = |text| Refresh::parse(text).unwrap();
        assert_eq!(ages("1,3, 7"), Refresh::AtAges(vec![1, 3, 7]));
        assert_eq!(ages("7,"), Refresh::AtAges(vec![7]));
        for text in ["", "week", "-1", "1,x", "1.5", "3d"] {
            let error = Refresh::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("--refresh: expected"), "{error}");
        }
    }

    #[test]
    fn a_day_is_due_once_at_each_age() {
        let day: NaiveDate = "2024-05-01".parse().unwrap();
        let due = |read: &str, now: &str| {
            let fetched: DateTime<Utc> = format!("{read}T06:00:00Z").parse().unwrap();
            let now = format!("{now}T12:00:00Z").parse().unwrap();
            let receipt = Receipt::of(day, &[], fetched);
            is_due(&receipt, &[1, 3, 7], &Calendar::at(now, chrono_tz::Tz::UTC))
        };
        for (read, now, expected) in [
            // Too young.
            ("2024-05-01", "2024-05-01", false),
            ("2024-05-01", "2024-05-02", true),
            // Read at this age already.
            ("2024-05-02", "2024-05-02", false),
            ("2024-05-02", "2024-05-03", false),
            ("2024-05-02", "2024-05-04", true),
            // No run came at the age of 3: it is made up for.
            ("2024-05-02", "2024-05-06", true),
            ("2024-05-06", "2024-05-07", false),
            ("2024-05-06", "2024-05-08", true),
            // Older than the last age.
            ("2024-05-08", "2024-08-01", false),
        ] {
            assert_eq!(due(read, now), expected, "read on {read}, now {now}");
        }
    }
}
