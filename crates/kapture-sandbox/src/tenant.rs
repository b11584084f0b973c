//! The tenant: a function from a request to a reply.

mod answer_cache;
mod edited;
mod filter;
mod gateway;
mod listing;
mod moved;
mod pages;
mod query;
mod record_cache;
mod request_counter;
mod rows;
mod session;
mod truth;
mod window;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use self::answer_cache::AnswerCache;
use self::edited::{Edited, Edits};
use self::gateway::Speed;
use self::moved::Moved;
use self::record_cache::RecordCache;
use self::request_counter::RequestCounter;
use self::session::Sessions;
use crate::behaviour::Behaviour;
use crate::behaviour::gateway::Endpoints;
use crate::draw::{Subject, draw};
use crate::population::customer::Customer;
use crate::population::{PerDay, Population, Row, day_number};
use crate::reply::Reply;
use crate::request::{LEGACY_PATH, Request, SEARCH_PATH};
use crate::request_log::{LoggedRequest, RequestLog};

/// A fake tenant: a population, a behaviour, and a reply to every request.
///
/// A reply depends on the request and on the requests before it, never on a clock or on chance, so a run
/// against a tenant can be repeated exactly. The tenant's state is the log and the number of requests,
/// the sessions, the counters of rate limit and firewall, cached answers, and which rows [moved](crate::Movement) and which customers were
/// [edited](crate::Edit).
///
/// ```
/// use chrono::NaiveDate;
/// use kapture_sandbox::{Request, Tenant};
///
/// let tenant = Tenant::demo();
/// let body = br#"{"cm_id":424242,"createStartDate":"2024-05-02","createEndDate":"2024-05-02","limit":"5"}"#;
/// let reply = tenant.answer(&Request::search(body));
/// assert!(reply.body.starts_with(br#"{"message":[{"id":"#));
///
/// let may_2 = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
/// assert_eq!(tenant.requests()[0].window, Some((may_2, may_2)));
/// assert!(tenant.truth_ids(may_2, may_2).len() >= 20);
/// ```
#[derive(Debug)]
pub struct Tenant {
    pub(crate) population: Population,
    behaviour: Behaviour,
    pub(crate) zone_shift: TimeDelta,
    requests: RequestCounter,
    moved: Mutex<Moved>,
    edited: Mutex<Edited>,
    speed: Mutex<Speed>,
    sessions: Mutex<Sessions>,
    /// The number of requests for windows that start on each day.
    asks: Mutex<HashMap<NaiveDate, u64>>,
    log: RequestLog,
    cache: AnswerCache,
    record_cache: RecordCache,
}

impl Tenant {
    /// A tenant with these customers and this behaviour.
    pub fn new(population: Population, behaviour: Behaviour) -> Self {
        Self {
            zone_shift: TimeDelta::minutes(behaviour.zone_shift_minutes.into()),
            log: RequestLog::new(behaviour.log_capacity),
            cache: AnswerCache::new(behaviour.cache_time),
            edited: Mutex::new(Edited::new(&behaviour.edits)),
            population,
            behaviour,
            requests: RequestCounter::default(),
            moved: Mutex::default(),
            speed: Mutex::default(),
            sessions: Mutex::default(),
            asks: Mutex::default(),
            record_cache: RecordCache::default(),
        }
    }

    /// A well-behaved tenant for demonstrations: 20 to 60 customers each weekday from 2020 to 2030,
    /// fewer on Saturdays, none on most Sundays.
    pub fn demo() -> Self {
        Self::new(Self::demo_population(1), Behaviour::default())
    }

    /// The customers of [`Tenant::demo`], to combine with another seed or behaviour.
    pub fn demo_population(seed: u64) -> Population {
        let (Some(from), Some(to)) = (
            NaiveDate::from_ymd_opt(2020, 1, 1),
            NaiveDate::from_ymd_opt(2030, 12, 31),
        ) else {
            unreachable!("both dates exist");
        };
        Population::new(seed).days(from, to, PerDay::Function(demo_day))
    }

    /// The behaviour that this tenant was created with.
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// The planned customers.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// The latest requests, oldest first, at most [`Behaviour::log_capacity`] of them.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.log.latest()
    }

    /// The number of requests in all.
    pub fn request_count(&self) -> u64 {
        *self.requests.count()
    }

    /// Answers a request for one page under the tenant's own token, for clients that are state machines
    /// without HTTP. `at` is [`Request::at`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use chrono::NaiveDate;
    /// use kapture_sandbox::Tenant;
    ///
    /// let may_2 = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
    /// let reply = Tenant::demo().page((may_2, may_2), 5, 0, Duration::ZERO);
    /// assert_eq!(reply.status, 200);
    /// ```
    pub fn page(
        &self,
        (start, end): (NaiveDate, NaiveDate),
        limit: u32,
        offset: u64,
        at: Duration,
    ) -> Reply {
        let cm_id = self.behaviour.cm_id;
        let body = format!(
            r#"{{"cm_id":{cm_id},"createStartDate":"{start}","createEndDate":"{end}","limit":"{limit}","offset":"{offset}"}}"#
        );
        self.answer(&Request {
            path: match self.behaviour.endpoints {
                Endpoints::Both | Endpoints::Search => SEARCH_PATH,
                Endpoints::Legacy => LEGACY_PATH,
            },
            authorization: Some(&format!("Basic {}", self.behaviour.token)),
            at,
            ..Request::search(body.as_bytes())
        })
    }

    /// Answers a request. Requests are numbered from 1 in the order of their arrival. The reply is complete
    /// even where [`Reply::fault`] says that part of it must not reach the client.
    pub fn answer(&self, request: &Request<'_>) -> Reply {
        let number = self.requests.next();
        self.make_due_edits(number);
        let mut logged = LoggedRequest {
            number,
            window: None,
            limit: None,
            offset: 0,
            authorised: self.is_authorised(request),
            status: 0,
            rows: 0,
            refusal: None,
            fault: None,
            outage: false,
            session_ended: false,
        };
        let reply = self.reply(request, &mut logged);
        logged.status = reply.status;
        self.log.push(logged);
        reply
    }

    pub(crate) fn customer(&self, row: Row) -> Customer<'_> {
        let edits = self.edited().of(self.population.id(row));
        self.customer_with(row, edits)
    }

    /// A customer of which edits made this.
    pub(crate) fn customer_with(&self, row: Row, edits: Edits) -> Customer<'_> {
        Customer::new(
            &self.population,
            &self.behaviour.oddities,
            self.behaviour.cm_id,
            row,
        )
        .edited(edits.count, edits.created)
    }

    pub(crate) fn moved(&self) -> MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn demo_day(seed: u64, date: NaiveDate) -> u32 {
    let drawn = draw(seed, Subject::DaySize, day_number(date)) as u32;
    match date.weekday() {
        Weekday::Sun if !drawn.is_multiple_of(3) => 0,
        Weekday::Sat | Weekday::Sun => 3 + drawn % 18,
        _ => 20 + drawn % 41,
    }
}
