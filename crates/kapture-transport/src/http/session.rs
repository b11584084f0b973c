//! The cookies of a run: kept for load balancers with sticky sessions, dropped when a session ends.

use std::sync::{PoisonError, RwLock};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use url::Url;

/// The cookies that the server has set since the last session ended.
#[derive(Debug, Default)]
pub(super) struct Session(RwLock<Jar>);

impl Session {
    /// Drops every cookie: the next request begins a new session.
    pub(super) fn end(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Jar::default();
    }
}

impl CookieStore for Session {
    fn set_cookies(&self, cookies: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let jar = self.0.read().unwrap_or_else(PoisonError::into_inner);
        jar.set_cookies(cookies, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let jar = self.0.read().unwrap_or_else(PoisonError::into_inner);
        jar.cookies(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_session_sends_no_cookie() {
        let session = Session::default();
        let url = Url::parse("http://127.0.0.1/").unwrap();
        let cookie = HeaderValue::from_static("JSESSIONID=S1; Path=/");
        session.set_cookies(&mut [&cookie].into_iter(), &url);
        assert_eq!(session.cookies(&url).unwrap(), "JSESSIONID=S1");
        session.end();
        assert_eq!(session.cookies(&url), None);
    }
}
