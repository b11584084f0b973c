//! What happens to a day while it is pulled.

use chrono::NaiveDate;

use crate::{Receipt, Record};

/// What happens to a day while it is pulled, with the error of a day that fails: what a pull tells
/// a destination. Events of different days come mixed.
#[derive(Debug, Clone)]
pub enum DayEvent<E> {
    /// Customers of the day, each for the first time in this pull.
    Records {
        /// The day they were created on.
        day: NaiveDate,
        /// In the order in which the server listed them.
        records: Vec<Record>,
    },
    /// The day is complete: all of its customers came before.
    Done(Receipt),
    /// The day cannot be shown to be complete: what came of it may lack customers. Other days go
    /// on.
    Failed {
        /// The day.
        day: NaiveDate,
        /// Why.
        error: E,
    },
}
