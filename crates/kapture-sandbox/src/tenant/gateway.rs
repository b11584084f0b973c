//! What a request passes before it is answered: rate limit, faults, path, token, session.

use std::sync::PoisonError;
use std::time::Duration;

use crate::behaviour::gateway::{Endpoints, Session};
use crate::behaviour::paging::Limit;
use crate::draw::{Subject, draw};
use crate::journal::Asked;
use crate::reply::Reply;
use crate::reply::refusal::Refusal;
use crate::request::{LEGACY_PATH, Request, SEARCH_PATH};
use crate::tenant::Tenant;
use crate::tenant::query::Query;

impl Tenant {
    /// The gateway's part: speed limit and faults come before anything is looked at.
    pub(super) fn reply(&self, request: &Request<'_>, asked: &mut Asked) -> Reply {
        let content_type = self.behaviour.content_type;
        if let Some(limit) = &self.behaviour.rate_limit
            && self.is_too_fast(limit.per_second, request.at)
        {
            return Reply::too_many(limit.retry_after.as_deref(), content_type);
        }
        asked.fault = self.behaviour.faults.at(asked.number);
        if let Some(reply) = asked
            .fault
            .as_ref()
            .and_then(|kind| Reply::of_fault(kind, content_type))
        {
            return reply;
        }
        if !self.has_endpoint(request.path) {
            return Reply::html(404, "HTTP Status 404 – Not Found");
        }
        let mut reply = self.checked(request, asked).unwrap_or_else(|refusal| {
            let status = match refusal {
                Refusal::InvalidAuthKey => self.behaviour.unauthorized_status,
                _ => self.behaviour.refusal_status,
            };
            asked.refusal = Some(refusal.to_string());
            Reply::failed(status, content_type, &refusal.to_string())
        });
        if self.behaviour.session != Session::None && !self.has_session(request) {
            let cookie = format!("JSESSIONID={}; Path=/; HttpOnly", self.session());
            reply.headers.push(("set-cookie".into(), cookie));
        }
        if let Some(kind) = &asked.fault {
            reply.spoil(kind);
        }
        reply
    }

    fn checked(&self, request: &Request<'_>, asked: &mut Asked) -> Result<Reply, Refusal> {
        if request.method != "POST" {
            return Err(Refusal::Method(request.method.to_owned()));
        }
        if !asked.authorised {
            return Err(Refusal::InvalidAuthKey);
        }
        if self.behaviour.session == Session::Required
            && asked.number > 1
            && !self.has_session(request)
        {
            return Err(Refusal::SessionMissing);
        }
        let query = Query::read(request.body, &self.behaviour)?;
        asked.window = Some((query.start, query.end));
        asked.limit = query.limit;
        asked.offset = query.offset;
        let covered = self.covered(&query, asked.number)?;
        if let Limit::RefusedAbove(most) = self.behaviour.limit
            && query.limit > Some(most)
        {
            return Err(Refusal::LimitTooLarge(most));
        }
        Ok(self.page(&query, covered, asked))
    }

    fn is_too_fast(&self, per_second: u32, at: Duration) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0 != at.as_secs() {
            *second = (at.as_secs(), 0);
        }
        second.1 += 1;
        second.1 > per_second
    }

    fn has_endpoint(&self, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or(path);
        match self.behaviour.endpoints {
            Endpoints::Both => path == SEARCH_PATH || path == LEGACY_PATH,
            Endpoints::Search => path == SEARCH_PATH,
            Endpoints::Legacy => path == LEGACY_PATH,
        }
    }

    pub(super) fn is_authorised(&self, request: &Request<'_>) -> bool {
        request
            .authorization
            .and_then(|header| header.split_once(' '))
            .is_some_and(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("basic") && token.trim() == self.behaviour.token
            })
    }

    fn session(&self) -> String {
        format!("{:016X}", draw(self.population.seed, Subject::Session, 0))
    }

    fn has_session(&self, request: &Request<'_>) -> bool {
        let expected = format!("JSESSIONID={}", self.session());
        request
            .cookie
            .is_some_and(|cookies| cookies.split(';').any(|cookie| cookie.trim() == expected))
    }
}
