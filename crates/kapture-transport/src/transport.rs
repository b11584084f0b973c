//! One HTTP exchange, and nothing more.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::Token;

/// One HTTP exchange: a request goes out, a response or the reason for none comes back.
///
/// A status other than 2xx is a response, not an error. Retries, limits and the meaning of a
/// body are the [`Client`](crate::Client)'s business.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` once. Dropping the future gives the exchange up.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// A `POST` with a JSON body.
///
/// `Debug` shows neither the token nor what is asked for, which may name persons.
#[derive(Clone)]
pub struct Request {
    /// The full address.
    pub url: Url,
    /// Goes into the `Authorization` header.
    pub token: Token,
    /// The JSON body.
    pub body: Bytes,
    /// The longest the whole exchange may take, body included.
    pub timeout: Duration,
    /// The cookies of earlier exchanges are dropped first: the session they stand for has ended.
    pub new_session: bool,
}

/// What a server answered, whatever it means.
///
/// `Debug` does not show the body, which may hold customers.
#[derive(Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as it came.
    pub retry_after: Option<String>,
    /// The whole body, decompressed.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url.as_str())
            .field("token", &self.token)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Why no whole response came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: name not found, refused, unreachable.
    #[error("no connection: {0}")]
    Connect(String),
    /// The other side could not prove who it is, or speaks no TLS.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// Nothing, or not everything, within the time allowed.
    #[error("no whole answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection broke before the answer was whole.
    #[error("the connection broke off: {0}")]
    Broken(String),
    /// More than the limit, after decompression.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}
