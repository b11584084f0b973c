//! Why a call brought no customers.

mod kind;
mod refusal;
mod stop_reason;

use std::time::Duration;

use kapture_model::sanitize;

pub use kind::ErrorKind;
pub use refusal::Refusal;
pub use stop_reason::StopReason;

use crate::token::Token;
use crate::transport::TransportError;

/// Why a call brought no customers. Programs match on its [`kind`](Error::kind).
///
/// No variant carries any part of a customer or of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token is missing, wrong, expired or disabled. Not retried, except in a run in which
    /// calls were answered before: then a session may have ended.
    #[error("the server refuses the token: {0}")]
    Unauthorized(Refusal),
    /// The token is valid, but not allowed to do this. Retried only in a run in which calls were
    /// answered before: then it is more likely a gateway that takes many requests for an attack.
    #[error("the server does not permit this: {0}")]
    Forbidden(Refusal),
    /// HTTP 404: the endpoint does not exist, or it is this server's way to say "no customers".
    /// Retried until it has repeated unchanged.
    #[error("the server found nothing at this address: {0}")]
    NotFound(Refusal),
    /// The server understood the request and answered with a failure. Retried until it has
    /// repeated unchanged.
    #[error("the server refuses the request: {0}")]
    Refused(Refusal),
    /// HTTP 429. Retried after the wait that the server asks for.
    #[error("the server asks for fewer requests")]
    RateLimited {
        /// From `Retry-After`, if it names a wait.
        wait: Option<Duration>,
    },
    /// HTTP 5xx. Retried after the wait that the server asks for.
    #[error("the server failed: {refusal}")]
    Server {
        /// The message that came with it.
        refusal: Refusal,
        /// From `Retry-After`, if it names a wait.
        wait: Option<Duration>,
    },
    /// HTTP 3xx, for example to a login page. Redirects are never followed, so that the token goes
    /// to its host alone. Retried.
    #[error("the server redirects elsewhere (HTTP status {status}) instead of answering")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// A body that is not JSON, such as a login page. Retried.
    #[error("the response is not JSON but {}", sanitize(what))]
    NotJson {
        /// What it is instead; of a web page its title, of anything else only the length. Print it
        /// through [`sanitize`](kapture_model::sanitize).
        what: String,
    },
    /// An answer that no JSON reader accepts, because of a fault in the middle of it. Retried until it
    /// has repeated at the same place.
    #[error("the response is JSON with a fault at line {line}, column {column}")]
    InvalidJson {
        /// The line of the fault, counted from 1.
        line: usize,
        /// The column of the fault in bytes, counted from 1.
        column: usize,
    },
    /// An answer with other text behind it. Retried until it has repeated at the same place.
    #[error("the response is JSON with other text behind it, at line {line}, column {column}")]
    TrailingText {
        /// The line of the other text, counted from 1.
        line: usize,
        /// The column of the other text in bytes, counted from 1.
        column: usize,
    },
    /// JSON, but not the documented envelope. Retried.
    #[error("the response is JSON, but not of the documented shape")]
    UnexpectedShape,
    /// The body is incomplete. Retried.
    #[error("the response is incomplete: the body ends early")]
    Truncated,
    /// The body has a content coding that was not requested, so it cannot be read. Retried only in a
    /// run in which calls were answered before.
    #[error("the response has the content coding “{}”, which was not requested", sanitize(.0))]
    Coding(String),
    /// A row without a usable `id`, which could be neither counted nor told from another. Not
    /// retried.
    #[error("row {row} of the response (counted from 0) has no usable id")]
    MissingId {
        /// Counted from 0 within the page.
        row: usize,
    },
    /// The body exceeds the limit. Not retried.
    #[error("the response is larger than the limit of {} MiB", limit >> 20)]
    TooLarge {
        /// In bytes, after decompression.
        limit: usize,
    },
    /// A page has more rows than are accepted. Not retried.
    #[error("the response has more than {limit} rows")]
    TooManyRows {
        /// The most rows that are accepted.
        limit: usize,
    },
    /// No complete response within the timeout. Retried.
    #[error("no complete response within {:.0} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection. Retried.
    #[error("no connection to the server: {}", sanitize(.0))]
    Connect(String),
    /// No connection through the proxy that the environment or the system names. Retried.
    #[error(
        "no connection through the proxy {}: {}",
        sanitize(proxy),
        sanitize(reason)
    )]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// What it answered, or why it cannot be reached.
        reason: String,
    },
    /// The proxy with this host and port wants a user and a password, or others. Not retried.
    #[error("the proxy {} wants a user and a password, or others than these", sanitize(.0))]
    ProxyLogin(String),
    /// The connection broke before the response was complete. Retried.
    #[error("the connection broke: {}", sanitize(.0))]
    Broken(String),
    /// TLS failed. Retried only in a run in which it worked before.
    #[error("no TLS connection to the server: {}", sanitize(.0))]
    Tls(String),
    /// The transport does not make this exchange. Not retried.
    #[error("the request was not sent: {}", sanitize(.0))]
    NotSent(String),
    /// Every attempt failed, and no more are allowed.
    #[error("gave up after {attempts} attempts in {:.0} s ({reason})", .elapsed.as_secs_f32())]
    Exhausted {
        /// How many attempts were made.
        attempts: u32,
        /// How long the attempts and the waits between them took. Waiting for a permit is not
        /// included.
        elapsed: Duration,
        /// The bound that ended the retries.
        reason: StopReason,
        /// The error of the last attempt.
        #[source]
        last: Box<Error>,
    },
}

impl Error {
    /// The server's words, if the failure may be its way to say that there are no customers.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotFound(refusal) | Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The error of the last attempt, below "gave up after …"; else the error itself.
    pub fn root(&self) -> &Error {
        match self {
            Self::Exhausted { last, .. } => last.root(),
            error => error,
        }
    }

    /// How long the server asks to wait before the next request (`Retry-After`), in its last
    /// response.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kapture_transport::Error;
    ///
    /// let error = Error::RateLimited { wait: Some(Duration::from_secs(90)) };
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        match self.root() {
            Self::RateLimited { wait } | Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether the failure looks like the end of a session: the next attempt has to begin a new
    /// one.
    pub(crate) fn may_be_an_ended_session(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden(_)
                | Self::Redirected { .. }
                | Self::NotJson { .. }
        )
    }

    /// Whether the server may be overloaded: a sign to send fewer requests at once.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(
            self,
            Self::Server { .. } | Self::Timeout(_) | Self::Forbidden(_)
        )
    }

    /// The same error without the token in the server's words.
    pub(crate) fn redacted(mut self, token: &Token) -> Self {
        match &mut self {
            Self::Unauthorized(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::Refused(refusal)
            | Self::Server { refusal, .. } => refusal.message = token.redact(&refusal.message),
            Self::NotJson { what: text }
            | Self::Connect(text)
            | Self::Broken(text)
            | Self::Coding(text)
            | Self::Tls(text)
            | Self::Proxy { reason: text, .. }
            | Self::NotSent(text) => *text = token.redact(text),
            _ => {}
        }
        self
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Connect(text) => Self::Connect(text),
            TransportError::Proxy { proxy, reason } => Self::Proxy { proxy, reason },
            TransportError::ProxyLogin(proxy) => Self::ProxyLogin(proxy),
            TransportError::Tls(text) => Self::Tls(text),
            TransportError::Timeout(after) => Self::Timeout(after),
            TransportError::Broken(text) => Self::Broken(text),
            TransportError::Coding(name) => Self::Coding(name),
            TransportError::TooLarge(limit) => Self::TooLarge { limit },
            TransportError::NotSent(text) => Self::NotSent(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &str) -> Refusal {
        Refusal {
            status: 503,
            message: message.into(),
        }
    }

    fn server(message: &str) -> Error {
        Error::Server {
            refusal: refusal(message),
            wait: None,
        }
    }

    #[test]
    fn exhausted_error_names_the_bound() {
        let exhausted = Error::Exhausted {
            attempts: 3,
            elapsed: Duration::from_secs(7),
            reason: StopReason::RetryAfterTooLong,
            last: Box::new(Error::Truncated),
        };
        assert_eq!(
            exhausted.to_string(),
            "gave up after 3 attempts in 7 s (the server asks to wait longer than the time left)"
        );
    }

    #[test]
    fn token_repeated_by_the_server_is_redacted() {
        let token = Token::from_base64("c2VjcmV0").unwrap();
        let page = Error::NotJson {
            what: "a web page titled “c2VjcmV0”".into(),
        };
        let broken = Error::Broken("GoAway(c2VjcmV0)".into());
        for error in [page, broken, server("who is c2VjcmV0?")] {
            let shown = error.redacted(&token).to_string();
            assert!(shown.contains("(redacted)") && !shown.contains("c2VjcmV0"));
        }
    }

    #[test]
    fn only_server_failures_and_timeouts_are_signs_of_overload() {
        assert!(server("").is_overload());
        assert!(Error::Timeout(Duration::from_secs(60)).is_overload());
        assert!(!Error::Refused(refusal("")).is_overload());
        assert!(!Error::Connect("refused".into()).is_overload());
        assert!(!Error::Broken("reset".into()).is_overload());
        assert!(!Error::Truncated.is_overload());
    }
}
