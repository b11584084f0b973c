#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Token`] and [`Site`]: what opens the API and where it stands.
//! - [`Transport`]: one HTTP exchange; [`HttpTransport`] makes it over reqwest (feature `http`),
//!   `MockTransport` pretends (feature `mock`).
//! - [`Client`]: a transport with token, limits, retries and understanding.
//! - [`Error`]: everything that can go wrong, and whether asking again can help.

mod classify;
mod client;
mod concurrency;
mod cubic;
mod error;
#[cfg(feature = "http")]
mod http;
mod limit;
mod pace;
mod quoted;
mod rate;
mod retry;
mod site;
mod token;
mod transport;

pub use client::{Client, ClientOptions, Traffic, Waiting};
pub use error::{Bound, Error, Refusal};
#[cfg(feature = "http")]
pub use http::{HttpOptions, HttpSetupError, HttpTransport};
pub use quoted::quoted;
pub use retry::RetryPolicy;
pub use site::{Endpoint, Site, SiteError};
pub use token::{Token, TokenError};
#[cfg(any(test, feature = "mock"))]
pub use transport::MockTransport;
pub use transport::{Request, Response, Transport, TransportError};
