//! Exponential backoff with full jitter, and the bounds on retries.

use std::time::Duration;

/// The bounds on retries, each for its own reason.
///
/// The waits are an exponential backoff with full jitter: a random share of a bound that doubles
/// with each attempt, so that parallel calls do not retry in step.
///
/// ```
/// use kapture_transport::RetryPolicy;
/// use std::time::Duration;
///
/// let patient = RetryPolicy::default().retry_timeout(Duration::from_secs(3600));
/// assert_eq!(patient.unanswered_attempts, 8);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The bound of the wait before the second attempt, doubled for each further one. Default
    /// 0.25 s.
    pub initial_backoff: Duration,
    /// Where the doubling stops. Default 20 s.
    pub max_backoff: Duration,
    /// The longest one call may take: its attempts and the waits between them, but not its wait
    /// for other calls while some of them are answered. Default 10 min.
    pub retry_timeout: Duration,
    /// The same for a run in which the server has not answered once: its name is probably wrong.
    /// Default 100 s.
    pub unanswered_timeout: Duration,
    /// The number of attempts in such a run that fail to connect. Default 8, some 16 s.
    pub unanswered_attempts: u32,
    /// How often a refusal has to repeat unchanged until it is taken for the server's answer.
    /// Default 3.
    pub refusal_confirmations: u32,
    /// The same for [`RefusalPolicy::Patient`](crate::RefusalPolicy::Patient). Default 10, some
    /// half a minute.
    pub patient_refusal_confirmations: u32,
    /// How many retries a run may make beyond two for each answer. Retries after
    /// [`max_backoff`](Self::max_backoff) is reached do not count, because an outage may be long.
    /// Default 500.
    pub retry_budget: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(20),
            retry_timeout: Duration::from_secs(600),
            unanswered_timeout: Duration::from_secs(100),
            unanswered_attempts: 8,
            refusal_confirmations: 3,
            patient_refusal_confirmations: 10,
            retry_budget: 500,
        }
    }
}

impl RetryPolicy {
    /// Sets [`initial_backoff`](#structfield.initial_backoff).
    #[must_use]
    pub fn initial_backoff(mut self, bound: Duration) -> Self {
        self.initial_backoff = bound;
        self
    }

    /// Sets [`max_backoff`](#structfield.max_backoff).
    #[must_use]
    pub fn max_backoff(mut self, bound: Duration) -> Self {
        self.max_backoff = bound;
        self
    }

    /// Sets [`retry_timeout`](#structfield.retry_timeout).
    #[must_use]
    pub fn retry_timeout(mut self, timeout: Duration) -> Self {
        self.retry_timeout = timeout;
        self
    }

    /// Sets [`unanswered_timeout`](#structfield.unanswered_timeout).
    #[must_use]
    pub fn unanswered_timeout(mut self, timeout: Duration) -> Self {
        self.unanswered_timeout = timeout;
        self
    }

    /// Sets [`unanswered_attempts`](#structfield.unanswered_attempts).
    #[must_use]
    pub fn unanswered_attempts(mut self, attempts: u32) -> Self {
        self.unanswered_attempts = attempts;
        self
    }

    /// Sets [`refusal_confirmations`](#structfield.refusal_confirmations).
    #[must_use]
    pub fn refusal_confirmations(mut self, times: u32) -> Self {
        self.refusal_confirmations = times;
        self
    }

    /// Sets [`patient_refusal_confirmations`](#structfield.patient_refusal_confirmations).
    #[must_use]
    pub fn patient_refusal_confirmations(mut self, times: u32) -> Self {
        self.patient_refusal_confirmations = times;
        self
    }

    /// Sets [`retry_budget`](#structfield.retry_budget).
    #[must_use]
    pub fn retry_budget(mut self, retries: u64) -> Self {
        self.retry_budget = retries;
        self
    }
}

impl RetryPolicy {
    /// The backoff after attempt number `attempt`, counted from 1. `share` is the jitter, in
    /// 0.0..1.0.
    pub(crate) fn backoff(&self, attempt: u32, share: f64) -> Duration {
        self.doubled(attempt).min(self.max_backoff).mul_f64(share)
    }

    /// Whether the retry after attempt number `attempt` counts against the retry budget.
    pub(crate) fn uses_budget(&self, attempt: u32) -> bool {
        self.doubled(attempt) < self.max_backoff
    }

    fn doubled(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        self.initial_backoff.saturating_mul(1 << doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_maximum() {
        let policy = RetryPolicy::default();
        let longest = |attempt| policy.backoff(attempt, 1.0).as_secs_f64();
        assert_eq!((longest(1), longest(2), longest(3)), (0.25, 0.5, 1.0));
        assert_eq!((longest(9), longest(4_000_000_000)), (20.0, 20.0));
    }

    #[test]
    fn retries_at_maximum_backoff_use_no_budget() {
        let policy = RetryPolicy {
            max_backoff: Duration::from_secs(1),
            ..RetryPolicy::default()
        };
        let uses_budget = [1, 2, 3, 4].map(|attempt| policy.uses_budget(attempt));
        assert_eq!(uses_budget, [true, true, false, false]);
    }

    #[test]
    fn jitter_is_full() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(3, 0.0), Duration::ZERO);
        assert_eq!(policy.backoff(3, 0.5), Duration::from_millis(500));
    }
}
