//! Which sealed days are read again: `--refresh`.

use anyhow::Result;
use chrono::{Days as DayCount, NaiveDate};
use kapture_customers::Days;

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

    /// Those of the wanted days that are read again. `read` says on which day each was read, as far
    /// as that is known.
    pub(crate) fn due(
        &self,
        wanted: &Days,
        calendar: &Calendar,
        read: impl Fn(NaiveDate) -> Option<NaiveDate>,
    ) -> Days {
        let is_due = |day: &NaiveDate| match self {
            Self::Last(count) => is_last(*day, *count, wanted),
            Self::AtAges(ages) => {
                read(*day).is_some_and(|read| is_due(*day, read, ages, calendar.today()))
            }
        };
        wanted.iter().filter(is_due).collect()
    }

    /// Whether a later run reads a day again that is read on the day `read`.
    pub(crate) fn reads_again(&self, day: NaiveDate, wanted: &Days, read: NaiveDate) -> bool {
        match self {
            Self::Last(count) => is_last(day, *count, wanted),
            Self::AtAges(ages) => is_due(day, read, ages, NaiveDate::MAX),
        }
    }
}

/// Whether a day is one of the last `count` wanted days.
fn is_last(day: NaiveDate, count: u64, wanted: &Days) -> bool {
    let last = wanted.bounds().map(|(_, last)| last);
    let since = last.and_then(|last| last.checked_sub_days(DayCount::new(count)));
    count > 0 && since.is_none_or(|since| day > since)
}

/// Whether a day reaches one of the ages after it was read and until `today`: also where no run was at
/// that age.
fn is_due(day: NaiveDate, read: NaiveDate, ages: &[u64], today: NaiveDate) -> bool {
    ages.iter().any(|age| {
        let reached = day.checked_add_days(DayCount::new(*age));
        reached.is_some_and(|reached| read < reached && reached <= today)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            is_due(day, read.parse().unwrap(), &[1, 3, 7], now.parse().unwrap())
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

    #[test]
    fn a_day_is_read_again_until_its_last_age_or_while_it_is_one_of_the_last() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let wanted = Days::between(day("2024-05-01"), day("2024-05-09")).unwrap();
        let again = |refresh: &str, of: &str, read: &str| {
            let refresh = Refresh::parse(refresh).unwrap();
            refresh.reads_again(day(of), &wanted, day(read))
        };
        assert!(again("1,3,7", "2024-05-01", "2024-05-07"));
        assert!(!again("1,3,7", "2024-05-01", "2024-05-08"));
        assert!(again("2", "2024-05-08", "2024-05-09"));
        assert!(!again("2", "2024-05-07", "2024-05-09"));
        assert!(!again("0", "2024-05-09", "2024-05-09"));
    }
}
