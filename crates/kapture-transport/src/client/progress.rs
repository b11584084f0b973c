//! How far one call has come.

use std::time::Duration;

use crate::error::Error;

/// How far one call has come.
#[derive(Default)]
pub(super) struct Progress {
    /// The number of the current attempt, counted from 1.
    pub(super) attempt: u32,
    /// The attempts that count for [`CallPolicy::max_attempts`](super::CallPolicy::max_attempts).
    pub(super) counted: u32,
    /// How long the attempts and the waits between them took. Waiting for a permit is not included.
    pub(super) spent: Duration,
    pub(super) repeats: Repeats,
    /// Whether the next attempt drops the cookies of the run.
    pub(super) new_session: bool,
}

/// Counts how often the same failure came in a row.
#[derive(Default)]
pub(super) struct Repeats {
    last: Option<Error>,
    times: u32,
}

impl Repeats {
    /// Counts one failure: any other failure in between starts from 1 again.
    pub(super) fn count(&mut self, error: &Error) -> u32 {
        if self.last.as_ref() != Some(error) {
            self.last = Some(error.clone());
            self.times = 0;
        }
        self.times += 1;
        self.times
    }
}
