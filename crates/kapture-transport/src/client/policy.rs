//! When one call is over, and what is reported while it waits.

use std::time::Duration;

use crate::error::Error;

/// What has to happen before a call that brings no customers is over.
///
/// ```
/// use kapture_transport::{CallPolicy, RefusalPolicy};
///
/// let policy = CallPolicy::default()
///     .refusals(RefusalPolicy::First)
///     .max_attempts(2);
/// assert!(policy.delay.is_zero());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallPolicy {
    /// When a failure in the server's own words is its answer.
    pub refusals: RefusalPolicy,
    /// The number of attempts after which any other failure is returned as it is. `None` leaves it
    /// to [`RetryPolicy`](crate::RetryPolicy). An attempt does not count if the server only takes no more
    /// requests for now: HTTP 429, or 403 after it has answered others.
    pub max_attempts: Option<u32>,
    /// How long to wait before the first attempt.
    pub delay: Duration,
    /// Whether each attempt begins a new session, without the cookies of the run so far: its response is not
    /// that of a session that has ended.
    pub new_session: bool,
}

impl CallPolicy {
    /// Sets [`refusals`](#structfield.refusals).
    #[must_use]
    pub fn refusals(mut self, policy: RefusalPolicy) -> Self {
        self.refusals = policy;
        self
    }

    /// Sets [`max_attempts`](#structfield.max_attempts).
    #[must_use]
    pub fn max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.max_attempts = attempts.into();
        self
    }

    /// Sets [`delay`](#structfield.delay).
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets [`new_session`](#structfield.new_session).
    #[must_use]
    pub fn new_session(mut self, begins: bool) -> Self {
        self.new_session = begins;
        self
    }
}

/// When a failure in the server's own words ([`Error::refusal`]) is taken for its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RefusalPolicy {
    /// At once: the caller judges it.
    First,
    /// When it has repeated unchanged [a few times](crate::RetryPolicy::refusal_confirmations): a
    /// transient failure does not repeat.
    #[default]
    Confirmed,
    /// When it has repeated [many times](crate::RetryPolicy::patient_refusal_confirmations),
    /// because it is more likely an outage than an answer.
    Patient,
}

/// A call is about to wait before its next attempt.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryNotice {
    /// The attempts of this call so far.
    pub attempt: u32,
    /// How long it waits.
    pub wait: Duration,
    /// The error of the last attempt.
    pub error: Error,
}
