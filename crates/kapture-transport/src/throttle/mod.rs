//! How fast the server is asked: both limits are learnt from its answers.
//!
//! - [`rate_limiter`]: when the next attempt may start.
//! - [`rate_controller`]: how many requests a second the server accepts, learnt from HTTP 429.
//! - [`adaptive_semaphore`]: how many calls are in flight.
//! - [`concurrency_controller`]: how many of them the server copes with, learnt from latency and failures.
//! - [`cubic`]: the growth function of both controllers (RFC 9438).

mod adaptive_semaphore;
mod concurrency_controller;
mod cubic;
mod rate_controller;
mod rate_limiter;

pub(crate) use adaptive_semaphore::{AdaptiveSemaphore, Permit};
pub(crate) use rate_limiter::RateLimiter;
