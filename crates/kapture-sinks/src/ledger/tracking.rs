//! What a destination is asked to remember of changes.

use chrono::{DateTime, Utc};

/// What a destination remembers of changed customers. What is `None` stays as it is: a destination
/// remembers what it was asked for once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Keeps the history, if the destination does not yet: what it holds becomes the first version of
    /// each customer, as seen at this time.
    pub history_from: Option<DateTime<Utc>>,
    /// Fields that are no change: a customer that differs in these alone stays as it is. Named as
    /// [`RowHasher::ignoring`](kapture_model::RowHasher::ignoring) takes them. After another choice, a
    /// customer that is read again counts as changed once.
    pub ignored: Option<Vec<String>>,
}
