//! Injected faults: at random, at given requests, or under a condition.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::behaviour::answer_form::CodePlace;
use crate::behaviour::when::{Facts, When};
use crate::draw::{Subject, draw, hits};

/// The requests that fail, and how. Requests are numbered from 1.
///
/// ```
/// use kapture_sandbox::{FaultKind, Faults};
///
/// let scheduled = Faults::scheduled([(2, FaultKind::Status500)]);
/// assert_eq!(scheduled.at(1), None);
/// assert_eq!(scheduled.at(2), Some(FaultKind::Status500));
///
/// let tenth = Faults::random(0.1, FaultKind::passing(), 1);
/// let hit = (1..=10_000).filter(|number| tenth.at(*number).is_some()).count();
/// assert!((900..1_100).contains(&hit));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The share of requests (0 to 1) that fail at random.
    pub rate: f64,
    /// The faults to draw from.
    pub kinds: Vec<FaultKind>,
    /// The seed of the draws.
    pub seed: u64,
    /// Requests that fail in any case, by number.
    pub schedule: BTreeMap<u64, FaultKind>,
    /// Requests that fail under a condition; the first condition that holds counts. Scheduled and
    /// random faults take precedence.
    pub rules: Vec<(When, FaultKind)>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// 500 with an HTML page.
    Status500,
    /// 502 with a gateway's HTML page.
    BadGatewayHtml502,
    /// 503 without a body.
    Unavailable503,
    /// 504 with a gateway's HTML page.
    GatewayTimeout504,
    /// 429.
    TooManyRequests429 {
        /// The `Retry-After` header, verbatim: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// 200 with an HTML login page.
    LoginPage,
    /// 302 to a login page on another host.
    LoginRedirect,
    /// 200 with half of the JSON text, complete as an HTTP message.
    CutText,
    /// The connection ends after half of the promised body.
    Truncated,
    /// The connection is closed without an answer.
    Reset,
    /// The body is sent in pieces, with a pause before each.
    SlowBody {
        /// Number of pieces, at least 1.
        pieces: u32,
        /// Time before each piece.
        pause: Duration,
    },
    /// The request is accepted and never answered.
    Stall,
    /// 200 with `{"message":"<sentence>","status":"failed"}`. Placeholders as in
    /// [`EmptyForm`](crate::EmptyForm).
    Failed(String),
    /// 200 with a failure that has an error code of the vendor's older pages.
    Coded(ErrorCode, CodePlace),
    /// Any other status, with an HTML page.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, verbatim: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// 200 without a body.
    EmptyBody,
}

/// A failure with an error code of the vendor's older pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `AuthKeyInvalid`: the token is wrong.
    AuthKeyInvalid,
    /// `APIExpired`: the key has passed its expiry date.
    ApiExpired,
    /// `ServerFailure`: a failure that may be transient.
    ServerFailure,
    /// `ReqFieldMissing`: this field is absent or blank.
    ReqFieldMissing(String),
}

impl ErrorCode {
    /// The code in the server's spelling.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthKeyInvalid => "AuthKeyInvalid",
            Self::ApiExpired => "APIExpired",
            Self::ServerFailure => "ServerFailure",
            Self::ReqFieldMissing(_) => "ReqFieldMissing",
        }
    }

    /// The sentence that belongs to it.
    pub fn sentence(&self) -> String {
        match self {
            Self::AuthKeyInvalid => "Invalid Auth Key".into(),
            Self::ApiExpired => "API Request is Expired".into(),
            Self::ServerFailure => "Server failure, please try after some time".into(),
            Self::ReqFieldMissing(field) => format!("{field} is either null or blank"),
        }
    }
}

/// A fault that needs a socket; see [`Reply::fault`](crate::Reply::fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Send half of the body under the full `Content-Length`, then close the connection.
    Truncated,
    /// Close the connection without an answer.
    Reset,
    /// Send the body in pieces.
    Slow {
        /// Number of pieces, at least 1.
        pieces: u32,
        /// Time before each piece.
        pause: Duration,
    },
    /// Never answer.
    Stall,
}

impl FaultKind {
    /// Faults that look transient to a client and demand no long wait.
    pub fn passing() -> Vec<Self> {
        vec![
            Self::Status500,
            Self::BadGatewayHtml502,
            Self::Unavailable503,
            Self::GatewayTimeout504,
            Self::TooManyRequests429 {
                retry_after: Some("0".into()),
            },
            Self::TooManyRequests429 { retry_after: None },
            Self::LoginPage,
            Self::CutText,
            Self::Truncated,
            Self::Reset,
            Self::Failed("Something went wrong, please try again later".into()),
            Self::EmptyBody,
        ]
    }
}

impl Faults {
    /// No faults.
    pub fn none() -> Self {
        Self {
            rate: 0.0,
            kinds: Vec::new(),
            seed: 0,
            schedule: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    /// The share `rate` (0 to 1) of the requests fails in one of `kinds`, drawn by `seed`.
    pub fn random(rate: f64, kinds: impl Into<Vec<FaultKind>>, seed: u64) -> Self {
        Self {
            rate,
            kinds: kinds.into(),
            seed,
            ..Self::none()
        }
    }

    /// Only the requests with these numbers (the first is 1) fail.
    pub fn scheduled(schedule: impl IntoIterator<Item = (u64, FaultKind)>) -> Self {
        Self {
            schedule: schedule.into_iter().collect(),
            ..Self::none()
        }
    }

    /// The requests for which a condition holds fail; the first condition that holds counts.
    pub fn when(rules: impl IntoIterator<Item = (When, FaultKind)>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            ..Self::none()
        }
    }

    /// The fault of this request.
    pub(crate) fn strike(&self, facts: &Facts) -> Option<FaultKind> {
        self.at(facts.number).or_else(|| {
            let (_, kind) = self.rules.iter().find(|(when, _)| when.holds(facts))?;
            Some(kind.clone())
        })
    }

    /// The scheduled or random fault of request `number`.
    pub fn at(&self, number: u64) -> Option<FaultKind> {
        if let Some(kind) = self.schedule.get(&number) {
            return Some(kind.clone());
        }
        if self.kinds.is_empty() || !hits(self.rate, draw(self.seed, Subject::Fault, number)) {
            return None;
        }
        let choice =
            draw(self.seed.wrapping_add(1), Subject::Fault, number) % self.kinds.len() as u64;
        Some(self.kinds[choice as usize].clone())
    }
}
