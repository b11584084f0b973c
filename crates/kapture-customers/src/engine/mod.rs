//! The machine of a pull: plain data, and methods that hand out requests and take outcomes.
//!
//! To drive it: drain [`poll_event`](Engine::poll_event) and [`poll_cancel`](Engine::poll_cancel), send
//! what [`poll_request`](Engine::poll_request) hands out, and give each outcome back to
//! [`on_outcome`](Engine::on_outcome). When it hands out nothing and nothing is in flight, it is
//! finished. It sends nothing, waits for nothing and reads no clock.

mod assembler;
mod audit;
mod budget;
mod calendar;
mod calibration;
mod comparison;
mod confirmation;
mod planning;
mod questions;
mod settings;
#[cfg(test)]
mod transitions;
mod trouble;
mod windows;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, NaiveDate, Utc};
use foldhash::HashSet;
use kapture_model::{CustomerId, Record};
use kapture_transport::Refusal;

use crate::api::{DayState, EndBound, Event, Proof, PullError, Receipt};
use crate::evidence::Evidence;
use crate::evidence::canaries::Canaries;
use crate::evidence::creation_dates::DateFault;
use crate::evidence::empty_response::EmptyResponses;
use crate::evidence::page_limit::PageLimit;
use crate::request::{Outcome, PageIds, PageRequest, RequestId, Seq, Span, Transmit};
use crate::window::{WindowReader, WindowStatus};

use assembler::DayAssembler;
use audit::AuditState;
use budget::{Budget, MAX_TURNS};
use calibration::{Phase, Probing};
use confirmation::Confirmation;
use questions::{ControlGroup, Purpose, Question, TroubleCheck};
use windows::{FirstPage, Windows};

pub(crate) use calendar::Calendar;
pub(crate) use settings::Settings;

/// A pull from its first request to its last event.
///
/// ```text
///  Probing ── rows in D…D+1 ─► Comparing ── D…D and D+1…D+1 show them all ─► Reading (OneDay)
///     │                            └────── they do not, or are refused ────► Reading (TwoDays)
///     ├── D…D+1 refused, D…D taken ────────────────────────────────────────► Reading (OneDay)
///     └── every window without rows ─┐
///                                    ▼
///  beside all of them: Confirmation (empty windows between canaries), TroubleCheck, Audit
///                                    │
///                                    ▼
///                                 Finished
/// ```
#[derive(Debug)]
pub(crate) struct Engine {
    phase: Phase,
    evidence: Evidence,
    windows: Windows,
    assembler: DayAssembler,
    budget: Budget,
    confirmation: Confirmation,
    audit: AuditState,
    /// Customers of other windows D…D+1 that D…D and D+1…D+1 have not shown yet.
    comparisons: BTreeMap<NaiveDate, HashSet<CustomerId>>,
    /// Customers that windows of one day have shown before the first audit.
    shown: HashSet<CustomerId>,
    trouble: TroubleCheck,
    /// Questions that wait for the end of a trouble check.
    parked: Vec<Question>,
    controls: Vec<ControlGroup>,
    /// Windows that failed before anything was answered, by their first days.
    unanswered: Vec<(NaiveDate, PullError)>,
    in_flight: BTreeMap<RequestId, Question>,
    /// Questions to send before anything else.
    ready: VecDeque<Question>,
    cancelled: Vec<RequestId>,
    events: VecDeque<Event>,
    calendar: Calendar,
    last_day: NaiveDate,
    now: DateTime<Utc>,
    seq: Seq,
}

impl Engine {
    pub(crate) fn new(settings: Settings, now: DateTime<Utc>) -> Self {
        let last_day = settings
            .days
            .bounds()
            .map_or(NaiveDate::MIN, |(_, last)| last);
        let padded: Vec<_> = settings.days.padded().collect();
        let zone = settings.calendar.zone_or_utc();
        let today = settings.calendar.today(now);
        Self {
            phase: Phase::Probing(Probing::new(&settings.days, &padded, today)),
            evidence: Evidence {
                empty_responses: EmptyResponses::new(settings.empty_answer),
                canaries: Canaries::new(settings.previously_nonempty.iter()),
                page_limit: PageLimit::new(settings.page_size),
                infers_ends: settings.fewer_requests,
                ..Evidence::default()
            },
            windows: Windows::new(padded),
            assembler: DayAssembler::new(settings.days, zone),
            budget: Budget::new(settings.fewer_requests),
            confirmation: Confirmation::default(),
            audit: AuditState::None,
            comparisons: BTreeMap::new(),
            shown: HashSet::default(),
            trouble: TroubleCheck::None,
            parked: Vec::new(),
            controls: Vec::new(),
            unanswered: Vec::new(),
            in_flight: BTreeMap::new(),
            ready: VecDeque::new(),
            cancelled: Vec::new(),
            events: VecDeque::new(),
            calendar: settings.calendar,
            last_day,
            now,
            seq: 0,
        }
    }

    /// The next request to send, if one is wanted and there is a place for it. Events and cancellations
    /// are to be drained first.
    ///
    /// # Panics
    /// When it neither asks nor ends: a fault of the engine, and not to be waited for.
    pub(crate) fn poll_request(&mut self, free: usize) -> Option<Transmit> {
        for _ in 0..MAX_TURNS {
            if self.is_finished() || free == 0 {
                return None;
            }
            if let Some(question) = self.ready.pop_front() {
                return Some(self.send(question));
            }
            let places = free + self.in_flight.len();
            if let Some(question) = self.plan(places) {
                return Some(self.send(question));
            }
            if !self.ready.is_empty() {
                continue;
            }
            if !self.in_flight.is_empty() {
                return None;
            }
            self.advance();
        }
        panic!("the engine neither asks nor ends");
    }

    /// A request whose answer is of no use any more.
    pub(crate) fn poll_cancel(&mut self) -> Option<RequestId> {
        self.cancelled.pop()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished(_))
    }

    /// What ended the run, where it was not its last window.
    pub(crate) fn take_error(&mut self) -> Option<PullError> {
        match &mut self.phase {
            Phase::Finished(error) => error.take().map(|error| *error),
            _ => None,
        }
    }

    /// Takes what came of a request.
    pub(crate) fn on_outcome(&mut self, id: RequestId, outcome: Outcome, now: DateTime<Utc>) {
        self.now = now;
        self.seq += 1;
        let Some(question) = self.in_flight.remove(&id) else {
            return;
        };
        if self.is_finished() {
            return;
        }
        match outcome {
            Outcome::Page(records) => self.on_records(question, records),
            Outcome::Refused(refusal) => self.on_refused(question, refusal),
            Outcome::Failed(error) => self.on_failed(question, error),
        }
        self.events
            .extend(self.evidence.take_findings().map(Event::Discovered));
        self.settle_windows();
    }

    fn send(&mut self, question: Question) -> Transmit {
        self.seq += 1;
        let id = RequestId(self.seq);
        self.in_flight.insert(id, question);
        Transmit {
            id,
            request: question.request,
            policy: question.policy(),
        }
    }

    /// Ends the run with an error.
    fn finish_with(&mut self, error: PullError) {
        self.phase = Phase::Finished(Some(Box::new(error)));
    }

    /// Begins to read the window of `day`, from the first page that came already if there is one.
    fn begin_window(&mut self, day: NaiveDate, span: Span) {
        self.tell_begun(day);
        self.windows.waiting.remove(&day);
        let mut reader = WindowReader::new(day, span, &self.evidence);
        if let Some(FirstPage { limit, records }) = self.windows.first_pages.remove(&reader.window)
        {
            let page = PageIds::of(&records);
            let (now, events) = (self.now, &mut self.events);
            self.assembler
                .absorb(reader.window, Some(day), records, now, events);
            reader.on_known_first_page(limit, page, &mut self.evidence);
        }
        self.windows.reading.insert(day, reader);
    }

    fn tell_begun(&mut self, day: NaiveDate) {
        self.assembler.begin_window(day, self.now, &mut self.events);
    }

    /// Nothing is in flight and nothing is to be sent: what waited for more to be known goes on without.
    fn advance(&mut self) {
        self.resume_deferred_beyond(0);
        self.settle_windows();
        if !self.parked.is_empty() || !matches!(self.trouble, TroubleCheck::None) {
            // What was pressed for all others was cancelled, or its window taken back.
            return self.release_parked();
        }
        if !self.windows.reading.is_empty() {
            return;
        }
        let is_unknown = match self.phase {
            Phase::Comparing(_) => true,
            Phase::Probing(_) => self.windows.has_read_single_days(),
            _ => false,
        };
        if is_unknown {
            // Nothing is left to compare windows of one day with.
            return self.is_exclusive();
        }
        if self.next_window().is_some() || self.give_up_probing() {
            return;
        }
        if !self.windows.pending.is_empty() {
            return self.begin_confirmation();
        }
        if let Some((_, error)) = self.unanswered.pop() {
            return self.finish_with(error);
        }
        if matches!(self.audit, AuditState::Due { .. }) {
            // One of the windows was read as D…D+1.
            return self.give_up_first_audit();
        }
        self.audit = AuditState::None;
        self.comparisons.clear();
        self.tell_read_windows();
        self.phase = Phase::Finished(None);
    }

    /// Reads deferred windows once more, the longest first, until no more than so many are left.
    fn resume_deferred_beyond(&mut self, most: usize) {
        let mut deferred: Vec<_> = self
            .windows
            .reading
            .values()
            .filter(|reader| matches!(reader.status(), WindowStatus::Deferred))
            .map(|reader| (reader.rows().unwrap_or_default(), reader.day))
            .collect();
        deferred.sort_unstable();
        let surplus = deferred.len().saturating_sub(most);
        for (_, day) in deferred.into_iter().rev().take(surplus) {
            if let Some(reader) = self.windows.reading.get_mut(&day) {
                reader.resume();
            }
        }
    }

    fn on_records(&mut self, question: Question, records: Vec<Record>) {
        let page = PageIds::of(&records);
        let request = question.request;
        self.evidence.observe(request, &records, &page, self.seq);
        self.on_success(question);
        let as_probe = self.probed_by(&question, &records);
        let stands_for = match question.purpose {
            Purpose::Page { day, .. } | Purpose::Look { day } if as_probe.is_none() => Some(day),
            _ => None,
        };
        let dated = self.assembler.dated(&records);
        let fault = match question.purpose {
            Purpose::Control { .. } | Purpose::Search => None,
            _ => self.evidence.creation_dates.observe(request.window, &dated),
        };
        match (fault, stands_for) {
            (Some(DateFault::Run(day)), _) => {
                let window = request.window;
                return self.finish_with(PullError::OutsideWindow { window, day });
            }
            (Some(DateFault::Window(date)), Some(day)) => {
                let window = request.window;
                return self.fail_window(day, PullError::OutsideWindow { window, day: date });
            }
            _ => {}
        }
        let unknown = match question.purpose {
            Purpose::Audit => self.assembler.unknown(&records),
            _ => Vec::new(),
        };
        let kept = match question.purpose {
            Purpose::Probe { .. } => records.clone(),
            _ if as_probe.is_some() => records.clone(),
            _ => Vec::new(),
        };
        let (now, events) = (self.now, &mut self.events);
        self.assembler
            .absorb(request.window, stands_for, records, now, events);
        let first_page = FirstPage {
            limit: request.limit,
            records: kept,
        };
        match (question.purpose, as_probe) {
            (Purpose::Probe { day, span }, _) => self.on_probe(day, span, first_page),
            (Purpose::Audit, _) => self.on_audit(page.ids.len(), unknown),
            (_, Some(day)) => self.on_probed(question, day, first_page),
            _ => self.dispatch(question, page, None),
        }
    }

    /// A question was answered: with rows, or without, perhaps refused in words that mean it.
    fn dispatch(&mut self, question: Question, page: PageIds, refusal: Option<Refusal>) {
        let request = question.request;
        match question.purpose {
            Purpose::Page { day, ticket } => {
                self.compare_page(day, &request, &page);
                let Some(reader) = self.windows.reading.get_mut(&day) else {
                    return;
                };
                let is_further = request.offset > 0 && !page.ids.is_empty();
                if reader.on_page(ticket, request, page, refusal, &mut self.evidence) {
                    self.budget.far_probe_was_in_vain();
                } else if is_further {
                    self.budget.page_was_of_use();
                }
                self.cancel_overtaken(day);
            }
            Purpose::Probe { day, span } => self.on_probe_refused(day, span, refusal),
            Purpose::Control { group } => self.on_control(group, None),
            Purpose::Audit => {
                if let Some(refusal) = refusal {
                    self.on_audit_refused(&request, &refusal);
                }
            }
            Purpose::Look { day } => self.on_look(day, request.window, page),
            Purpose::Canary => self.on_canary(Some(page.ids.len()), refusal),
            Purpose::Search => self.on_searched(),
            Purpose::TroubleCanary => self.on_trouble_canary(&request, &page),
        }
    }

    /// Cancels the requests of a window whose pages are of no use any more.
    fn cancel_overtaken(&mut self, day: NaiveDate) {
        let Some(reader) = self.windows.reading.get_mut(&day) else {
            return;
        };
        for offset in reader.take_overtaken() {
            let is_it = |question: &Question| {
                matches!(question.purpose, Purpose::Page { day: of, .. } if of == day)
                    && question.request.offset == offset
            };
            self.cancel(is_it);
        }
    }

    /// Cancels every page of the window of `day`.
    fn cancel_pages(&mut self, day: NaiveDate) {
        self.cancel(
            |question| matches!(question.purpose, Purpose::Page { day: of, .. } if of == day),
        );
    }

    fn cancel(&mut self, is_it: impl Fn(&Question) -> bool) {
        let cancelled = self.in_flight.extract_if(.., |_, question| is_it(question));
        self.cancelled.extend(cancelled.map(|(id, _)| id));
    }

    /// Moves on the windows that have come to an end.
    fn settle_windows(&mut self) {
        if self.is_finished() {
            return;
        }
        for reader in self.windows.reading.values_mut() {
            reader.reconsider(&mut self.evidence);
        }
        let is_over = |reader: &WindowReader| {
            !matches!(
                reader.status(),
                WindowStatus::Reading | WindowStatus::Deferred
            )
        };
        let over: Vec<_> = self
            .windows
            .reading
            .extract_if(.., |_, reader| is_over(reader))
            .collect();
        for (day, reader) in over {
            if self.budget.large_page == Some(day) {
                self.budget.large_page = None;
            }
            self.cancel_pages(day);
            match reader.status() {
                WindowStatus::Complete(complete) => {
                    self.windows.was_read(day, reader.window, complete);
                }
                WindowStatus::Failed(error) => {
                    let error = error.clone();
                    self.fail_window(day, error);
                }
                _ => self.is_pending(day, reader),
            }
        }
        self.check_comparison();
        self.check_comparisons();
        self.plan_audit();
        self.tell_read_windows();
    }

    /// Tells the windows that were read whole, unless it is being checked how far windows reach.
    fn tell_read_windows(&mut self) {
        let is_comparing = match self.phase {
            Phase::Comparing(_) => true,
            Phase::Probing(_) => self.windows.has_read_single_days(),
            _ => !self.comparisons.is_empty(),
        };
        if self.audit.holds() || is_comparing {
            return;
        }
        for (day, complete) in std::mem::take(&mut self.windows.read) {
            self.tell_window(day, complete.proof);
        }
    }

    fn tell_window(&mut self, day: NaiveDate, proof: Proof) {
        for assembled in self.assembler.end_window(day, proof) {
            let state = match assembled.proof {
                // Nothing vouches for it: a later run is to look again.
                Proof::Unvouched => DayState::Open,
                _ => self.calendar.state(assembled.day, assembled.begun),
            };
            let mut receipt = Receipt::new(assembled.day, self.now);
            receipt.customers = assembled.customers;
            receipt.checksum = assembled.checksum;
            receipt.undated = assembled.undated;
            receipt.state = state;
            receipt.end_bound = self.evidence.end_bound.bound;
            receipt.proof = assembled.proof;
            receipt.empty_response = self.evidence.empty_responses.named();
            self.events.push_back(Event::DayDone(receipt));
        }
    }

    /// The window of `day` cannot be read: its days fail.
    fn fail_window(&mut self, day: NaiveDate, error: PullError) {
        self.windows.waiting.remove(&day);
        self.windows.reading.remove(&day);
        self.windows.pending.remove(&day);
        if self.budget.large_page == Some(day) {
            self.budget.large_page = None;
        }
        self.cancel_pages(day);
        self.assembler.fail_window(day, &error, &mut self.events);
        self.was_looked_at(day);
    }

    /// How far windows are known to reach.
    fn bound(&self) -> EndBound {
        self.evidence.end_bound.bound
    }

    /// Whether a window ends after today but may hold customers, where a server may refuse it for its end.
    fn is_in_future(&self, request: &PageRequest) -> bool {
        let today = self.calendar.today(self.now);
        let may_be_today = today
            .succ_opt()
            .is_none_or(|next| request.window.start <= next);
        request.window.end > today && may_be_today
    }

    /// Whether `day` could still gain customers now.
    fn is_open(&self, day: NaiveDate) -> bool {
        self.calendar.state(day, self.now) == DayState::Open
    }
}
