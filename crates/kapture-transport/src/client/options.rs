//! The settings of a client.

use std::time::{Duration, SystemTime};

use super::retry::RetryPolicy;
use crate::Endpoint;

/// The settings of a [`Client`](crate::Client) that have a default.
#[derive(Debug, Clone)]
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
