//! One HTTP exchange: the trait, its request and its response.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::Token;

/// One HTTP exchange: sends a request, and returns the response or why there is none.
///
/// A status other than 2xx is a response, not an error. Retries, limits and the meaning of a
/// response are up to the [`Client`](crate::Client).
///
/// A reference, a `Box` and an `Arc` of a transport are transports, too, so that one can be wrapped
/// by another or shared with a test.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` once. Dropping the future aborts the exchange.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for &T {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

/// A `POST` with a JSON body.
///
/// `Debug` shows neither the token nor the body, which may hold personal data.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The complete URL.
    pub url: Url,
    /// Sent in the `Authorization` header.
    pub token: Token,
    /// The JSON body.
    pub body: Bytes,
    /// The longest the whole exchange may take, body included.
    pub timeout: Duration,
    /// Whether the cookies of earlier exchanges are dropped first, because their session has ended.
    pub new_session: bool,
}

/// The response of a server, whatever it means.
///
/// `Debug` does not show the body, which may hold customers.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header: seconds, or a date. A transport that knows the `Date` of the
    /// response turns a date into seconds.
    pub retry_after: Option<String>,
    /// The whole body, decompressed.
    pub body: Bytes,
}

impl Request {
    /// A request of a running session, with a timeout of 60 s: for tests of transports.
    pub fn new(url: Url, token: Token, body: impl Into<Bytes>) -> Self {
        Self {
            url,
            token,
            body: body.into(),
            timeout: Duration::from_secs(60),
            new_session: false,
        }
    }
}

impl Response {
    /// A response without `Retry-After`.
    ///
    /// ```
    /// use kapture_transport::Response;
    ///
    /// let response = Response::new(200, r#"{"message":[],"status":"success"}"#);
    /// assert_eq!(response.retry_after, None);
    /// ```
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            retry_after: None,
            body: body.into(),
        }
    }

    /// The same response with a `Retry-After` header.
    #[must_use]
    pub fn with_retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// What it means, as a client takes it: for tests of what is built on a client, without a client.
    ///
    /// # Errors
    /// The error of an attempt that is answered so.
    #[cfg(any(test, feature = "mock"))]
    pub fn meaning(self) -> Result<Vec<kapture_model::Record>, crate::Error> {
        crate::classify::classify(self, std::time::SystemTime::now())
    }
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

/// Why there is no complete response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: the name is unknown, or the port is closed or unreachable.
    #[error("no connection: {0}")]
    Connect(String),
    /// No connection through the proxy that the environment or the system names.
    #[error("no connection through the proxy {proxy}: {reason}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// What it answered, or why it cannot be reached.
        reason: String,
    },
    /// The proxy with this host and port wants a user and a password, or others.
    #[error("the proxy {0} wants a user and a password, or others than these")]
    ProxyLogin(String),
    /// TLS failed: the certificate is not trusted, or the other side does not speak TLS.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// No complete response within the timeout.
    #[error("no complete response within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection broke before the response was complete.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The body has a content coding that was not requested.
    #[error("the response has the content coding `{0}`, which was not requested")]
    Coding(String),
    /// The body exceeds the limit, in bytes after decompression.
    #[error("the response is larger than {0} bytes")]
    TooLarge(usize),
    /// The transport does not make this exchange, however often it is asked.
    #[error("not sent: {0}")]
    NotSent(String),
}
