//! What a destination is asked to remember of changes.

use chrono::{DateTime, Utc};

/// What a destination remembers of changed customers. What is `None` stays as it is: a destination
/// remembers what it was asked for once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Keeps the history, if the destination does not yet: what it holds becomes the first version of
    /// each customer, as seen at this time.
    pub history_from: Option<DateTime<Utc>>,
}
