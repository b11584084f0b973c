//! The settings of a client.

use std::time::{Duration, SystemTime};

use super::retry::RetryPolicy;
use crate::Endpoint;

/// The settings of a [`Client`](crate::Client) that have a default.
///
/// ```
/// use kapture_transport::{ClientOptions, RetryPolicy};
/// use std::time::Duration;
///
/// let options = ClientOptions::default()
///     .requests_per_second(5.0)
///     .retry(RetryPolicy::default().retry_timeout(Duration::from_secs(60)));
/// assert_eq!(options.concurrency, 16);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Which of the two documented paths is used.
    pub endpoint: Endpoint,
    /// The longest one exchange may take, body included. Default 60 s.
    pub timeout: Duration,
    /// The most calls in flight. The client finds out how many the server copes with, up to this
    /// bound. Default 16.
    pub concurrency: usize,
    /// The most attempts a second, if bounded. The client finds out what rate the server accepts,
    /// up to this bound.
    pub requests_per_second: Option<f64>,
    /// When to retry, and for how long.
    pub retry: RetryPolicy,
    /// The time of day, for a `Retry-After` that names a date.
    pub wall_clock: fn() -> SystemTime,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::default(),
            timeout: Duration::from_secs(60),
            concurrency: 16,
            requests_per_second: None,
            retry: RetryPolicy::default(),
            wall_clock: SystemTime::now,
            seed: fastrand::u64(..),
        }
    }
}

impl ClientOptions {
    /// Sets [`endpoint`](#structfield.endpoint).
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Sets [`timeout`](#structfield.timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`concurrency`](#structfield.concurrency).
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls;
        self
    }

    /// Sets [`requests_per_second`](#structfield.requests_per_second).
    #[must_use]
    pub fn requests_per_second(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.requests_per_second = rate.into();
        self
    }

    /// Sets [`retry`](#structfield.retry).
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets [`wall_clock`](#structfield.wall_clock).
    #[must_use]
    pub fn wall_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.wall_clock = clock;
        self
    }

    /// Sets [`seed`](#structfield.seed).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}
