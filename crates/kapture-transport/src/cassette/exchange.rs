//! One line of a cassette.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kapture_model::Answer;
use serde::{Deserialize, Serialize};

use crate::Token;
use crate::transport::{Response, TransportError};

/// One exchange as a cassette stores it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// The path of the URL: the host names the tenant.
    pub(super) path: String,
    pub(super) request: StoredBody,
    /// How long the exchange took, in milliseconds.
    millis: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Response {
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
        body: StoredBody,
    },
    Connect(String),
    Proxy {
        proxy: String,
        reason: String,
    },
    ProxyLogin(String),
    Tls(String),
    /// The timeout in milliseconds. A replay runs into the timeout of its own request.
    Timeout(u64),
    Broken(String),
    Coding(String),
    TooLarge(usize),
    NotSent(String),
}

/// A body: text where it is UTF-8, else base64.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum StoredBody {
    Text(String),
    Binary { base64: String },
}

impl StoredBody {
    /// A body whose text went through `redact`; bytes that are not UTF-8 stay.
    pub(super) fn new(body: &[u8], redact: impl Fn(&str) -> String) -> Self {
        match str::from_utf8(body) {
            Ok(text) => Self::Text(redact(text)),
            Err(_) => {
                let mut redacted = Vec::with_capacity(body.len());
                for chunk in body.utf8_chunks() {
                    redacted.extend_from_slice(redact(chunk.valid()).as_bytes());
                    redacted.extend_from_slice(chunk.invalid());
                }
                Self::Binary {
                    base64: STANDARD.encode(redacted),
                }
            }
        }
    }

    fn bytes(&self) -> Result<Bytes, TransportError> {
        match self {
            Self::Text(text) => Ok(text.clone().into()),
            Self::Binary { base64 } => STANDARD.decode(base64).map(Bytes::from).map_err(|_| {
                TransportError::NotSent("a body of the cassette is not base64".into())
            }),
        }
    }
}

impl Exchange {
    /// The outcome of `request` that took `elapsed`.
    pub(super) fn new(
        path: String,
        request: StoredBody,
        elapsed: Duration,
        outcome: &Result<Response, TransportError>,
        token: &Token,
    ) -> Self {
        Self {
            path,
            request,
            millis: millis(elapsed),
            outcome: Outcome::new(outcome, token),
        }
    }

    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// What the request of a replay with this timeout gets.
    pub(super) fn replay(self, timeout: Duration) -> Result<Response, TransportError> {
        Err(match self.outcome {
            Outcome::Response {
                status,
                retry_after,
                body,
            } => {
                return Ok(Response {
                    status,
                    retry_after,
                    body: body.bytes()?,
                });
            }
            Outcome::Connect(text) => TransportError::Connect(text),
            Outcome::Proxy { proxy, reason } => TransportError::Proxy { proxy, reason },
            Outcome::ProxyLogin(proxy) => TransportError::ProxyLogin(proxy),
            Outcome::Tls(text) => TransportError::Tls(text),
            Outcome::Timeout(_) => TransportError::Timeout(timeout),
            Outcome::Broken(text) => TransportError::Broken(text),
            Outcome::Coding(name) => TransportError::Coding(name),
            Outcome::TooLarge(limit) => TransportError::TooLarge(limit),
            Outcome::NotSent(text) => TransportError::NotSent(text),
        })
    }
}

impl Outcome {
    fn new(outcome: &Result<Response, TransportError>, token: &Token) -> Self {
        let redacted = |text: &String| token.redact(text);
        match outcome {
            Ok(response) => Self::Response {
                status: response.status,
                retry_after: response.retry_after.as_ref().map(redacted),
                body: redacted_body(&response.body, token),
            },
            Err(TransportError::Connect(text)) => Self::Connect(redacted(text)),
            Err(TransportError::Proxy { proxy, reason }) => Self::Proxy {
                proxy: redacted(proxy),
                reason: redacted(reason),
            },
            Err(TransportError::ProxyLogin(proxy)) => Self::ProxyLogin(redacted(proxy)),
            Err(TransportError::Tls(text)) => Self::Tls(redacted(text)),
            Err(TransportError::Timeout(timeout)) => Self::Timeout(millis(*timeout)),
            Err(TransportError::Broken(text)) => Self::Broken(redacted(text)),
            Err(TransportError::Coding(name)) => Self::Coding(redacted(name)),
            Err(TransportError::TooLarge(limit)) => Self::TooLarge(*limit),
            Err(TransportError::NotSent(text)) => Self::NotSent(redacted(text)),
        }
    }
}

/// A response body without the token. A password may be a number or a word that customers have, so
/// it is redacted only where the body is not customers.
fn redacted_body(body: &Bytes, token: &Token) -> StoredBody {
    let is_customers = matches!(Answer::decode(body.clone()), Ok(Answer::Customers(_)));
    StoredBody::new(body, |text| match is_customers {
        true => token.redact_encoded(text),
        false => token.redact(text),
    })
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
