//! Data in a destination that belongs to no day of its ledger.

use std::fmt;

use chrono::NaiveDate;
use kapture_model::sanitize;

/// Data that a reader of the destination takes for customers, and that belongs to no day of its ledger:
/// another program wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stray {
    /// A file beside those of a dataset.
    File {
        /// Its name, from the dataset on.
        name: String,
        /// The day of its folder.
        day: Option<NaiveDate>,
    },
    /// Customers of a database.
    Customers {
        /// How many.
        count: u64,
        /// Their day, as it is written.
        day: String,
    },
    /// Contacts of a database whose customer is not in it.
    Contacts {
        /// How many.
        count: u64,
    },
}

impl Stray {
    /// The day that it would belong to.
    pub fn day(&self) -> Option<NaiveDate> {
        match self {
            Self::File { day, .. } => *day,
            Self::Customers { day, .. } => day.parse().ok(),
            Self::Contacts { .. } => None,
        }
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, .. } => write!(f, "{}: not written by kapture", sanitize(name)),
            Self::Customers { count, day } => {
                let day = sanitize(day);
                write!(f, "{day}: {count} customers of a day that was never pulled")
            }
            Self::Contacts { count } => write!(f, "{count} contacts of no customer"),
        }
    }
}
