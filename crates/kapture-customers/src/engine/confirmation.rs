//! Windows without rows, looked at again between canaries: empty because nothing was there, and not
//! because the server was out of order.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use kapture_model::Window;
use kapture_transport::Refusal;

use crate::api::{Event, Finding, Proof, PullError};
use crate::engine::Engine;
use crate::engine::budget::{
    CANARY_SEARCH_DOUBLINGS, CANARY_WAIT_MS, CANARY_WAITS, LOOKS_IN_A_ROW, LOOKS_PER_CONTRADICTION,
    MAX_CONTRADICTORY_ROUNDS, MAX_SILENT_CANARIES, ROUND_DELAY_MS, UNVOUCHED_DELAY_MS,
    UNVOUCHED_LOOKS, UNVOUCHED_SAMPLE,
};
use crate::engine::questions::{Purpose, Question};
use crate::engine::windows::PendingWindow;
use crate::evidence::canaries::Canary;
use crate::evidence::empty_response::Meaning;
use crate::request::{DEFAULT_LIMIT, PageIds, PageRequest, Span};
use crate::window::{WindowReader, WindowStatus};

/// One round of looks at a time.
///
/// ```text
///  Idle ─► Before: canary ── rows ─► Looking: every pending window ─► After: canary ── rows ─► confirmed
///            │ none: again, later                                      │ none: again, later
///            ▼ three times                                             ▼ three times
///          another canary; none left ─► the batch fails, or is searched for one before the asked days
/// ```
#[derive(Debug, Default)]
pub(super) struct Confirmation {
    state: State,
    /// Rounds that met a contradiction.
    rounds: u32,
    /// The contradictions that were met before this round.
    contradictions: u32,
    has_searched: bool,
    /// How often canaries were waited for since one had rows.
    waits: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A canary was asked, before or after the looks.
    Canary {
        moment: Moment,
        batch: BTreeSet<NaiveDate>,
        canary: Canary,
    },
    Looking {
        batch: BTreeSet<NaiveDate>,
        /// A day for each look that is not over.
        outstanding: Vec<NaiveDate>,
        /// None where there is none: what is without rows once more is believed, or named.
        canary: Option<Canary>,
    },
    /// A canary is looked for before the asked days.
    Searching { outstanding: u32 },
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    Before,
    After,
}

#[cfg(test)]
impl Confirmation {
    /// The name of its state.
    pub(super) fn name(&self) -> &'static str {
        match self.state {
            State::Idle => "Idle",
            State::Canary {
                moment: Moment::Before,
                ..
            } => "Before",
            State::Canary { .. } => "After",
            State::Looking { .. } => "Looking",
            State::Searching { .. } => "Searching",
        }
    }
}

impl Engine {
    /// A window has come to an end without rows, or without rows where some were known.
    pub(super) fn is_pending(&mut self, day: NaiveDate, reader: WindowReader) {
        if matches!(reader.status(), WindowStatus::Doubtful { .. }) {
            self.evidence.contradictions += 1;
        }
        let pending = PendingWindow { reader, looks: 0 };
        self.windows.pending.insert(day, pending);
    }

    /// Begins a round, unless one is under way.
    pub(super) fn begin_confirmation(&mut self) {
        if !matches!(self.confirmation.state, State::Idle) {
            return;
        }
        let batch: BTreeSet<_> = self.windows.pending.keys().copied().collect();
        let Some(canary) = self.pick_canary() else {
            return self.without_canary();
        };
        self.confirmation.state = State::Canary {
            moment: Moment::Before,
            batch,
            canary,
        };
        let rounds = self.confirmation.rounds;
        let delay = match rounds {
            0 => Duration::ZERO,
            _ => Duration::from_millis(ROUND_DELAY_MS << rounds.min(MAX_CONTRADICTORY_ROUNDS)),
        };
        self.ask_canary(canary.request, delay);
    }

    /// A canary for the windows that are looked at.
    fn pick_canary(&self) -> Option<Canary> {
        let mut pending = self.windows.pending.values();
        let span = self.pending_span();
        let is_odd = |reader: &WindowReader| {
            let refusal = reader.refusal();
            refusal.is_some_and(|refusal| !self.evidence.empty_responses.is_plain(refusal))
        };
        let may_be_too_wide = pending.any(|pending| {
            Span::of(pending.reader.window) == Span::TwoDays && is_odd(&pending.reader)
        });
        self.evidence.canaries.pick(span, may_be_too_wide)
    }

    /// How wide the windows are that are looked at: the smallest width among them, since what vouches for
    /// D…D vouches for D…D+1.
    fn pending_span(&self) -> Span {
        let pending = self.windows.pending.values();
        let spans = pending.map(|pending| Span::of(pending.reader.window));
        spans.min().unwrap_or(Span::TwoDays)
    }

    fn ask_canary(&mut self, canary: PageRequest, delay: Duration) {
        let question = Question {
            delay,
            ..Question::new(Purpose::Canary, canary)
        };
        self.ready.push_back(question);
    }

    /// The canary was answered, with so many rows, or failed.
    pub(super) fn on_canary(&mut self, rows: Option<usize>, refusal: Option<Refusal>) {
        let state = std::mem::take(&mut self.confirmation.state);
        let State::Canary {
            moment,
            batch,
            canary,
        } = state
        else {
            self.confirmation.state = state;
            return;
        };
        if rows.is_some_and(|rows| canary.is_alive(rows)) {
            self.confirmation.waits = 0;
            return match moment {
                Moment::Before => self.send_looks(batch, Some(canary)),
                Moment::After => self.end_round(&batch),
            };
        }
        if self.confirmation.waits < CANARY_WAITS {
            self.confirmation.waits += 1;
            // A failure, and words that do not mean it, tell nothing about other windows.
            let responses = &mut self.evidence.empty_responses;
            let is_said_to_be_empty = rows.is_some()
                && refusal.as_ref().is_none_or(|it| {
                    responses.judge(&canary.request, it, false) == Meaning::NoCustomers
                });
            self.evidence.contradictions += u32::from(is_said_to_be_empty);
            self.confirmation.state = State::Canary {
                moment,
                batch,
                canary,
            };
            return self.ask_canary(canary.request, Duration::from_millis(CANARY_WAIT_MS));
        }
        self.evidence.canaries.was_silent(canary.request);
        let silent = self.evidence.canaries.silent();
        let Some(other) = self.pick_canary().filter(|_| silent < MAX_SILENT_CANARIES) else {
            return self.all_canaries_are_silent(&canary.request, refusal);
        };
        self.confirmation.state = State::Canary {
            moment: Moment::Before,
            batch,
            canary: other,
        };
        self.ask_canary(other.request, Duration::ZERO);
    }

    fn send_looks(&mut self, batch: BTreeSet<NaiveDate>, canary: Option<Canary>) {
        let delay = match canary {
            Some(_) => Duration::ZERO,
            None => Duration::from_millis(UNVOUCHED_DELAY_MS),
        };
        // Machines that answer in turn could answer each look, and each canary by another one: then every
        // window is asked twice in a row.
        let times = match self.evidence.contradictions {
            0 => 1,
            _ => LOOKS_IN_A_ROW,
        };
        let mut outstanding = Vec::new();
        for day in &batch {
            let pending = self.windows.pending.get(day);
            let Some(request) = pending.and_then(|pending| pending.reader.look()) else {
                continue;
            };
            let question = Question::new(Purpose::Look { day: *day }, request);
            for _ in 0..times {
                outstanding.push(*day);
                self.ready.push_back(Question { delay, ..question });
            }
        }
        self.confirmation.state = State::Looking {
            batch,
            outstanding,
            canary,
        };
        self.end_looks();
    }

    /// A window without rows was looked at again.
    pub(super) fn on_look(&mut self, day: NaiveDate, window: Window, page: PageIds) {
        let pending = self.windows.pending.get(&day);
        // It may have been taken back meanwhile, to be read in another way.
        let is_current = pending.is_some_and(|pending| pending.reader.window == window);
        if is_current
            && !page.ids.is_empty()
            && let Some(mut pending) = self.windows.pending.remove(&day)
        {
            self.evidence.contradictions += 1;
            if self.confirmation.rounds > MAX_CONTRADICTORY_ROUNDS {
                self.fail_window(day, contradiction(&pending.reader));
            } else if Span::of(window) == self.evidence.end_bound.span() {
                pending.reader.on_look(page, &mut self.evidence);
                self.windows.reading.insert(day, pending.reader);
            } else {
                self.windows.waiting.insert(day);
            }
        }
        self.was_looked_at(day);
    }

    /// A look at a window is over, whatever came of it.
    pub(super) fn was_looked_at(&mut self, day: NaiveDate) {
        if let State::Looking { outstanding, .. } = &mut self.confirmation.state
            && let Some(place) = outstanding.iter().position(|of| *of == day)
        {
            outstanding.swap_remove(place);
        }
        self.end_looks();
    }

    fn end_looks(&mut self) {
        let State::Looking {
            batch,
            outstanding,
            canary,
        } = &mut self.confirmation.state
        else {
            return;
        };
        if outstanding.is_empty() {
            let batch = std::mem::take(batch);
            let Some(canary) = *canary else {
                return self.end_unvouched_looks();
            };
            self.confirmation.state = State::Canary {
                moment: Moment::After,
                batch,
                canary,
            };
            self.ask_canary(canary.request, Duration::ZERO);
        }
    }

    /// The windows to look at though no canary vouches for them: all, and after that a few spread over the run.
    fn unvouched_batch(&self) -> BTreeSet<NaiveDate> {
        let pending = &self.windows.pending;
        let is_first = pending.values().any(|pending| pending.looks == 0);
        let step = match is_first {
            true => 1,
            false => pending.len().div_ceil(UNVOUCHED_SAMPLE).max(1),
        };
        pending.keys().step_by(step).copied().collect()
    }

    /// Windows were looked at though no canary vouches for them.
    fn end_unvouched_looks(&mut self) {
        self.confirmation.state = State::Idle;
        let needed = match self.evidence.infers_ends {
            true => 1,
            false => UNVOUCHED_LOOKS,
        };
        for pending in self.windows.pending.values_mut() {
            pending.looks += 1;
        }
        let mut pending = self.windows.pending.values();
        // A window that has shown rows is a canary for the others.
        let is_vouched = self.evidence.canaries.has_seen_rows();
        match is_vouched || pending.any(|pending| pending.looks < needed) {
            true => self.begin_confirmation(),
            false => self.believe_or_name(),
        }
    }

    /// The server was well before and after: what has had looks enough is confirmed.
    fn end_round(&mut self, batch: &BTreeSet<NaiveDate>) {
        let contradictions = self.evidence.contradictions;
        if contradictions > self.confirmation.contradictions {
            self.confirmation.contradictions = contradictions;
            self.confirmation.rounds += 1;
        }
        let rounds = self.confirmation.rounds;
        let needed = 1 + LOOKS_PER_CONTRADICTION * rounds;
        let mut confirmed = Vec::new();
        for day in batch {
            if let Some(pending) = self.windows.pending.get_mut(day) {
                pending.looks += 1;
                if pending.looks >= needed {
                    confirmed.push(*day);
                }
            }
        }
        for day in confirmed {
            if let Some(mut pending) = self.windows.pending.remove(&day) {
                pending.reader.confirm();
                self.windows.reading.insert(day, pending.reader);
            }
        }
        if rounds > MAX_CONTRADICTORY_ROUNDS {
            self.fail_pending(contradiction);
        }
    }

    /// Every window that waits for a look fails.
    fn fail_pending(&mut self, error: impl Fn(&WindowReader) -> PullError) {
        let pending = std::mem::take(&mut self.windows.pending);
        for (day, pending) in pending {
            let error = error(&pending.reader);
            self.fail_window(day, error);
        }
    }

    /// No canary returns rows any more.
    fn all_canaries_are_silent(&mut self, canary: &PageRequest, refusal: Option<Refusal>) {
        let has_seen_rows = self.evidence.canaries.has_seen_rows();
        let window = canary.window;
        // All windows of which customers came in this run are refused in words, and for long, as after
        // the end of a session. Windows that were not asked for yet would be refused too.
        if has_seen_rows
            && !self.windows.waiting.is_empty()
            && let Some(answer) = refusal
        {
            return self.finish_with(PullError::RefusesEverything { window, answer });
        }
        self.fail_pending(|reader| match has_seen_rows {
            true => PullError::InconsistentServer {
                window,
                answer: None,
            },
            false => PullError::EmptiedEverywhere {
                window: reader.window,
            },
        });
    }

    /// No request of the run returned rows, and no earlier run tells of any that might: one is looked for
    /// before the asked days, once.
    fn without_canary(&mut self) {
        let canaries = &self.evidence.canaries;
        if canaries.has_seen_rows() {
            // Windows of another width have shown customers, which proves nothing about these.
            return self.fail_pending(|reader| PullError::NoCanary {
                window: reader.window,
            });
        }
        if canaries.silent() > 0 {
            return self.fail_pending(|reader| PullError::EmptiedEverywhere {
                window: reader.window,
            });
        }
        if std::mem::replace(&mut self.confirmation.has_searched, true) {
            return self.send_looks(self.unvouched_batch(), None);
        }
        let span = self.pending_span();
        let first = self.windows.pending.keys().next().copied();
        let days = (0..CANARY_SEARCH_DOUBLINGS)
            .filter_map(|doubling| first?.checked_sub_days(Days::new(1 << doubling)));
        let questions: Vec<_> = days
            .map(|day| {
                let request = PageRequest::first(span.window(day), DEFAULT_LIMIT);
                Question::new(Purpose::Search, request)
            })
            .collect();
        self.confirmation.state = State::Searching {
            outstanding: questions.len() as u32,
        };
        self.ready.extend(questions);
        if let State::Searching { outstanding: 0 } = self.confirmation.state {
            self.confirmation.state = State::Idle;
            self.begin_confirmation();
        }
    }

    /// One of the days before the asked ones was answered.
    pub(super) fn on_searched(&mut self) {
        let State::Searching { outstanding } = &mut self.confirmation.state else {
            return;
        };
        *outstanding = outstanding.saturating_sub(1);
        if *outstanding > 0 {
            return;
        }
        self.confirmation.state = State::Idle;
        self.begin_confirmation();
    }

    /// There is no canary: an explicit empty list is believed that came twice, and the user's word; other
    /// words are not.
    fn believe_or_name(&mut self) {
        let pending = std::mem::take(&mut self.windows.pending);
        let mut is_told = false;
        for (day, PendingWindow { reader, .. }) in pending {
            let refusal = reader.refusal();
            let is_users = refusal.is_some_and(|it| self.evidence.empty_responses.is_users(it));
            if let Some(refusal) = refusal.filter(|_| !is_users) {
                let answers = vec![(reader.window, refusal.clone())];
                return self.finish_with(PullError::AmbiguousEmpty { answers });
            }
            if !is_users && !std::mem::replace(&mut is_told, true) {
                self.events.push_back(Event::Discovered(Finding::NoCanary));
            }
            let proof = match is_users {
                true => Proof::Contiguous,
                false => Proof::Unvouched,
            };
            self.tell_window(day, proof);
        }
    }
}

/// A window was answered otherwise than before, time and again.
fn contradiction(reader: &WindowReader) -> PullError {
    let window = reader.window;
    let answer = reader.refusal().cloned();
    match answer.is_some() {
        true => PullError::InconsistentRefusal { window, answer },
        false => PullError::InconsistentServer { window, answer },
    }
}
