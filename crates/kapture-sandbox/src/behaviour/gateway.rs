//! Paths, sessions, rate limit and firewall.

use std::time::Duration;

/// The paths that exist; the other one is 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// Both.
    Both,
    /// Only [`SEARCH_PATH`](crate::SEARCH_PATH).
    Search,
    /// Only [`LEGACY_PATH`](crate::LEGACY_PATH).
    Legacy,
}

/// Session cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// No cookie is set.
    None,
    /// `JSESSIONID` is set where the request carries none; nothing depends on it.
    Offered,
    /// As `Offered`, and every request but the first is refused without it.
    Required,
}

/// Sessions that end: from then on every request with that cookie fails. A request without a cookie is
/// answered and gets a new session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The lifetime of a session.
    pub after: SessionLife,
    /// The answer to requests of an ended session.
    pub form: SessionEndForm,
}

/// The lifetime of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLife {
    /// The number of requests with its cookie that are answered.
    Requests(u64),
    /// The time after the answer that set its cookie, in [`Request::at`](crate::Request::at).
    Time(Duration),
}

/// The answer to requests of an ended session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEndForm {
    /// 401 with `{"message":"Session expired","status":"failed"}`.
    Unauthorized401,
    /// 302 to `/login.html` of the same host.
    Redirect302,
    /// 200 with an HTML login page.
    LoginPage,
    /// The refusal of a wrong token: `Invalid Auth Key`.
    InvalidAuthKey,
    /// 200 with `{"message":"<sentence>","status":"failed"}`, for a sentence that is not documented.
    Words(String),
}

/// The number of requests answered in one second of [`Request::at`](crate::Request::at); the others
/// get 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests answered in each whole second.
    pub per_second: u32,
    /// The `Retry-After` header of the others, verbatim: seconds or an HTTP date.
    pub retry_after: Option<String>,
}

/// A firewall that answers 403 to every request for some time after a client was too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// The number of requests that pass in each whole second of [`Request::at`](crate::Request::at);
    /// the next one starts the ban.
    pub per_second: u32,
    /// The length of the ban. Requests during the ban do not extend it.
    pub ban: Duration,
}
