//! How long and how often a call is tried.

use std::time::Duration;

/// The bounds on trying again, each for its own reason.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// The longest wait before the second attempt; doubled for each further one. Default 0.25 s.
    pub initial_backoff: Duration,
    /// Where the doubling stops. Default 20 s.
    pub max_backoff: Duration,
    /// The longest one call may take: its attempts and the waits between them, but not how long
    /// it waits for calls before it, as long as some are answered. Default 10 min.
    pub retry_timeout: Duration,
    /// The same for a run in which the server has not answered once: its name is probably wrong. Default 100 s.
    pub unanswered_timeout: Duration,
    /// How many attempts such a run gets that cannot even connect. Default 8, some 16 s.
    pub unanswered_attempts: u32,
    /// How often a failure has to repeat unchanged until it is taken for the server's answer. Default 3.
    pub refusal_confirmations: u32,
    /// The same for a [patient](crate::Client::patient) client, to which it is more likely trouble. Default 10,
    /// some half a minute.
    pub patient_refusal_confirmations: u32,
    /// How many retries a run may make beyond two for each answer, not counting those that come
    /// after the doubling has stopped: an outage lasts as long as it lasts. Default 500.
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
    /// The wait after attempt number `attempt` (counted from 1), with full jitter: anything
    /// between nothing and the doubled bound, so that parallel calls do not return in step.
    /// `share` is the die, in 0.0..1.0.
    pub(crate) fn wait(&self, attempt: u32, share: f64) -> Duration {
        self.doubled(attempt).min(self.max_backoff).mul_f64(share)
    }

    /// Whether the wait after attempt number `attempt` is not yet the longest.
    pub(crate) fn is_hurried(&self, attempt: u32) -> bool {
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
    fn waits_double_up_to_a_bound() {
        let policy = RetryPolicy::default();
        let longest = |attempt| policy.wait(attempt, 1.0).as_secs_f64();
        assert_eq!((longest(1), longest(2), longest(3)), (0.25, 0.5, 1.0));
        assert_eq!((longest(9), longest(4_000_000_000)), (20.0, 20.0));
    }

    #[test]
    fn nobody_hurries_who_waits_as_long_as_may_be() {
        let policy = RetryPolicy {
            max_backoff: Duration::from_secs(1),
            ..RetryPolicy::default()
        };
        let hurried = [1, 2, 3, 4].map(|attempt| policy.is_hurried(attempt));
        assert_eq!(hurried, [true, true, false, false]);
    }

    #[test]
    fn jitter_is_full() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(3, 0.0), Duration::ZERO);
        assert_eq!(policy.wait(3, 0.5), Duration::from_millis(500));
    }
}
