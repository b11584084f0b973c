//! The opening moves: how far a window reaches, learnt by comparing D…D and D+1…D+1 with D…D+1.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use foldhash::HashSet;
use kapture_model::{CustomerId, Record};
use kapture_transport::{Error, Refusal};

use crate::api::{Days, EndBound, Event, Finding, PullError};
use crate::engine::Engine;
use crate::engine::audit::AuditState;
use crate::engine::questions::{Purpose, Question};
use crate::engine::windows::FirstPage;
use crate::request::{DEFAULT_LIMIT, PageIds, PageRequest, Span};
use crate::window::{WindowReader, WindowStatus};

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
    missing: HashSet<CustomerId>,
    /// The first page of D…D+1.
    two_days: FirstPage,
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
    fn of(days: VecDeque<NaiveDate>, is_begun: bool) -> Self {
        Self {
            days,
            width: 1,
            outstanding: BTreeSet::new(),
            answers: BTreeMap::new(),
            without_rows: BTreeMap::new(),
            is_begun,
        }
    }
}

impl Engine {
    /// The next window to ask in order to learn how far windows reach.
    pub(super) fn plan_probe(&mut self, places: usize) -> Option<Question> {
        let limit = self.evidence.page_limit.size();
        let Phase::Probing(probing) = &mut self.phase else {
            return None;
        };
        if probing.outstanding.len() >= probing.width.min(places) {
            return None;
        }
        let day = probing.days.pop_front()?;
        let mut asked = vec![(day, Span::TwoDays, limit)];
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
        let Some(two) = two else { return };
        match (two, one) {
            (ProbeAnswer::Rows(page), _) => self.begin_comparison(day, page),
            // What D…D shows is part of D…D+1, unless that is not answered for its width.
            (ProbeAnswer::Empty, Some(ProbeAnswer::Rows(_))) => {
                self.evidence.contradictions += 1;
                match self.is_without_rows_again(day) {
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

    /// D…D+1 is refused: because it is too wide, because it has no customers, or in earnest.
    fn judge_refused_probe(&mut self, day: NaiveDate, refusal: Refusal, one: Option<ProbeAnswer>) {
        let is_plain = self.evidence.empty_responses.is_plain(&refusal);
        let request = PageRequest::first(Span::TwoDays.window(day), DEFAULT_LIMIT);
        let is_future = self.is_in_future(&request);
        let is_known = self.evidence.empty_responses.is_known(&request, &refusal);
        let is_refused_again = self.is_without_rows_again(day);
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
            Some(ProbeAnswer::Rows(_)) => self.probe_again(day, Span::TwoDays, DEFAULT_LIMIT),
            _ if is_plain => self.is_empty_probe(day, Some(refusal)),
            // So is D…D, and in these words windows are refused that must be empty.
            Some(ProbeAnswer::Refused(_)) if is_known => self.is_empty_probe(day, Some(refusal)),
            // It tells nothing before some window has shown customers.
            Some(ProbeAnswer::Empty) if !accepts_two_days => self.widen_probing(),
            _ => self.press_probe(day),
        }
    }

    /// Whether D…D+1 was refused, or shown without rows, more than once.
    fn is_without_rows_again(&self, day: NaiveDate) -> bool {
        match &self.phase {
            Phase::Probing(probing) => {
                let times = probing.without_rows.get(&day);
                times.is_some_and(|times| *times > 1)
            }
            _ => true,
        }
    }

    fn probe_again(&mut self, day: NaiveDate, span: Span, limit: u32) {
        if let Phase::Probing(probing) = &mut self.phase {
            probing.outstanding.insert((day, span));
            let request = PageRequest::first(span.window(day), limit);
            let question = Question::new(Purpose::Probe { day, span }, request);
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

    /// A page of one day shows some of those that D…D+1 shows.
    pub(super) fn compare_page(&mut self, day: NaiveDate, request: &PageRequest, page: &PageIds) {
        if request.span() == Span::OneDay {
            if matches!(self.phase, Phase::Comparing(_)) || self.audit.holds() {
                self.shown.extend(page.ids.iter().cloned());
            }
            for of in [Some(day), day.pred_opt()].into_iter().flatten() {
                if let Some(missing) = self.comparisons.get_mut(&of) {
                    missing.retain(|id| !page.ids.contains(id));
                }
            }
        }
        let (of, missing) = match (&mut self.phase, &mut self.audit) {
            (Phase::Comparing(comparison), _) => (comparison.day, &mut comparison.missing),
            (_, AuditState::Recheck { day, missing, .. }) => (*day, missing),
            _ => return,
        };
        let days = [Some(of), of.succ_opt()];
        if request.span() == Span::OneDay && days.contains(&Some(day)) {
            for id in &page.ids {
                missing.remove(id);
            }
        }
    }

    /// Whether the comparison has come to its end.
    pub(super) fn check_comparison(&mut self) {
        let Phase::Comparing(comparison) = &self.phase else {
            return;
        };
        let day = comparison.day;
        if comparison.missing.is_empty() && self.windows.rows_of_day(day) == Some(0) {
            // All of them were created on the day after: they show nothing about the end of `day`.
            return self.probe_next_day(day);
        }
        if comparison.missing.is_empty() && self.shows_rows(day) {
            // Most likely the end day counts. Windows are read that way, and told after the first audit.
            self.audit = AuditState::Due {
                day,
                comparisons: 1,
            };
            self.evidence.end_bound.bound = EndBound::Inclusive;
            self.phase = Phase::Reading;
            return;
        }
        let next = day.succ_opt().unwrap_or(day);
        let is_over = |day| {
            self.windows.rows_of_day(day).is_some()
                || !self.windows.has(day)
                || self
                    .windows
                    .reading
                    .get(&day)
                    .is_some_and(|reader| matches!(reader.status(), WindowStatus::Failed(_)))
        };
        let is_awaited = |day| {
            let is_it = |question: &Question| matches!(question.purpose, Purpose::Probe { day: of, span: Span::OneDay } if of == day);
            self.in_flight.values().any(is_it) || self.ready.iter().any(is_it)
        };
        let is_over = |day| is_over(day) && !is_awaited(day);
        if is_over(day) && is_over(next) {
            self.is_exclusive();
        }
    }

    /// D…D+1 was asked as well, and D…D and D+1…D+1 are not read yet: they have to show its customers too.
    fn also_compare(&mut self, day: NaiveDate, page: &FirstPage) {
        let is_comparing = matches!(self.phase, Phase::Comparing(_)) || self.audit.holds();
        if is_comparing && self.windows.has(day) {
            let ids = page.records.iter().map(|record| record.id().clone());
            let missing = ids.filter(|id| !self.shown.contains(id));
            self.comparisons.insert(day, missing.collect());
        }
    }

    /// Whether windows of one day were read that lack customers of D…D+1.
    pub(super) fn check_comparisons(&mut self) {
        let is_over = |day| {
            self.windows.rows_of_day(day).is_some() && !self.windows.reading.contains_key(&day)
                || !self.windows.has(day)
        };
        let over: Vec<_> = self
            .comparisons
            .extract_if(.., |day, missing| {
                missing.is_empty() || is_over(*day) && day.succ_opt().is_none_or(is_over)
            })
            .collect();
        if over.iter().any(|(_, missing)| !missing.is_empty()) {
            self.comparisons.clear();
            self.is_exclusive();
        }
    }

    /// Whether D…D has shown rows.
    fn shows_rows(&self, day: NaiveDate) -> bool {
        let reading = self.windows.reading.get(&day);
        reading.is_some_and(WindowReader::has_rows)
            || self.windows.rows_of_day(day).is_some_and(|rows| rows > 0)
    }

    /// The comparison is made with the day after `day`, if there is one.
    fn probe_next_day(&mut self, day: NaiveDate) {
        let next = day.succ_opt().filter(|next| self.windows.has(*next));
        match next
            .and_then(|next| Some((next, next.succ_opt().filter(|it| self.windows.has(*it))?)))
        {
            Some((next, _)) => {
                self.phase = Phase::Probing(Probing::of(VecDeque::from([next]), true));
            }
            None => self.is_exclusive(),
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
                if let (Span::OneDay, ProbeAnswer::Rows(page)) = (span, answer)
                    && self.windows.waiting.contains(&day)
                {
                    self.windows.first_pages.insert(span.window(day), page);
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
