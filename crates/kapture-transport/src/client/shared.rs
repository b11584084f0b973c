//! What the clones of a client share: the limits, and what the run has learnt of the server.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::options::ClientOptions;
use super::outage::OutageTracker;
use super::policy::RefusalPolicy;
use super::stats::Counters;
use crate::error::{Error, StopReason};
use crate::throttle::{AdaptiveSemaphore, RateLimiter};
use crate::transport::Transport;
use crate::{TenantUrl, Token};

/// How many attempts a call makes whose token is refused after others were accepted: enough for a
/// new session and for a gateway that took many requests for an attack; some ten seconds at most.
const UNAUTHORIZED_ATTEMPTS: u32 = 6;

pub(super) struct Shared {
    pub(super) transport: Box<dyn Transport>,
    pub(super) url: Url,
    pub(super) token: Token,
    pub(super) options: ClientOptions,
    pub(super) semaphore: AdaptiveSemaphore,
    pub(super) rate_limiter: RateLimiter,
    pub(super) outage: Mutex<OutageTracker>,
    /// Whether the server has answered any call of this run.
    pub(super) has_answered: AtomicBool,
    /// Calls begun: each gets its number from this.
    pub(super) calls: AtomicU64,
    /// Answers of the server, each of which adds to the retry budget.
    pub(super) answers: AtomicU64,
    /// Retries that counted against the retry budget.
    budgeted_retries: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    pub(super) counters: Counters,
    rng: Mutex<fastrand::Rng>,
}

impl Shared {
    pub(super) fn new(
        transport: impl Transport + 'static,
        tenant_url: &TenantUrl,
        token: Token,
        options: ClientOptions,
    ) -> Self {
        Self {
            transport: Box::new(transport),
            url: tenant_url.url(options.endpoint),
            token,
            semaphore: AdaptiveSemaphore::new(options.concurrency),
            rate_limiter: RateLimiter::new(options.requests_per_second),
            outage: Mutex::default(),
            has_answered: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            budgeted_retries: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            counters: Counters::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(options.seed)),
            options,
        }
    }

    /// How often a failure has to repeat unchanged until it is the answer.
    pub(super) fn confirmations(&self, error: &Error, refusals: RefusalPolicy) -> u32 {
        let retry = &self.options.retry;
        match refusals {
            // One odd value can spoil a page for good, but so can a server that is being replaced.
            _ if matches!(
                error,
                Error::InvalidJson { .. } | Error::TrailingText { .. }
            ) =>
            {
                retry.patient_refusal_confirmations
            }
            _ if error.refusal().is_none() => u32::MAX,
            RefusalPolicy::First => 1,
            RefusalPolicy::Confirmed => retry.refusal_confirmations,
            RefusalPolicy::Patient => retry.patient_refusal_confirmations,
        }
    }

    /// Whether `error` ends the call. A permanent error is retried after all if the server has
    /// answered before: a gateway may restart or take many requests for an attack, a network may
    /// want a login, and a session may end in the words that refuse a wrong token.
    pub(super) fn is_permanent(&self, error: &Error, attempt: u32) -> bool {
        let may_pass = match error {
            Error::Tls(_) | Error::Coding(_) | Error::Forbidden(_) => true,
            Error::Unauthorized(_) => attempt < UNAUTHORIZED_ATTEMPTS,
            _ => false,
        };
        error.is_permanent() && !(may_pass && self.has_answered.load(Ordering::Relaxed))
    }

    /// Whether `error` tells nothing about the request: the server takes no more of them for now.
    pub(super) fn is_turned_away(&self, error: &Error) -> bool {
        match error {
            Error::RateLimited { .. } => true,
            Error::Forbidden(_) => self.has_answered.load(Ordering::Relaxed),
            _ => false,
        }
    }

    /// The time left for a call that has `spent` so much: less while the server has never answered.
    pub(super) fn time_left(&self, spent: Duration) -> Duration {
        let policy = &self.options.retry;
        let timeout = if self.has_answered.load(Ordering::Relaxed) {
            policy.retry_timeout
        } else {
            policy.unanswered_timeout.min(policy.retry_timeout)
        };
        timeout.saturating_sub(spent)
    }

    /// The longest gap between two failures of one outage, as long as calls are made.
    pub(super) fn max_outage_gap(&self) -> Duration {
        self.options.timeout + self.options.retry.max_backoff
    }

    /// How long to wait before the next attempt, or why there is none.
    pub(super) fn next_wait(
        &self,
        error: &Error,
        attempt: u32,
        spent: Duration,
    ) -> Result<Duration, StopReason> {
        let policy = &self.options.retry;
        let has_answered = self.has_answered.load(Ordering::Relaxed);
        // In an outage the time that a call waited for its permit counts, too.
        let outage = lock(&self.outage).duration();
        let left = self.time_left(spent.max(outage));
        let cannot_connect =
            matches!(error, Error::Connect(_) | Error::Proxy { .. }) && !has_answered;
        if cannot_connect && attempt >= policy.unanswered_attempts {
            return Err(StopReason::NeverAnswered);
        }
        if left.is_zero() {
            return Err(match has_answered {
                false => StopReason::NeverAnswered,
                true if self.time_left(outage).is_zero() => StopReason::Outage,
                true => StopReason::RetryTimeout,
            });
        }
        if policy.uses_budget(attempt) {
            let answers = self.answers.load(Ordering::Relaxed);
            let budget = policy.retry_budget.saturating_add(2 * answers);
            if self.budgeted_retries.load(Ordering::Relaxed) >= budget {
                return Err(StopReason::RetryBudget);
            }
            self.budgeted_retries.fetch_add(1, Ordering::Relaxed);
        }
        let backoff = policy.backoff(attempt, lock(&self.rng).f64());
        match error.retry_after() {
            Some(wait) if wait > left => Err(StopReason::RetryAfterTooLong),
            Some(wait) => Ok(backoff.max(wait)),
            None => Ok(backoff.max(self.rate_limiter.pause_left()).min(left)),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
