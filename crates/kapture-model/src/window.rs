//! The range of creation dates that one request asks for.

use chrono::NaiveDate;
use std::fmt;

/// The `createStartDate … createEndDate` of one request, in the tenant's local time.
///
/// Whether the server counts the end date in is not documented; a window is what is asked, not
/// what is answered. At most 24 hours are allowed: `start == end`, or `end` the day after.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_model::Window;
///
/// let start = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
/// let window = Window { start, end: start.succ_opt().unwrap() };
/// assert_eq!(window.to_string(), "2024-05-01…2024-05-02");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first creation date asked for.
    pub start: NaiveDate,
    /// The last creation date asked for.
    pub end: NaiveDate,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…{}", self.start, self.end)
    }
}
