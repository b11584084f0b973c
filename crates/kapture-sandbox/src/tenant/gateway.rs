//! The checks before a page is listed: firewall, rate limit, faults, path, token, session.

use std::ops::Range;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::NaiveDateTime;

use crate::behaviour::gateway::{Endpoints, Session};
use crate::behaviour::paging::Limit;
use crate::behaviour::when::{AskedPage, Facts};
use crate::reply::Reply;
use crate::reply::form::ReplyForm;
use crate::reply::refusal::Refusal;
use crate::request::{LEGACY_PATH, Request, SEARCH_PATH};
use crate::request_log::LoggedRequest;
use crate::tenant::Tenant;
use crate::tenant::query::Query;

/// Counts the requests of the current second.
#[derive(Debug, Default)]
pub(crate) struct SecondCounter {
    second: u64,
    requests: u32,
}

/// The counters of rate limit and firewall.
#[derive(Debug, Default)]
pub(crate) struct Speed {
    limit: SecondCounter,
    firewall: SecondCounter,
    banned_until: Duration,
}

impl SecondCounter {
    /// Counts one request and returns the count of its second.
    fn count(&mut self, at: Duration) -> u32 {
        if self.second != at.as_secs() {
            *self = Self {
                second: at.as_secs(),
                requests: 0,
            };
        }
        self.requests += 1;
        self.requests
    }
}

impl Tenant {
    /// Firewall, rate limit and faults apply before path, token and body are checked.
    pub(super) fn reply(&self, request: &Request<'_>, logged: &mut LoggedRequest) -> Reply {
        if self.is_banned(request.at) {
            return Reply::html(403, "403 Forbidden");
        }
        let query = Query::read(request.body, &self.behaviour);
        let form = ReplyForm {
            behaviour: &self.behaviour,
            seed: self.population.seed,
            number: logged.number,
            window: query.as_ref().ok().map(|query| (query.start, query.end)),
        };
        if let Some(limit) = &self.behaviour.rate_limit
            && self.is_too_fast(limit.per_second, request.at)
        {
            return form.too_many(limit.retry_after.as_deref());
        }
        let facts = Facts {
            number: logged.number,
            at: request.at,
            asked: query.as_ref().ok().map(|query| self.asked_page(query)),
        };
        logged.fault = self.behaviour.faults.strike(&facts);
        if let Some(reply) = logged.fault.as_ref().and_then(|kind| form.of_fault(kind)) {
            return reply;
        }
        if !self.has_endpoint(request.path) {
            return Reply::html(404, "HTTP Status 404 – Not Found");
        }
        let mut reply = self
            .checked(request, query, &form, &facts, logged)
            .unwrap_or_else(|refusal| {
                logged.refusal = Some(refusal.to_string());
                form.refused(&refusal)
            });
        if let Some(cookie) = self.new_session(request) {
            reply.headers.push(("set-cookie".into(), cookie));
        }
        if let Some(kind) = &logged.fault {
            reply.damage(kind);
        }
        reply
    }

    fn checked(
        &self,
        request: &Request<'_>,
        query: Result<Query, Refusal>,
        form: &ReplyForm<'_>,
        facts: &Facts,
        logged: &mut LoggedRequest,
    ) -> Result<Reply, Refusal> {
        if request.method != "POST" {
            return Err(Refusal::Method(request.method.to_owned()));
        }
        if !logged.authorised {
            return Err(Refusal::InvalidAuthKey);
        }
        if self.behaviour.session == Session::Required
            && logged.number > 1
            && self.session_of(request).is_none()
        {
            return Err(Refusal::SessionMissing);
        }
        if let Some(end) = self.ended_session(request) {
            logged.session_ended = true;
            return Ok(form.session_ended(end));
        }
        let query = query?;
        logged.window = Some((query.start, query.end));
        logged.limit = query.limit;
        logged.offset = query.offset;
        let covered = self.covered(&query, logged.number)?;
        if let Limit::RefusedAbove(most) = self.behaviour.limit
            && query.limit > Some(most)
        {
            return Err(Refusal::LimitTooLarge(most));
        }
        if let Some((reply, rows)) = self.cache.get(request) {
            logged.rows = rows;
            return Ok(reply);
        }
        let reply = self.list(&query, covered, form, facts, logged);
        self.cache.insert(request, &reply, logged.rows);
        Ok(reply)
    }

    /// The answer to a query that is not refused.
    fn list(
        &self,
        query: &Query,
        covered: Range<NaiveDateTime>,
        form: &ReplyForm<'_>,
        facts: &Facts,
        logged: &mut LoggedRequest,
    ) -> Reply {
        let mut outages = self.behaviour.outages.iter();
        if let Some(outage) = outages.find(|outage| outage.when.holds(facts)) {
            logged.outage = true;
            let empty = outage.form.as_ref();
            return form.empty(empty.unwrap_or(&self.behaviour.empty_window), 0);
        }
        let mut partial = self.behaviour.partial_outages.iter();
        let partial = partial.find(|outage| outage.when.holds(facts));
        logged.outage = partial.is_some();
        let hidden = partial.map_or(0.0, |outage| outage.hidden);
        self.answer_page(query, covered, form, hidden, logged)
    }

    fn asked_page(&self, query: &Query) -> AskedPage {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        let asks = asks.entry(query.start).or_default();
        *asks += 1;
        AskedPage {
            start: query.start,
            end: query.end,
            limit: query.limit.unwrap_or(self.behaviour.default_limit),
            offset: query.offset,
            asks: *asks,
        }
    }

    fn is_too_fast(&self, per_second: u32, at: Duration) -> bool {
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        speed.limit.count(at) > per_second
    }

    fn is_banned(&self, at: Duration) -> bool {
        let Some(firewall) = self.behaviour.firewall else {
            return false;
        };
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        if at < speed.banned_until {
            return true;
        }
        if speed.firewall.count(at) > firewall.per_second {
            speed.firewall = SecondCounter::default();
            speed.banned_until = at + firewall.ban;
            return true;
        }
        false
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
        let has_header = self
            .behaviour
            .required_header
            .as_ref()
            .is_none_or(|(name, value)| request.headers.contains(&(name.as_str(), value.as_str())));
        let token = request
            .authorization
            .and_then(|header| header.split_once(' '));
        let has_token = token.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("basic") && token.trim() == self.behaviour.token
        });
        has_header && has_token
    }
}
