//! The opening moves: how far a window reaches, learnt by comparing D…D and D+1…D+1 with D…D+1.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use foldhash::HashSet;
use kapture_model::{CustomerId, Record};
use kapture_transport::{Error, Refusal};

use crate::api::{Days, EndBound, Event, Finding, PullError};
use crate::engine::Engine;
use crate::engine::audit::AuditState;
use crate::engine::questions::{Purpose, Question, Stage};
use crate::engine::windows::FirstPage;
use crate::request::{DEFAULT_LIMIT, PageIds, PageRequest, Span};

/// After so many days on which D…D+1 was refused and D…D is empty, D…D+1 is asked of one day in so many alone.
const REFUSED_DAYS: u32 = 64;
const WIDE_ONE_IN: u32 = 16;

/// How often D…D+1 has to be without rows, where D…D has some, until single dates are all that is taken: a
/// refusal, and its repetition in a new session that confirms it; or three empty lists.
const REFUSALS: u32 = 2;
const EMPTY_LISTS: u32 = 3;

/// Where a pull stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// D…D+1 of the first days is asked, 1, 2, 4 … at once. Left when one has rows, or when it is refused
    /// where D…D is taken.
    Probing(Probing),
    /// D…D and D+1…D+1 are read. Left when they have shown everybody that D…D+1 shows, or have not.
    Comparing(Comparison),
    /// Windows are read in order.
    Reading,
    /// Every window is told, or the run ended with an error.
    Finished(Option<Box<PullError>>),
}

/// What is known of the windows that were asked to learn how far they reach.
#[derive(Debug)]
pub(super) struct Probing {
    /// The days to ask, in this order.
    days: VecDeque<NaiveDate>,
    /// How many may be asked at once.
    width: usize,
    outstanding: BTreeSet<(NaiveDate, Span)>,
    answers: BTreeMap<(NaiveDate, Span), ProbeAnswer>,
    /// How often D…D+1 was refused, or shown without rows.
    without_rows: BTreeMap<NaiveDate, u32>,
    is_begun: bool,
    /// On how many days D…D+1 was refused, and D…D was empty.
    refused_days: u32,
}

#[derive(Debug, Clone)]
enum ProbeAnswer {
    Rows(FirstPage),
    Empty,
    /// Refused, in these words.
    Refused(Refusal),
    Failed,
}

/// What D…D and D+1…D+1 have to show.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) day: NaiveDate,
    /// Customers of D…D+1 that neither has shown yet.
    pub(super) missing: HashSet<CustomerId>,
    /// The first page of D…D+1.
    pub(super) two_days: FirstPage,
}

impl Probing {
    /// Begins with the first day that was asked for: its neighbours are read as well, but may well be
    /// quiet. Windows that end after today come last, since they may be refused for that.
    pub(super) fn new(asked: &Days, padded: &[NaiveDate], today: NaiveDate) -> Self {
        let first = asked.bounds().map(|(first, _)| first);
        let is_over = |day: &&NaiveDate| day.succ_opt().is_some_and(|end| end <= today);
        let is_later = |day: &&NaiveDate| first.is_some_and(|first| **day >= first);
        let (over, future): (Vec<_>, Vec<_>) = padded.iter().partition(is_over);
        let (later, before): (Vec<&NaiveDate>, Vec<_>) = over.into_iter().partition(is_later);
        let days = later.into_iter().chain(before).chain(future).copied();
        Self::of(days.collect(), false)
    }

    /// Asks these days; D…D of the first one too, unless it `is_begun`.
    pub(super) fn of(days: VecDeque<NaiveDate>, is_begun: bool) -> Self {
        Self {
            days,
            width: 1,
            outstanding: BTreeSet::new(),
            answers: BTreeMap::new(),
            without_rows: BTreeMap::new(),
            is_begun,
            refused_days: 0,
        }
    }

    /// How wide the next window is. A server that takes single dates alone has refused all others: it need not be
    /// asked twice for each quiet day.
    fn next_span(&self) -> Span {
        let beyond = self.refused_days.checked_sub(REFUSED_DAYS);
        match beyond.is_some_and(|beyond| !beyond.is_multiple_of(WIDE_ONE_IN)) {
            true => Span::OneDay,
            false => Span::TwoDays,
        }
    }
}

impl Engine {
    /// The next window to ask in order to learn how far windows reach.
    pub(super) fn plan_probe(&mut self, places: usize) -> Option<Question> {
        let limit = self.evidence.page_limit.size();
        // What is told soon needs no further days, which would be open until then.
        let is_confirming = |question: &Question| question.stage == Stage::Confirming;
        if self.in_flight.values().any(is_confirming) {
            return None;
        }
        let Phase::Probing(probing) = &mut self.phase else {
            return None;
        };
        if probing.outstanding.len() >= probing.width.min(places) {
            return None;
        }
        let day = probing.days.pop_front()?;
        let mut asked = vec![(day, probing.next_span(), limit)];
        if !std::mem::replace(&mut probing.is_begun, true) {
            // Most servers include the end day: then these are the windows of the first two days. One is
            // asked with the documented limit, in case a larger one is met with silence.
            asked.push((day, Span::OneDay, limit));
            let next = day.succ_opt();
            asked.extend(next.map(|next| (next, Span::OneDay, limit.min(DEFAULT_LIMIT))));
        }
        let outstanding = asked.iter().map(|(day, span, _)| (*day, *span));
        probing.outstanding.extend(outstanding);
        let mut questions = asked.into_iter().map(|(day, span, limit)| {
            let request = PageRequest::first(span.window(day), limit);
            Question::new(Purpose::Probe { day, span }, request)
        });
        let first = questions.next();
        self.ready.extend(questions);
        self.tell_begun(day);
        first
    }

    pub(super) fn on_probe(&mut self, day: NaiveDate, span: Span, page: FirstPage) {
        let answer = match page.records.is_empty() {
            true => ProbeAnswer::Empty,
            false => ProbeAnswer::Rows(page),
        };
        if matches!(answer, ProbeAnswer::Empty) {
            self.count_without_rows(day, span);
        }
        self.on_probe_answer(day, span, answer);
    }

    pub(super) fn on_probe_refused(
        &mut self,
        day: NaiveDate,
        span: Span,
        refusal: Option<Refusal>,
    ) {
        let answer = refusal.map_or(ProbeAnswer::Failed, ProbeAnswer::Refused);
        self.count_without_rows(day, span);
        self.on_probe_answer(day, span, answer);
    }

    fn count_without_rows(&mut self, day: NaiveDate, span: Span) {
        if let Phase::Probing(probing) = &mut self.phase
            && span == Span::TwoDays
        {
            *probing.without_rows.entry(day).or_default() += 1;
        }
    }

    pub(super) fn on_probe_failed(&mut self, day: NaiveDate, span: Span, error: &Error) {
        tracing::debug!(%day, %error, "probe failed");
        self.on_probe_answer(day, span, ProbeAnswer::Failed);
    }

    fn on_probe_answer(&mut self, day: NaiveDate, span: Span, answer: ProbeAnswer) {
        match &mut self.phase {
            Phase::Probing(probing) => {
                probing.outstanding.remove(&(day, span));
                probing.answers.insert((day, span), answer);
                self.judge_probe(day);
            }
            Phase::Comparing(_) => match answer {
                ProbeAnswer::Rows(page) if span == Span::TwoDays => self.also_compare(day, &page),
                ProbeAnswer::Rows(page) => self.feed_first_page(day, span, page),
                _ if span == Span::OneDay => self.read_single_day(day),
                _ => {}
            },
            // The windows that are read now may be others.
            Phase::Reading | Phase::Finished(_) => {
                if !self.windows.waiting.contains(&day) {
                    return;
                }
                match answer {
                    ProbeAnswer::Rows(page) if span == self.evidence.end_bound.span() => {
                        self.windows.first_pages.insert(span.window(day), page);
                    }
                    ProbeAnswer::Rows(page) if span == Span::TwoDays => {
                        self.also_compare(day, &page)
                    }
                    ProbeAnswer::Refused(refusal)
                        if span == Span::TwoDays
                            && self.evidence.empty_responses.is_plain(&refusal) =>
                    {
                        let refusal = Some(refusal);
                        self.windows.is_empty(day, span, refusal, &self.evidence);
                    }
                    // D…D+1 holds D on every server.
                    ProbeAnswer::Empty if span == Span::TwoDays => {
                        self.windows.is_empty(day, span, None, &self.evidence);
                    }
                    _ => {}
                }
            }
        }
    }

    /// What is known by now of the windows of `day`.
    fn judge_probe(&mut self, day: NaiveDate) {
        let Phase::Probing(probing) = &mut self.phase else {
            return;
        };
        let answer = |span| probing.answers.get(&(day, span)).cloned();
        let (one, two) = (answer(Span::OneDay), answer(Span::TwoDays));
        let is_awaited = probing.outstanding.contains(&(day, Span::OneDay));
        let Some(two) = two else {
            let is_asked_alone = probing.refused_days >= REFUSED_DAYS
                && !probing.outstanding.contains(&(day, Span::TwoDays));
            if is_asked_alone {
                self.judge_single_day(day, one);
            }
            return;
        };
        match (two, one) {
            (ProbeAnswer::Rows(page), _) => self.begin_comparison(day, page),
            // What D…D shows is part of D…D+1, unless that is not answered for its width.
            (ProbeAnswer::Empty, Some(ProbeAnswer::Rows(_))) => {
                self.evidence.contradictions += 1;
                match self.was_without_rows(day) >= EMPTY_LISTS {
                    true => self.settle_bound(EndBound::SingleDay),
                    false => self.probe_again(day, Span::TwoDays, DEFAULT_LIMIT),
                }
            }
            (ProbeAnswer::Empty, _) => self.is_empty_probe(day, None),
            (ProbeAnswer::Refused(_), None) if is_awaited => {}
            (ProbeAnswer::Refused(refusal), one) => self.judge_refused_probe(day, refusal, one),
            (ProbeAnswer::Failed, _) => self.press_probe(day),
        }
    }

    /// D…D was asked alone.
    fn judge_single_day(&mut self, day: NaiveDate, one: Option<ProbeAnswer>) {
        match one {
            Some(ProbeAnswer::Empty) => self.was_refused_and_empty(),
            _ => self.probe_again(day, Span::TwoDays, self.evidence.page_limit.size()),
        }
    }

    fn was_refused_and_empty(&mut self) {
        if let Phase::Probing(probing) = &mut self.phase {
            probing.refused_days += 1;
        }
        self.widen_probing();
    }

    /// D…D+1 is refused: because it is too wide, because it has no customers, or in earnest.
    fn judge_refused_probe(&mut self, day: NaiveDate, refusal: Refusal, one: Option<ProbeAnswer>) {
        let is_plain = self.evidence.empty_responses.is_plain(&refusal);
        let request = PageRequest::first(Span::TwoDays.window(day), DEFAULT_LIMIT);
        let is_future = self.is_in_future(&request);
        let is_known = self.evidence.empty_responses.is_known(&request, &refusal);
        let is_refused_again = self.was_without_rows(day) >= REFUSALS;
        let accepts_two_days = self.evidence.end_bound.accepts_two_days;
        let shows_two_days = self.evidence.end_bound.shows_two_days;
        match one {
            None if !is_plain => {
                let limit = match is_known {
                    true => DEFAULT_LIMIT,
                    false => self.evidence.page_limit.size(),
                };
                self.probe_again(day, Span::OneDay, limit);
            }
            // Where others of two days were answered, it is the trouble of this day.
            Some(ProbeAnswer::Rows(_)) if shows_two_days || is_future => self.widen_probing(),
            Some(ProbeAnswer::Rows(_)) if is_refused_again => {
                self.settle_bound(EndBound::SingleDay);
            }
            Some(ProbeAnswer::Rows(_)) => self.confirm_refusal(day),
            _ if is_plain => self.is_empty_probe(day, Some(refusal)),
            // So is D…D, and in these words windows are refused that must be empty.
            Some(ProbeAnswer::Refused(_)) if is_known => self.is_empty_probe(day, Some(refusal)),
            // It tells nothing before some window has shown customers.
            Some(ProbeAnswer::Empty) if !accepts_two_days => self.was_refused_and_empty(),
            _ => self.press_probe(day),
        }
    }

    /// How often D…D+1 was refused, or shown without rows.
    fn was_without_rows(&self, day: NaiveDate) -> u32 {
        match &self.phase {
            Phase::Probing(probing) => probing.without_rows.get(&day).copied().unwrap_or(0),
            _ => u32::MAX,
        }
    }

    fn probe_again(&mut self, day: NaiveDate, span: Span, limit: u32) {
        let request = PageRequest::first(span.window(day), limit);
        self.send_probe(Question::new(Purpose::Probe { day, span }, request));
    }

    /// D…D+1 is asked again, in a new session and until its refusal repeats.
    fn confirm_refusal(&mut self, day: NaiveDate) {
        let span = Span::TwoDays;
        let request = PageRequest::first(span.window(day), DEFAULT_LIMIT);
        let question = Question::new(Purpose::Probe { day, span }, request);
        self.send_probe(question.at(Stage::Confirming));
    }

    fn send_probe(&mut self, question: Question) {
        if let Phase::Probing(probing) = &mut self.phase
            && let Purpose::Probe { day, span } = question.purpose
        {
            probing.outstanding.insert((day, span));
            self.ready.push_back(question);
        }
    }

    /// D…D+1 has no customers: nothing more has to be asked of it but a second look.
    fn is_empty_probe(&mut self, day: NaiveDate, refusal: Option<Refusal>) {
        let span = Span::TwoDays;
        if self.windows.waiting.contains(&day) {
            self.windows.is_empty(day, span, refusal, &self.evidence);
        }
        self.widen_probing();
    }

    /// The window of `day` is read as all others, with everything that can be done about its trouble.
    fn press_probe(&mut self, day: NaiveDate) {
        if self.windows.waiting.contains(&day) {
            self.begin_window(day, Span::TwoDays);
        }
        self.widen_probing();
    }

    fn widen_probing(&mut self) {
        if let Phase::Probing(probing) = &mut self.phase {
            probing.width = probing.width.saturating_mul(2).min(1 << 16);
        }
    }

    /// The day whose first page this is, read while nothing is known: it shows how far windows reach.
    pub(super) fn probed_by(&self, question: &Question, records: &[Record]) -> Option<NaiveDate> {
        let (Purpose::Page { day, .. } | Purpose::Look { day }) = question.purpose else {
            return None;
        };
        let request = question.request;
        let is_probe = self.bound() == EndBound::Unknown
            && matches!(self.phase, Phase::Probing(_))
            && request.offset == 0
            && request.span() == Span::TwoDays
            && !records.is_empty();
        is_probe.then_some(day)
    }

    pub(super) fn on_probed(&mut self, question: Question, day: NaiveDate, page: FirstPage) {
        self.windows.reading.remove(&day);
        let was_pending = self.windows.pending.remove(&day).is_some();
        self.evidence.contradictions += u32::from(was_pending);
        self.windows.waiting.insert(day);
        self.begin_comparison(day, page);
        if matches!(question.purpose, Purpose::Look { .. }) {
            self.was_looked_at(day);
        }
    }

    /// D…D+1 has customers: whether D…D and D+1…D+1 show them.
    fn begin_comparison(&mut self, day: NaiveDate, two_days: FirstPage) {
        let next = day.succ_opt().filter(|next| self.windows.has(*next));
        let answers = match &mut self.phase {
            Phase::Probing(probing) => std::mem::take(&mut probing.answers),
            _ => BTreeMap::new(),
        };
        let is_refused = match answers.get(&(day, Span::OneDay)) {
            Some(ProbeAnswer::Refused(refusal)) => !self.evidence.empty_responses.is_plain(refusal),
            Some(ProbeAnswer::Failed) => true,
            _ => false,
        };
        let window = Span::TwoDays.window(day);
        let Some(next) = next.filter(|_| !is_refused) else {
            self.windows.first_pages.insert(window, two_days);
            return self.settle_bound(EndBound::Exclusive);
        };
        let ids = two_days.records.iter().map(|record| record.id().clone());
        let missing = ids.filter(|id| !self.shown.contains(id)).collect();
        let outstanding = match &mut self.phase {
            Phase::Probing(probing) => std::mem::take(&mut probing.outstanding),
            _ => BTreeSet::new(),
        };
        self.phase = Phase::Comparing(Comparison {
            day,
            missing,
            two_days,
        });
        for day in [day, next] {
            match answers.get(&(day, Span::OneDay)) {
                Some(ProbeAnswer::Rows(page)) => {
                    self.feed_first_page(day, Span::OneDay, page.clone());
                }
                Some(ProbeAnswer::Empty) => {
                    if self.windows.waiting.contains(&day) {
                        self.windows
                            .is_empty(day, Span::OneDay, None, &self.evidence);
                    }
                }
                _ if outstanding.contains(&(day, Span::OneDay)) => {}
                _ => self.read_single_day(day),
            }
        }
        self.check_comparison();
    }

    fn read_single_day(&mut self, day: NaiveDate) {
        if self.windows.waiting.contains(&day) {
            self.begin_window(day, Span::OneDay);
        }
    }

    /// D…D was asked before it is read: its first page is known.
    fn feed_first_page(&mut self, day: NaiveDate, span: Span, page: FirstPage) {
        let request = PageRequest::first(span.window(day), page.limit);
        self.compare_page(day, &request, &PageIds::of(&page.records));
        if span == Span::OneDay && self.windows.waiting.contains(&day) {
            self.windows.first_pages.insert(span.window(day), page);
            self.read_single_day(day);
        }
    }

    /// D…D does not stand for a day: D…D+1 is read everywhere, and what was read otherwise again.
    pub(super) fn is_exclusive(&mut self) {
        if let Phase::Comparing(comparison) = &mut self.phase {
            let window = Span::TwoDays.window(comparison.day);
            let page = comparison.two_days.clone();
            self.windows.first_pages.insert(window, page);
        }
        for day in self.windows.take_back_single_days() {
            self.cancel_pages(day);
        }
        self.budget.large_page = None;
        self.audit = AuditState::None;
        self.settle_bound(EndBound::Exclusive);
    }

    pub(super) fn settle_bound(&mut self, bound: EndBound) {
        self.evidence.end_bound.bound = bound;
        let finding = Finding::EndBound(bound);
        self.events.push_back(Event::Discovered(finding));
        if bound == EndBound::SingleDay {
            self.take_back_refused_probes();
        }
        if bound == EndBound::SingleDay
            && let Phase::Probing(probing) = &mut self.phase
        {
            for ((day, span), answer) in std::mem::take(&mut probing.answers) {
                if span != Span::OneDay || !self.windows.waiting.contains(&day) {
                    continue;
                }
                match answer {
                    ProbeAnswer::Rows(page) => {
                        self.windows.first_pages.insert(span.window(day), page);
                    }
                    ProbeAnswer::Empty => self.windows.is_empty(day, span, None, &self.evidence),
                    ProbeAnswer::Refused(_) | ProbeAnswer::Failed => {}
                }
            }
        }
        self.phase = Phase::Reading;
    }

    /// D…D+1 is refused for its width: what was taken for windows without customers is read as D…D.
    fn take_back_refused_probes(&mut self) {
        for day in self.windows.take_back(Span::TwoDays) {
            self.cancel_pages(day);
        }
    }

    /// Every window was asked, and none has shown how far windows reach. Those that are left are read as
    /// they are. Returns whether there are any.
    pub(super) fn give_up_probing(&mut self) -> bool {
        if !matches!(self.phase, Phase::Probing(_)) {
            return false;
        }
        let left: Vec<_> = self.windows.waiting.iter().copied().collect();
        if left.is_empty() {
            return false;
        }
        if !self.evidence.end_bound.accepts_two_days && self.evidence.answered {
            // Every D…D+1 was refused, and some D…D was answered.
            self.settle_bound(EndBound::SingleDay);
            return true;
        }
        for day in left {
            self.begin_window(day, Span::TwoDays);
        }
        self.phase = Phase::Reading;
        true
    }
}
