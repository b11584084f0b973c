//! Whether a day is sealed.

use serde::{Deserialize, Serialize};

/// Whether a day can still gain customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DayState {
    /// It can: the day was not over when it was read, or its grace period was not.
    Open,
    /// It cannot.
    Sealed,
}
