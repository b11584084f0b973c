//! What a client makes of the engine's requests: attempts, until one of them is an answer.

use std::time::Duration;

use kapture_model::{CustomerQuery, Record};
use kapture_sandbox::{Fault, Request, Tenant};
use kapture_transport::{Error, RefusalPolicy, Response, RetryPolicy, StopReason, TransportError};

use crate::request::Transmit;

/// After how many attempts a call gives up, as after the time for its retries.
const MAX_ATTEMPTS: u32 = 40;

/// After how many attempts a token that was accepted before is believed to be refused.
const UNAUTHORIZED_ATTEMPTS: u32 = 6;

/// A request on its way.
pub(super) struct Call {
    pub(super) transmit: Transmit,
    /// Not sent before.
    pub(super) due: Duration,
    attempts: u32,
    /// Those that were not turned away for their number.
    counted: u32,
    /// What the last attempt brought, and how often in a row.
    last: Option<Error>,
    times: u32,
    /// Whether the next attempt drops the cookies.
    begins_session: bool,
    state: State,
}

enum State {
    /// On its way to the tenant.
    Sent,
    /// The answer is on its way back.
    Answered(Result<Vec<Record>, Error>),
}

/// The way to the tenant: what all calls share.
pub(super) struct Line<'a> {
    pub(super) tenant: &'a Tenant,
    cookie: Option<String>,
    has_answered: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(tenant: &'a Tenant) -> Self {
        Self {
            tenant,
            cookie: None,
            has_answered: false,
        }
    }

    /// One attempt.
    fn ask(&mut self, transmit: &Transmit, at: Duration) -> Result<Vec<Record>, Error> {
        let asked = transmit.request;
        let query = CustomerQuery::new(self.tenant.behaviour().cm_id);
        let body = query.body(asked.window, asked.limit, asked.offset);
        let reply = self.tenant.answer(&Request {
            cookie: self.cookie.as_deref(),
            at,
            ..Request::search(&body)
        });
        if let Some(cookie) = reply.header("set-cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        match reply.fault {
            Some(Fault::Truncated | Fault::Reset) => {
                Err(TransportError::Broken("reset".into()).into())
            }
            Some(Fault::Stall) => Err(TransportError::Timeout(Duration::from_secs(60)).into()),
            Some(Fault::Slow { .. }) | None => {
                let mut response = Response::new(reply.status, reply.body.clone());
                response.retry_after = reply.header("retry-after").map(str::to_owned);
                response.meaning()
            }
        }
    }
}

impl Call {
    pub(super) fn new(transmit: Transmit, now: Duration) -> Self {
        Self {
            transmit,
            due: now + transmit.policy.delay,
            attempts: 0,
            counted: 0,
            last: None,
            times: 0,
            begins_session: transmit.policy.new_session,
            state: State::Sent,
        }
    }

    /// The call goes one step on. Returns what comes of it, if it is over.
    pub(super) fn step(
        &mut self,
        line: &mut Line<'_>,
        now: Duration,
    ) -> Option<Result<Vec<Record>, Error>> {
        match std::mem::replace(&mut self.state, State::Sent) {
            State::Sent => {
                if std::mem::take(&mut self.begins_session) {
                    line.cookie = None;
                }
                self.state = State::Answered(line.ask(&self.transmit, now));
                None
            }
            State::Answered(Ok(records)) => {
                line.has_answered = true;
                Some(Ok(records))
            }
            State::Answered(Err(error)) => self.retry(line, error, now).map(Err),
        }
    }

    /// Whether an attempt that failed is the last one: then with what.
    fn retry(&mut self, line: &mut Line<'_>, error: Error, now: Duration) -> Option<Error> {
        self.attempts += 1;
        let is_turned_away = matches!(error, Error::RateLimited { .. })
            || matches!(error, Error::Forbidden(_)) && line.has_answered;
        self.counted += u32::from(!is_turned_away);
        self.times = match self.last.replace(error.clone()) {
            Some(last) if last == error => self.times + 1,
            _ => 1,
        };
        let policy = self.transmit.policy;
        let retry = RetryPolicy::default();
        let confirmations = match policy.refusals {
            _ if matches!(
                error,
                Error::InvalidJson { .. } | Error::TrailingText { .. }
            ) =>
            {
                retry.patient_refusal_confirmations
            }
            _ if error.refusal().is_none() => u32::MAX,
            RefusalPolicy::First => 1,
            RefusalPolicy::Confirmed => retry.refusal_confirmations,
            RefusalPolicy::Patient => retry.patient_refusal_confirmations,
        };
        let may_pass = match error {
            Error::Forbidden(_) => true,
            Error::Unauthorized(_) => self.attempts < UNAUTHORIZED_ATTEMPTS,
            _ => false,
        };
        let is_permanent = error.is_permanent() && !(may_pass && line.has_answered);
        let was_last = policy.max_attempts.is_some_and(|most| self.counted >= most);
        if self.times >= confirmations || was_last || is_permanent {
            return Some(error);
        }
        if self.attempts >= MAX_ATTEMPTS {
            return Some(Error::Exhausted {
                attempts: self.attempts,
                elapsed: now,
                reason: StopReason::RetryTimeout,
                last: Box::new(error),
            });
        }
        let is_patient = policy.refusals == RefusalPolicy::Patient;
        self.begins_session = policy.new_session
            || self.attempts == 1 && (may_be_an_ended_session(&error) || is_patient);
        self.due = now + Duration::from_millis(100 << self.attempts.min(7));
        None
    }
}

/// As a client tells it.
fn may_be_an_ended_session(error: &Error) -> bool {
    matches!(
        error,
        Error::Unauthorized(_)
            | Error::Forbidden(_)
            | Error::Redirected { .. }
            | Error::NotJson { .. }
    )
}
