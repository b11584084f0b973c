//! What stands in front of the search: paths, sessions, rate limit, firewall.

use std::time::Duration;

/// Which paths answer; the other one is 404.
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
    /// `JSESSIONID` is set where the request brings none; nothing depends on it.
    Offered,
    /// As `Offered`, and every request but the first must bring it back, or it is refused.
    Required,
}

/// Sessions end: from then on every request with that cookie fails. A request without a cookie gets a
/// new session and is answered well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// How long a session lives.
    pub after: SessionLife,
    /// What requests of an ended session are answered.
    pub form: SessionEndForm,
}

/// How long a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLife {
    /// So many requests with its cookie are answered.
    Requests(u64),
    /// So long after the answer that set its cookie, in [`Request::at`](crate::Request::at).
    Time(Duration),
}

/// What requests of an ended session are answered.
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
    /// 200 with `{"message":"<sentence>","status":"failed"}`: words that are no documented refusal.
    Words(String),
}

/// How many requests are tolerated in one second of [`Request::at`](crate::Request::at); the others
/// answer 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are answered in each whole second.
    pub per_second: u32,
    /// The `Retry-After` header of the others, word for word: seconds or an HTTP date.
    pub retry_after: Option<String>,
}

/// A firewall that answers 403 to everything for some time once a client was too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// Requests that pass in each whole second of [`Request::at`](crate::Request::at); the next one
    /// begins the ban.
    pub per_second: u32,
    /// How long the ban lasts. Requests meanwhile do not prolong it.
    pub ban: Duration,
}
