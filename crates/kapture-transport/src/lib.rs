#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Token`] and [`TenantUrl`]: what opens the API and where it stands.
//! - [`Transport`]: one HTTP exchange; [`HttpTransport`] makes it over reqwest (feature `http`),
//!   `MockTransport` pretends (feature `mock`).
//! - [`Client`]: a transport with token, limits, retries and understanding.
//! - [`Error`]: everything that can go wrong, and whether asking again can help.

mod classify;
mod client;
mod error;
#[cfg(feature = "http")]
mod http;
mod retry;
mod tenant_url;
mod throttle;
mod token;
mod transport;

pub use client::{CallPolicy, Client, ClientOptions, ClientStats, RefusalPolicy, RetryNotice};
pub use error::{Error, Refusal, StopReason};
#[cfg(feature = "http")]
pub use http::{HttpOptions, HttpSetupError, HttpTransport};
pub use retry::RetryPolicy;
pub use tenant_url::{Endpoint, TenantUrl, TenantUrlError};
pub use token::{Token, TokenError};
#[cfg(any(test, feature = "mock"))]
pub use transport::MockTransport;
pub use transport::{Request, Response, Transport, TransportError};
