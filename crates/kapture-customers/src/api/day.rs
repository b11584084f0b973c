//! A whole day of a pull, or why there is none.

use std::fmt;

use chrono::NaiveDate;
use kapture_model::{Receipt, Record};

use crate::api::PullError;

/// A day with all of its customers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompleteDay {
    /// What is proven about the day.
    pub receipt: Receipt,
    /// Its customers, each once, in the order in which they were listed.
    pub records: Vec<Record>,
}

/// Why a day, or the pull, is not complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DayError {
    /// The day that cannot be shown to be complete. `None` when the pull ended early.
    pub day: Option<NaiveDate>,
    /// Why.
    pub error: PullError,
}

impl fmt::Display for DayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.day {
            Some(day) => write!(f, "cannot prove that the customers of {day} are complete"),
            None => f.write_str("the pull ended early"),
        }
    }
}

impl std::error::Error for DayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
