//! The bound that ended the retries of a call.

use std::fmt;

/// The bound that ended the retries of a call. The bounds are those of
/// [`RetryPolicy`](crate::RetryPolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The server has not answered any call of this run.
    NeverAnswered,
    /// The retry timeout of this call is used up. Other calls may be answered.
    RetryTimeout,
    /// No call was answered for as long as the retry timeout.
    Outage,
    /// `Retry-After` asks for a longer wait than the time that is left.
    RetryAfterTooLong,
    /// The retry budget of the run is used up: more attempts fail than succeed.
    RetryBudget,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverAnswered => "the server has not answered once",
            Self::RetryTimeout => "the time for retries is used up",
            Self::Outage => {
                "the server has answered nothing for as long as one request may be retried"
            }
            Self::RetryAfterTooLong => "the server asks to wait longer than the time left",
            Self::RetryBudget => "the retries allowed for one run are used up",
        })
    }
}
