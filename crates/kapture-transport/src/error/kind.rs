//! The kinds of errors, for programs that decide what to do next.

use super::Error;

/// What kind of failure an [`Error`] is.
///
/// Programs match on the kind; the error itself has the details and the words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The token is missing, wrong, expired or disabled.
    Unauthorized,
    /// The token is valid, but not allowed to do this; or a gateway blocks the request.
    Forbidden,
    /// HTTP 404: the endpoint does not exist, or it is this server's way to say "no customers".
    NotFound,
    /// The server answered with a failure in its own words.
    Refused,
    /// HTTP 429: too many requests.
    RateLimited,
    /// HTTP 5xx, or another status that asks for the same request again.
    Server,
    /// A redirect, which is never followed.
    Redirected,
    /// A response that is not the documented one: another format, an incomplete body, or a row
    /// without an id.
    UnexpectedResponse,
    /// A body with more bytes or rows than are accepted.
    TooLarge,
    /// No complete response within the timeout.
    Timeout,
    /// No connection: the name is unknown, or the port is closed or unreachable.
    Connect,
    /// No connection through a proxy.
    Proxy,
    /// The connection broke before the response was complete.
    ConnectionLost,
    /// TLS failed: the certificate is not trusted, or the other side does not speak TLS.
    Tls,
    /// The transport does not make this exchange.
    NotSent,
    /// The retries are used up. [`Error::root`] is the error of the last attempt.
    Exhausted,
}

impl Error {
    /// What kind of failure this is.
    ///
    /// ```
    /// use kapture_transport::{Error, ErrorKind, StopReason};
    ///
    /// let error = Error::Exhausted {
    ///     attempts: 8,
    ///     elapsed: std::time::Duration::from_secs(16),
    ///     reason: StopReason::NeverAnswered,
    ///     last: Box::new(Error::Connect("connection refused".into())),
    /// };
    /// assert_eq!(error.kind(), ErrorKind::Exhausted);
    /// assert_eq!(error.root().kind(), ErrorKind::Connect);
    /// assert!(!error.is_permanent());
    /// ```
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthorized(_) => ErrorKind::Unauthorized,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Refused(_) => ErrorKind::Refused,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Server { .. } => ErrorKind::Server,
            Self::Redirected { .. } => ErrorKind::Redirected,
            Self::NotJson { .. }
            | Self::InvalidJson { .. }
            | Self::TrailingText { .. }
            | Self::Coding(_)
            | Self::UnexpectedShape
            | Self::Truncated
            | Self::MissingId { .. } => ErrorKind::UnexpectedResponse,
            Self::TooLarge { .. } | Self::TooManyRows { .. } => ErrorKind::TooLarge,
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Connect(_) => ErrorKind::Connect,
            Self::Proxy { .. } | Self::ProxyLogin(_) => ErrorKind::Proxy,
            Self::Broken(_) => ErrorKind::ConnectionLost,
            Self::Tls(_) => ErrorKind::Tls,
            Self::NotSent(_) => ErrorKind::NotSent,
            Self::Exhausted { .. } => ErrorKind::Exhausted,
        }
    }

    /// Whether asking again is of no use: the same request will fail in the same way until the
    /// token, the permissions, the certificates or the data change.
    ///
    /// `false` for a refusal ([`Error::refusal`]): servers report short outages in the same way.
    /// An [`Error::Exhausted`] is as permanent as the error of its last attempt.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.root(),
            Self::Unauthorized(_)
                | Self::Forbidden(_)
                | Self::MissingId { .. }
                | Self::TooLarge { .. }
                | Self::TooManyRows { .. }
                | Self::Coding(_)
                | Self::ProxyLogin(_)
                | Self::Tls(_)
                | Self::NotSent(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Refusal, StopReason};

    fn errors() -> Vec<(Error, ErrorKind, bool)> {
        let refusal = || Refusal {
            status: 400,
            message: String::new(),
        };
        let (wait, limit) = (None, 1);
        vec![
            (
                Error::Unauthorized(refusal()),
                ErrorKind::Unauthorized,
                true,
            ),
            (Error::Forbidden(refusal()), ErrorKind::Forbidden, true),
            (Error::NotFound(refusal()), ErrorKind::NotFound, false),
            (Error::Refused(refusal()), ErrorKind::Refused, false),
            (Error::RateLimited { wait }, ErrorKind::RateLimited, false),
            (
                Error::Server {
                    refusal: refusal(),
                    wait,
                },
                ErrorKind::Server,
                false,
            ),
            (
                Error::Redirected { status: 302 },
                ErrorKind::Redirected,
                false,
            ),
            (
                Error::NotJson {
                    what: String::new(),
                },
                ErrorKind::UnexpectedResponse,
                false,
            ),
            (
                Error::TrailingText { line: 1, column: 1 },
                ErrorKind::UnexpectedResponse,
                false,
            ),
            (Error::UnexpectedShape, ErrorKind::UnexpectedResponse, false),
            (Error::Truncated, ErrorKind::UnexpectedResponse, false),
            (
                Error::MissingId { row: 0 },
                ErrorKind::UnexpectedResponse,
                true,
            ),
            (Error::TooLarge { limit }, ErrorKind::TooLarge, true),
            (Error::TooManyRows { limit }, ErrorKind::TooLarge, true),
            (Error::Timeout(Duration::ZERO), ErrorKind::Timeout, false),
            (Error::Connect(String::new()), ErrorKind::Connect, false),
            (
                Error::Proxy {
                    proxy: String::new(),
                    reason: String::new(),
                },
                ErrorKind::Proxy,
                false,
            ),
            (Error::ProxyLogin(String::new()), ErrorKind::Proxy, true),
            (
                Error::Broken(String::new()),
                ErrorKind::ConnectionLost,
                false,
            ),
            (Error::Tls(String::new()), ErrorKind::Tls, true),
            (Error::NotSent(String::new()), ErrorKind::NotSent, true),
        ]
    }

    #[test]
    fn each_error_has_a_kind_and_says_whether_it_is_permanent() {
        for (error, kind, is_permanent) in errors() {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert_eq!(error.is_permanent(), is_permanent, "{error:?}");
        }
    }

    #[test]
    fn exhausted_error_is_as_permanent_as_its_last_attempt() {
        for (error, _, is_permanent) in errors() {
            let exhausted = Error::Exhausted {
                attempts: 2,
                elapsed: Duration::ZERO,
                reason: StopReason::RetryTimeout,
                last: Box::new(error),
            };
            assert_eq!(exhausted.kind(), ErrorKind::Exhausted);
            assert_eq!(exhausted.is_permanent(), is_permanent, "{exhausted:?}");
        }
    }
}
