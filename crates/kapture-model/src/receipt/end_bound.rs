//! Whether the end day of a window counts.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::Window;

/// Whether a server includes the end day of a window. The API does not document it; a pull proves
/// it from the server's answers.
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_model::EndBound;
///
/// let day = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
/// assert_eq!(EndBound::Inclusive.window(day).to_string(), "2024-05-01…2024-05-01");
/// assert_eq!(EndBound::Exclusive.window(day).to_string(), "2024-05-01…2024-05-02");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndBound {
    /// Not proven. D…D+1 is asked: it holds all of D on every server.
    #[default]
    Unknown,
    /// The end day is included: D…D holds D.
    Inclusive,
    /// The end day is not included, or only its first instant: D…D+1 holds D.
    Exclusive,
    /// D…D holds D, and D…D+1 is refused. A server that was never asked for D…D+1 counts as
    /// `Inclusive`.
    SingleDay,
}

impl EndBound {
    /// The smallest window that holds all of `day`, in the zone in which the server cuts windows.
    pub fn window(self, day: NaiveDate) -> Window {
        match self {
            Self::Inclusive | Self::SingleDay => Window::day(day),
            Self::Exclusive | Self::Unknown => Window::two_days(day),
        }
    }
}

impl fmt::Display for EndBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Inclusive => "inclusive",
            Self::Exclusive => "exclusive",
            Self::SingleDay => "single day",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [EndBound; 4] = [
        EndBound::Unknown,
        EndBound::Inclusive,
        EndBound::Exclusive,
        EndBound::SingleDay,
    ];

    #[test]
    fn each_end_bound_is_displayed_as_words() {
        let displayed = ALL.map(|bound| bound.to_string());
        assert_eq!(
            displayed,
            ["unknown", "inclusive", "exclusive", "single day"]
        );
    }

    #[test]
    fn window_has_one_day_only_where_the_end_day_is_known_to_count() {
        let day = NaiveDate::from_ymd_opt(2024, 5, 1).unwrap();
        let is_one_day = ALL.map(|bound| bound.window(day) == Window::day(day));
        assert_eq!(is_one_day, [false, true, false, true]);
    }
}
