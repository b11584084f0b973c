//! What a pull is asked for, with its defaults.

use chrono::TimeDelta;

use super::calendar::Calendar;
use crate::api::Days;

/// What a pull is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) days: Days,
    pub(crate) previously_nonempty: Days,
    pub(crate) page_size: u32,
    pub(crate) fewer_requests: bool,
    pub(crate) empty_answer: Option<String>,
    pub(crate) calendar: Calendar,
}

impl Settings {
    /// A pull of these days, with the defaults of [`Pull`](crate::Pull).
    pub(crate) fn new(days: Days) -> Self {
        Self {
            days,
            previously_nonempty: Days::default(),
            page_size: 500,
            fewer_requests: false,
            empty_answer: None,
            calendar: Calendar {
                zone: None,
                grace_period: TimeDelta::hours(6),
            },
        }
    }
}
