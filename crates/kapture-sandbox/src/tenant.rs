//! The tenant: from a request to an answer.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use crate::behaviour::{
    Behaviour, EmptyForm, Endpoints, Limit, Offset, Order, SameDay, Session, Windows,
};
use crate::blocks::Blocks;
use crate::customer::{Customer, USUAL_BYTES};
use crate::draw::{Subject, draw};
use crate::journal::{Asked, Journal};
use crate::listing::Listing;
use crate::movement::Moved;
use crate::population::{PerDay, Population, Row, day_number};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::{LEGACY_PATH, Request, SEARCH_PATH};

/// How many rows in a row have in common what [`Order::Ties`] lists them by.
const TIED: usize = 16;

/// A fake tenant: customers, a behaviour, and an answer to every request.
///
/// Answers follow from the request, its number, and nothing else, so a run against a tenant can be
/// repeated exactly. The only things it remembers are how many requests there were, what they asked,
/// and which rows [moved](crate::Movement).
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
    requests: AtomicU64,
    moved: Mutex<Moved>,
    /// The second that is running, and how many requests it has seen.
    second: Mutex<(u64, u32)>,
    journal: Journal,
    blocks: Blocks,
}

impl Tenant {
    /// A tenant with these customers that behaves this way.
    pub fn new(population: Population, behaviour: Behaviour) -> Self {
        Self {
            zone_shift: TimeDelta::minutes(behaviour.zone_shift_minutes.into()),
            journal: Journal::new(behaviour.journal),
            population,
            behaviour,
            requests: AtomicU64::new(0),
            moved: Mutex::default(),
            second: Mutex::default(),
            blocks: Blocks::default(),
        }
    }

    /// A well-behaved tenant for trying things out: 20 to 60 customers a weekday from 2020 to 2030,
    /// fewer on Saturdays, and Sundays that are often quiet.
    pub fn demo() -> Self {
        Self::new(Self::demo_population(1), Behaviour::default())
    }

    /// The customers of [`Tenant::demo`], for another seed or another behaviour.
    pub fn demo_population(seed: u64) -> Population {
        let (Some(from), Some(to)) = (
            NaiveDate::from_ymd_opt(2020, 1, 1),
            NaiveDate::from_ymd_opt(2030, 12, 31),
        ) else {
            unreachable!("both dates exist");
        };
        Population::new(seed).days(from, to, PerDay::Function(demo_day))
    }

    /// The knobs that this tenant was made with.
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// The customers that were planned.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// The latest requests, oldest first, up to [`Behaviour::journal`] of them.
    pub fn requests(&self) -> Vec<Asked> {
        self.journal.latest()
    }

    /// How many requests there were in all.
    pub fn request_count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Answers a request. Requests are numbered as they come, from 1; a request is answered in full
    /// before [`Fault`](crate::Fault)s that need a socket are noted in the reply.
    pub fn answer(&self, request: &Request<'_>) -> Reply {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut asked = Asked {
            number,
            window: None,
            limit: None,
            offset: 0,
            authorised: self.is_authorised(request),
            status: 0,
            rows: 0,
            refusal: None,
            fault: None,
        };
        let reply = self.reply(request, &mut asked);
        asked.status = reply.status;
        self.journal.note(asked);
        reply
    }

    /// The gateway's part: speed limit and faults come before anything is looked at.
    fn reply(&self, request: &Request<'_>, asked: &mut Asked) -> Reply {
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

    /// The time that the asked window covers, as dates are printed.
    fn covered(&self, query: &Query, number: u64) -> Result<Range<NaiveDateTime>, Refusal> {
        let (start, end) = (query.start, query.end);
        let windows = match self.behaviour.flip {
            Some(flip) if number > flip.after => flip.to,
            _ => self.behaviour.windows,
        };
        let width = (end - start).num_days();
        let until = match windows {
            _ if width < 0 => return Err(Refusal::EndBeforeStart),
            _ if width > 1 => return Err(Refusal::TooWide),
            Windows::Strict if width > 0 => return Err(Refusal::TooWide),
            Windows::Exclusive {
                same_day: SameDay::Refused,
            } if width == 0 => return Err(Refusal::EndNotAfterStart),
            Windows::Exclusive { .. } => self.begin(end),
            Windows::Moments => self.begin(end) + TimeDelta::milliseconds(1),
            // The last date of chrono's calendar has no next one, and no customers either.
            Windows::Inclusive | Windows::Strict => self.begin(end.succ_opt().unwrap_or(end)),
        };
        Ok(self.begin(start)..until)
    }

    /// When a day begins in the zone of the windows.
    fn begin(&self, day: NaiveDate) -> NaiveDateTime {
        let midnight = day.and_time(NaiveTime::MIN);
        midnight
            .checked_sub_signed(self.zone_shift)
            .unwrap_or(midnight)
    }

    /// The most rows that a page of this query has.
    fn limit(&self, query: &Query) -> u64 {
        let limit = query.limit.unwrap_or(self.behaviour.default_limit);
        match self.behaviour.limit {
            Limit::Honoured => limit,
            Limit::CappedAt(most) => limit.min(most),
            Limit::DefaultAbove(most) if limit > most => self.behaviour.default_limit,
            Limit::DefaultAbove(_) | Limit::RefusedAbove(_) => limit,
            Limit::Ignored => u64::MAX,
        }
    }

    fn page(&self, query: &Query, covered: Range<NaiveDateTime>, asked: &mut Asked) -> Reply {
        let behaviour = &self.behaviour;
        let listing = self.listing(query, covered, asked.number);
        let count = listing.len();
        let offset = match behaviour.offset {
            Offset::Honoured => query.offset,
            Offset::Ignored => 0,
            Offset::OneRowEarly => query.offset.saturating_sub(1),
            Offset::UpTo(most) if query.offset > most => count,
            Offset::UpTo(_) => query.offset,
        };
        let mut page = listing.page(offset, self.limit(query));
        page.retain(|row| !self.is_left_out(row));
        if let Some(most) = behaviour.page_bytes {
            self.cut_at_bytes(&mut page, most);
        }
        asked.rows = page.len();
        if asked.rows == 0 {
            let form: &EmptyForm = match &behaviour.past_end {
                Some(form) if count > 0 => form,
                _ => &behaviour.empty_window,
            };
            return Reply::empty(form, behaviour.content_type);
        }
        let mut body = self.render(page);
        if behaviour.pretty
            && let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body)
        {
            body = format!("{value:#}").into_bytes();
        }
        Reply::text(200, behaviour.content_type.header(), body)
    }

    /// The rows of the window, after whatever moves at this request.
    fn listing(&self, query: &Query, covered: Range<NaiveDateTime>, number: u64) -> Listing {
        let behaviour = &self.behaviour;
        let plain = behaviour.order == Order::Id
            && behaviour.listed_twice == 0.0
            && behaviour.left_out == 0.0
            && behaviour.page_bytes.is_none()
            && behaviour.movement.is_none()
            && query.filter.is_empty();
        let planned = self.population.between(covered.start, covered.end);
        if plain {
            return Listing::Days(planned);
        }
        let mut moved = self.moved();
        let mut rows = self.ordered(planned.clone(), query, &moved, number);
        if let Some(movement) = &behaviour.movement
            && moved.is_due(movement, number)
        {
            moved.step(movement, &self.population, number, query.offset, &rows);
            rows = self.ordered(planned, query, &moved, number);
        }
        Listing::Rows(rows)
    }

    fn ordered(
        &self,
        planned: Vec<(NaiveDate, Range<u32>)>,
        query: &Query,
        moved: &Moved,
        number: u64,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for (day, indices) in planned {
            rows.extend(
                moved
                    .inserted(day)
                    .iter()
                    .filter(|row| indices.contains(&row.index)),
            );
            rows.extend(indices.map(|index| Row {
                day,
                index,
                before: 0,
            }));
        }
        rows.retain(|row| {
            !moved.is_deleted(&self.population, *row)
                && (query.filter.is_empty() || query.filter.holds(&self.customer(*row)))
        });
        let order = match self.behaviour.order {
            Order::Turns if number.is_multiple_of(2) => Order::IdDescending,
            order => order,
        };
        match order {
            Order::Id | Order::Turns | Order::Ties | Order::Unstable => {
                rows.sort_unstable_by_key(|row| self.population.id(*row))
            }
            Order::IdDescending => {
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(self.population.id(*row)));
            }
            Order::Name => {
                rows.sort_by_cached_key(|row| {
                    (self.customer(*row).names(), self.population.id(*row))
                });
            }
        }
        let seed = self.population.seed;
        let twice = |row: &&Row| {
            self.customer(**row)
                .hits(self.behaviour.listed_twice, Subject::Twice)
        };
        if self.behaviour.listed_twice > 0.0 {
            let again: Vec<Row> = rows.iter().filter(twice).copied().collect();
            rows.extend(again);
        }
        if self.behaviour.order == Order::Ties {
            // As of a database that keeps the first rows it needs, and no others.
            let needed = query.offset.saturating_add(self.limit(query));
            let mut dice = fastrand::Rng::with_seed(draw(seed, Subject::Shuffle, needed));
            rows.chunks_mut(TIED).for_each(|tied| dice.shuffle(tied));
        }
        if self.behaviour.order == Order::Unstable {
            fastrand::Rng::with_seed(draw(seed, Subject::Shuffle, number)).shuffle(&mut rows);
        }
        rows
    }

    /// Whether no page shows this row, although it counts for `offset` and `limit`.
    pub(crate) fn is_left_out(&self, row: Row) -> bool {
        // Most tenants leave nobody out, and are not to look up each customer for that.
        let share = self.behaviour.left_out;
        share > 0.0 && self.customer(row).hits(share, Subject::LeftOut)
    }

    fn cut_at_bytes(&self, page: &mut Listing, most: usize) {
        let (mut text, mut is_first) = (String::new(), true);
        page.retain(|row| {
            self.customer(row).write(&mut text);
            std::mem::take(&mut is_first) || text.len() <= most
        });
    }

    fn render(&self, page: Listing) -> Vec<u8> {
        let mut body = Vec::with_capacity(page.len() as usize * USUAL_BYTES + 64);
        body.extend_from_slice(br#"{"message":["#);
        match page {
            Listing::Days(days) => {
                for (day, rows) in days {
                    let count = self.population.count(day);
                    self.blocks
                        .append(&mut body, day, rows, count, |row, text| {
                            self.customer(row).write(text)
                        });
                }
            }
            Listing::Rows(rows) => {
                let mut text = String::with_capacity(USUAL_BYTES);
                for row in rows {
                    text.clear();
                    self.customer(row).write(&mut text);
                    text.push(',');
                    body.extend_from_slice(text.as_bytes());
                }
            }
        }
        body.pop(); // the comma after the last record
        body.extend_from_slice(br#"],"status":"success"}"#);
        body
    }

    pub(crate) fn customer(&self, row: Row) -> Customer<'_> {
        Customer::new(
            &self.population,
            &self.behaviour.oddities,
            self.behaviour.cm_id,
            row,
        )
    }

    pub(crate) fn moved(&self) -> MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn is_authorised(&self, request: &Request<'_>) -> bool {
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

fn demo_day(seed: u64, date: NaiveDate) -> u32 {
    let drawn = draw(seed, Subject::DaySize, day_number(date)) as u32;
    match date.weekday() {
        Weekday::Sun if !drawn.is_multiple_of(3) => 0,
        Weekday::Sat | Weekday::Sun => 3 + drawn % 18,
        _ => 20 + drawn % 41,
    }
}
