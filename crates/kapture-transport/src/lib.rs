#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Token`] and [`TenantUrl`]: the secret that opens the API, and its address.
//! - [`Transport`]: one HTTP exchange; [`HttpTransport`] makes it over reqwest (feature `http`),
//!   `MockTransport` is for tests (feature `mock`), and `Cassette` records exchanges and replays
//!   them (feature `cassette`).
//! - [`Client`]: reliable calls, with retries, rate limit and adaptive concurrency.
//! - [`Error`]: why a call failed, and whether asking again can help.

#[cfg(feature = "cassette")]
mod cassette;
mod classify;
mod client;
mod error;
#[cfg(feature = "http")]
mod http;
mod tenant_url;
mod throttle;
mod token;
mod transport;

#[cfg(feature = "cassette")]
pub use cassette::{Body, Cassette, CassetteError};
pub use client::{
    CallPolicy, Client, ClientOptions, ClientStats, RefusalPolicy, RetryNotice, RetryPolicy,
};
pub use error::{Error, ErrorKind, Refusal, StopReason};
#[cfg(feature = "http")]
pub use http::{HttpOptions, HttpSetupError, HttpTransport};
pub use tenant_url::{Endpoint, TenantUrl, TenantUrlError};
pub use token::{HeaderError, Token, TokenError};
#[cfg(any(test, feature = "mock"))]
pub use transport::MockTransport;
pub use transport::{Request, Response, Transport, TransportError};
// What the signatures name, and what an implementation of `Transport` needs.
pub use async_trait::async_trait;
pub use {bytes, kapture_model, secrecy, url};
