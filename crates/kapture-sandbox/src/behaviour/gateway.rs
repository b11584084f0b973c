//! What stands in front of the search: paths, sessions, rate limit.

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

/// How many requests are tolerated in one second of [`Request::at`](crate::Request::at); the others
/// answer 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are answered in each whole second.
    pub per_second: u32,
    /// The `Retry-After` header of the others, word for word: seconds or an HTTP date.
    pub retry_after: Option<String>,
}
