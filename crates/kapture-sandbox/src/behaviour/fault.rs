//! What goes wrong: at random at a given rate, or at given requests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::behaviour::answer_form::CodePlace;
use crate::behaviour::when::{Facts, When};
use crate::draw::{Subject, draw, hits};

/// Which requests go wrong, and how. Requests are numbered from 1.
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
    /// The share of requests (0 to 1) that go wrong at random.
    pub rate: f64,
    /// What may happen to them; one is drawn for each.
    pub kinds: Vec<FaultKind>,
    /// Decides which requests are hit, and by what.
    pub seed: u64,
    /// Requests that go wrong in any case, by number.
    pub schedule: BTreeMap<u64, FaultKind>,
    /// Requests that go wrong under a condition; the first that holds counts. Scheduled and random
    /// faults go first.
    pub rules: Vec<(When, FaultKind)>,
}

/// One way in which an answer goes wrong.
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
        /// The `Retry-After` header, word for word: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// 200 with an HTML login page.
    LoginPage,
    /// 302 to a login page on another host.
    LoginRedirect,
    /// 200 with the text `{"message":…` broken off in the middle, in good order for HTTP.
    CutText,
    /// The connection ends after half of the promised body.
    Truncated,
    /// The connection is closed without an answer.
    Reset,
    /// The body arrives in this many pieces, with a pause before each.
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
        /// The `Retry-After` header, word for word: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// 200 without a body.
    EmptyBody,
}

/// A failure that the vendor's older pages give a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `AuthKeyInvalid`: the token is wrong.
    AuthKeyInvalid,
    /// `APIExpired`: the key has passed its expiry date.
    ApiExpired,
    /// `ServerFailure`: trouble that may pass.
    ServerFailure,
    /// `ReqFieldMissing`: this field is absent or blank.
    ReqFieldMissing(String),
}

impl ErrorCode {
    /// The code as the server spells it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthKeyInvalid => "AuthKeyInvalid",
            Self::ApiExpired => "APIExpired",
            Self::ServerFailure => "ServerFailure",
            Self::ReqFieldMissing(_) => "ReqFieldMissing",
        }
    }

    /// The sentence that goes with it.
    pub fn sentence(&self) -> String {
        match self {
            Self::AuthKeyInvalid => "Invalid Auth Key".into(),
            Self::ApiExpired => "API Request is Expired".into(),
            Self::ServerFailure => "Server failure, please try after some time".into(),
            Self::ReqFieldMissing(field) => format!("{field} is either null or blank"),
        }
    }
}

/// What only a socket can act out; see [`Reply::fault`](crate::Reply::fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Send half of the body under the full `Content-Length`, then close.
    Truncated,
    /// Close without an answer.
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
    /// Faults that pass when the request is repeated, as far as a client can tell, and that cost
    /// it no waiting.
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
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self {
            rate: 0.0,
            kinds: Vec::new(),
            seed: 0,
            schedule: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    /// `rate` (0 to 1) of the requests go wrong in one of `kinds`, drawn by `seed`.
    pub fn random(rate: f64, kinds: impl Into<Vec<FaultKind>>, seed: u64) -> Self {
        Self {
            rate,
            kinds: kinds.into(),
            seed,
            ..Self::none()
        }
    }

    /// The requests with these numbers (the first is 1) go wrong, and no others.
    pub fn scheduled(schedule: impl IntoIterator<Item = (u64, FaultKind)>) -> Self {
        Self {
            schedule: schedule.into_iter().collect(),
            ..Self::none()
        }
    }

    /// The requests for which a condition holds go wrong; the first condition that holds counts.
    pub fn when(rules: impl IntoIterator<Item = (When, FaultKind)>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            ..Self::none()
        }
    }

    /// What happens to this request, if anything.
    pub(crate) fn strike(&self, facts: &Facts) -> Option<FaultKind> {
        self.at(facts.number).or_else(|| {
            let (_, kind) = self.rules.iter().find(|(when, _)| when.holds(facts))?;
            Some(kind.clone())
        })
    }

    /// What the schedule and the draw make of request `number`, if anything.
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
