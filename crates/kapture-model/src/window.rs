//! The range of creation dates that one request asks for.

use chrono::NaiveDate;
use std::fmt;

/// The `createStartDate … createEndDate` of one request, in the tenant's local time.
///
/// The API does not document whether the end date is included: a window says what is asked, not
/// what is answered. The API allows at most 24 hours, so `end` is `start` or the day after it.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_model::Window;
///
/// let day = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
/// assert_eq!(Window::day(day).to_string(), "2024-05-01…2024-05-01");
/// assert_eq!(Window::two_days(day).to_string(), "2024-05-01…2024-05-02");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first creation date asked for.
    pub start: NaiveDate,
    /// The last creation date asked for.
    pub end: NaiveDate,
}

impl Window {
    /// D…D: the window of `day` alone.
    pub fn day(day: NaiveDate) -> Self {
        Self {
            start: day,
            end: day,
        }
    }

    /// D…D+1: `day` and the day after it. The last day of the calendar has none after it, so its
    /// window is D…D.
    pub fn two_days(day: NaiveDate) -> Self {
        Self {
            start: day,
            end: day.succ_opt().unwrap_or(day),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_day_of_the_calendar_has_a_window_of_one_day() {
        let last = NaiveDate::MAX;
        assert_eq!(Window::two_days(last), Window::day(last));
    }
}
