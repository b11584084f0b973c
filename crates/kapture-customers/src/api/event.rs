//! What a pull tells while it runs.

use std::time::Duration;

use chrono::NaiveDate;
use kapture_model::Record;
use kapture_transport::{Error, RetryNotice};

use crate::api::{EndBound, PullError, Receipt};

/// One thing that happened in a pull, in the order in which it happened. Several days are read at
/// the same time, so events of different days come mixed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The first window that may hold customers of this day is being read.
    DayStarted(NaiveDate),
    /// Customers created on `day`, each for the first time in this pull.
    Records {
        /// The day they were created on.
        day: NaiveDate,
        /// In the order in which the server listed them.
        records: Vec<Record>,
    },
    /// Every window that could hold customers of this day was read, and proven to be read whole.
    DayDone(Receipt),
    /// This day cannot be shown to be complete; what was told of it so far may lack customers.
    /// Other days go on.
    DayFailed {
        /// The day.
        day: NaiveDate,
        /// What happened.
        error: PullError,
    },
    /// Something about the server was proven.
    Discovered(Finding),
    /// A request has to be made again, after a wait.
    RetryScheduled {
        /// How long.
        wait: Duration,
        /// How often this request was made so far.
        attempt: u32,
        /// What happened to it the last time.
        error: Error,
    },
}

/// Something found out about the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// How far a window reaches.
    EndBound(EndBound),
    /// The failure with which this server says "no customers", in its words.
    EmptyResponse(String),
    /// How many rows a full page has here.
    PageLength(usize),
    /// Two rows of one customer of this day differ; the first one was told.
    ConflictingRows(NaiveDate),
    /// No request of the run returned customers, and neither did any for the days before: that the
    /// asked days have none is the server's word alone.
    NoCanary,
}

impl From<RetryNotice> for Event {
    fn from(notice: RetryNotice) -> Self {
        Self::RetryScheduled {
            wait: notice.wait,
            attempt: notice.attempt,
            error: notice.error,
        }
    }
}
