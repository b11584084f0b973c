//! What can go wrong with a call, in the words of the API and its users.

use std::time::Duration;

use crate::token::Token;
use crate::transport::TransportError;
use kapture_model::sanitize;

/// A failure in the server's own words.
///
/// The API answers failures with HTTP 200 as readily as with an error status, so the two belong
/// together: `status` is the HTTP status, `message` the sentence of the body, empty if there was none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The sentence, unchanged. Print it through [`sanitize`](kapture_model::sanitize).
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.message.trim().is_empty() {
            write!(f, "no message, HTTP status {}", self.status)
        } else {
            write!(
                f,
                "“{}” (HTTP status {})",
                sanitize(&self.message),
                self.status
            )
        }
    }
}

/// Why a call brought no customers.
///
/// No variant carries any part of a customer or of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token is missing, wrong, expired or disabled. Never tried again.
    #[error("the server refuses the token: {0}")]
    Unauthorized(Refusal),
    /// The token is known, but may not do this. Tried again only in a run in which it was allowed
    /// before: then it is more likely a gateway that takes many requests for an attack.
    #[error("the server does not permit this: {0}")]
    Forbidden(Refusal),
    /// HTTP 404: this endpoint does not exist here, or the server's way to say "no customers".
    /// Tried again until it repeats unchanged.
    #[error("the server knows nothing under this address: {0}")]
    NotFound(Refusal),
    /// The server understood and answered with a failure. Tried again until it repeats unchanged.
    #[error("the server refuses the request: {0}")]
    Refused(Refusal),
    /// HTTP 429. Tried again after the wait that the server asks for.
    #[error("the server asks for fewer requests")]
    RateLimited {
        /// From `Retry-After`, where that asks for any.
        wait: Option<Duration>,
    },
    /// HTTP 5xx. Tried again, after the wait that the server asks for.
    #[error("the server failed: {refusal}")]
    Server {
        /// What it said.
        refusal: Refusal,
        /// From `Retry-After`, where that asks for any.
        wait: Option<Duration>,
    },
    /// HTTP 3xx, as to a login page; never followed, so that the token goes to its host alone.
    /// Tried again.
    #[error("the server redirects elsewhere (HTTP status {status}) instead of answering")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// A body that is not JSON, such as a login page. Tried again.
    #[error("the answer is not JSON but {}", sanitize(what))]
    NotJson {
        /// What it looks like instead; for a page its title, never a part of anything else. Print
        /// it through [`sanitize`](kapture_model::sanitize).
        what: String,
    },
    /// JSON, but not the documented envelope. Tried again.
    #[error("the answer is JSON, but not of the documented shape")]
    UnexpectedShape,
    /// The body ends early. Tried again.
    #[error("the answer ends before it is complete")]
    Truncated,
    /// A row without a usable `id`: it could be neither counted nor told from another. Never tried again.
    #[error("row {row} of the answer (counted from 0) has no usable id")]
    MissingId {
        /// Counted from 0 within the page.
        row: usize,
    },
    /// The body exceeds the limit. Never tried again.
    #[error("the answer is larger than the limit of {} MiB", limit >> 20)]
    TooLarge {
        /// In bytes, after decompression.
        limit: usize,
    },
    /// A page has more rows than any that was asked for. Never tried again.
    #[error("the answer has more than {limit} rows")]
    TooManyRows {
        /// The most that are accepted.
        limit: usize,
    },
    /// No whole answer in time. Tried again.
    #[error("no whole answer within {:.0} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection. Tried again.
    #[error("no connection to the server: {}", sanitize(.0))]
    Connect(String),
    /// The connection broke while the answer came. Tried again.
    #[error("the connection broke off: {}", sanitize(.0))]
    Broken(String),
    /// The server could not prove who it is. Tried again only in a run in which it did before.
    #[error("no secure connection to the server: {}", sanitize(.0))]
    Tls(String),
    /// Every try failed, and no more are allowed.
    #[error("gave up after {attempts} attempts in {:.0} s ({reason})", .elapsed.as_secs_f32())]
    Exhausted {
        /// How often it was tried.
        attempts: u32,
        /// How long its attempts took, and the waits between them. Waiting for a turn is no part of it.
        elapsed: Duration,
        /// Which bound was met.
        reason: StopReason,
        /// What the last attempt met.
        #[source]
        last: Box<Error>,
    },
}

/// The bound that ended the attempts of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The server has never answered in this run.
    NeverAnswered,
    /// The time for one call is used up. Others may be answered.
    RetryTimeout,
    /// No call was answered for as long as that.
    Outage,
    /// The server asks to wait longer than the time that is left.
    RetryAfterTooLong,
    /// The run's budget of retries is used up: more goes wrong than right.
    RetryBudget,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NeverAnswered => "the server has not answered once",
            Self::RetryTimeout => "the time for retries is used up",
            Self::Outage => {
                "the server has answered nothing for as long as one request may be retried"
            }
            Self::RetryAfterTooLong => "the server asks to wait longer than the time left",
            Self::RetryBudget => "the retries allowed for one run are used up",
        })
    }
}

impl Error {
    /// Whether asking again is of no use: the same question gets the same answer.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden(_)
                | Self::MissingId { .. }
                | Self::TooLarge { .. }
                | Self::TooManyRows { .. }
                | Self::Tls(_)
        )
    }

    /// Whether the failure looks like the end of a session: the next attempt is to begin a new one.
    pub(crate) fn may_be_an_ended_session(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden(_)
                | Self::Redirected { .. }
                | Self::NotJson { .. }
        )
    }

    /// The server's words, where the failure may be its way to say that there are no customers.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotFound(refusal) | Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// How long the server asks to wait.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait } | Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The failure itself, below "gave up after …".
    pub fn root(&self) -> &Error {
        match self {
            Self::Exhausted { last, .. } => last.root(),
            error => error,
        }
    }

    /// The same, without the token in anything that the server said.
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
            | Self::Tls(text) => *text = token.redact(text),
            _ => {}
        }
        self
    }

    /// Whether the server perhaps could not cope with what was asked at once.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(
            self,
            Self::Server { .. } | Self::Timeout(_) | Self::Forbidden(_)
        )
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Connect(text) => Self::Connect(text),
            TransportError::Tls(text) => Self::Tls(text),
            TransportError::Timeout(after) => Self::Timeout(after),
            TransportError::Broken(text) => Self::Broken(text),
            TransportError::TooLarge(limit) => Self::TooLarge { limit },
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
    fn an_error_quotes_the_server_and_says_when_it_said_nothing() {
        assert_eq!(refusal("Busy").to_string(), "“Busy” (HTTP status 503)");
        assert_eq!(refusal(" ").to_string(), "no message, HTTP status 503");
    }

    #[test]
    fn giving_up_says_which_bound_was_met() {
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
    fn a_token_that_the_server_repeats_is_shown_nowhere() {
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

    /// A server that is slow or fails may be asked for too much at once; a broken line is no sign of it.
    #[test]
    fn only_failing_and_not_answering_in_time_are_signs_of_overload() {
        assert!(server("").is_overload());
        assert!(Error::Timeout(Duration::from_secs(60)).is_overload());
        assert!(!Error::Refused(refusal("")).is_overload());
        assert!(!Error::Connect("refused".into()).is_overload());
        assert!(!Error::Broken("reset".into()).is_overload());
        assert!(!Error::Truncated.is_overload());
    }
}
