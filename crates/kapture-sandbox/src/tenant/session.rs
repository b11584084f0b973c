//! The sessions of a tenant, and their end.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use crate::behaviour::gateway::{Session, SessionEndForm, SessionLife};
use crate::draw::{Subject, draw};
use crate::request::Request;
use crate::tenant::Tenant;

/// The state of each session, by its id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: HashMap<u64, Use>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    began: Duration,
    requests: u64,
}

impl Tenant {
    /// The `set-cookie` header for a request without a session.
    pub(super) fn new_session(&self, request: &Request<'_>) -> Option<String> {
        if self.behaviour.session == Session::None || self.session_of(request).is_some() {
            return None;
        }
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // Where sessions do not end, all requests share the first one.
        let number = match self.behaviour.session_end {
            Some(_) => sessions.known.len() as u64,
            None => 0,
        };
        let id = draw(self.population.seed, Subject::Session, number);
        sessions.known.insert(
            id,
            Use {
                began: request.at,
                requests: 0,
            },
        );
        Some(format!("JSESSIONID={id:016X}; Path=/; HttpOnly"))
    }

    /// The session in the request's cookies, if this tenant opened it.
    pub(super) fn session_of(&self, request: &Request<'_>) -> Option<u64> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        request
            .cookie?
            .split(';')
            .filter_map(|cookie| cookie.trim().strip_prefix("JSESSIONID="))
            .filter_map(|id| u64::from_str_radix(id, 16).ok())
            .find(|id| sessions.known.contains_key(id))
    }

    /// Counts the request in its session and returns the form of the answer if that session has ended.
    pub(super) fn ended_session(&self, request: &Request<'_>) -> Option<&SessionEndForm> {
        let end = self.behaviour.session_end.as_ref()?;
        let id = self.session_of(request)?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.known.get_mut(&id)?;
        session.requests += 1;
        let has_ended = match end.after {
            SessionLife::Requests(most) => session.requests > most,
            SessionLife::Time(most) => request.at.saturating_sub(session.began) >= most,
        };
        has_ended.then_some(&end.form)
    }
}
