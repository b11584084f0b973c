//! The range of creation dates that one request asks for.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bounds")]
#[non_exhaustive]
pub struct Window {
    /// The first creation date asked for.
    pub start: NaiveDate,
    /// The last creation date asked for.
    pub end: NaiveDate,
}

/// A window whose end comes before its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the window starts on {start} and ends before, on {end}")]
pub struct ReversedWindow {
    /// The first creation date.
    pub start: NaiveDate,
    /// The last creation date.
    pub end: NaiveDate,
}

impl Window {
    /// The window from `start` to `end`, as the request says it.
    ///
    /// # Errors
    /// When `end` comes before `start`.
    pub fn new(start: NaiveDate, end: NaiveDate) -> Result<Self, ReversedWindow> {
        if end < start {
            return Err(ReversedWindow { start, end });
        }
        Ok(Self { start, end })
    }

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

/// What serde reads: not known to be a window yet.
#[derive(Deserialize)]
struct Bounds {
    start: NaiveDate,
    end: NaiveDate,
}

impl TryFrom<Bounds> for Window {
    type Error = ReversedWindow;

    fn try_from(Bounds { start, end }: Bounds) -> Result<Self, ReversedWindow> {
        Self::new(start, end)
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

    #[test]
    fn reversed_window_is_an_error() {
        let [first, second] = [1, 2].map(|d| NaiveDate::from_ymd_opt(2024, 5, d).unwrap());
        assert_eq!(Window::new(first, second), Ok(Window::two_days(first)));
        let reversed = ReversedWindow {
            start: second,
            end: first,
        };
        assert_eq!(Window::new(second, first), Err(reversed));

        let kept = serde_json::to_string(&Window::two_days(first)).unwrap();
        assert_eq!(kept, r#"{"start":"2024-05-01","end":"2024-05-02"}"#);
        assert_eq!(
            serde_json::from_str::<Window>(&kept).unwrap(),
            Window::two_days(first)
        );
        let kept = r#"{"start":"2024-05-02","end":"2024-05-01"}"#;
        assert!(serde_json::from_str::<Window>(kept).is_err());
    }
}
