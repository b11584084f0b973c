//! What becomes of a question that was refused or failed: it is asked smaller, it waits until it is known
//! what "no customers" looks like, and before it is given up a canary shows whose trouble it is.

use std::time::Duration;

use chrono::NaiveDate;
use kapture_model::Window;
use kapture_transport::{Error, Refusal, StopReason};

use crate::api::PullError;
use crate::engine::Engine;
use crate::engine::budget::{TROUBLE_CANARY_ATTEMPTS, TROUBLE_CANARY_DELAYS_MS};
use crate::engine::calibration::Phase;
use crate::engine::questions::{ControlGroup, Purpose, Question, Stage, TroubleCheck};
use crate::evidence::empty_response::{Meaning, controls};
use crate::evidence::phrases::says_field_is_missing;
use crate::request::{DEFAULT_LIMIT, PageIds, PageRequest, Seq, Span};
use crate::window::PageTicket;

/// How many windows may be refused in unclear words, or be too large, before anything is answered.
const MAX_UNANSWERED: usize = 3;

impl Engine {
    /// A question was answered with success.
    pub(super) fn on_success(&mut self, question: Question) {
        match question.stage {
            Stage::Smaller => self.evidence.page_limit.was_too_much(),
            Stage::AfterTrouble { is_patient: true } => self.budget.give_back_patience(),
            _ => {}
        }
        self.spokesman_is_done(question);
        // What failed before anything was answered can be judged now.
        for (day, _) in std::mem::take(&mut self.unanswered) {
            self.windows.waiting.insert(day);
        }
    }

    /// Whether the window of a question is not read in that way any more.
    fn is_stale(&self, question: &Question) -> bool {
        let reader = match question.purpose {
            Purpose::Page { day, .. } => self.windows.reading.get(&day),
            Purpose::Look { day } => self.windows.pending.get(&day).map(|it| &it.reader),
            _ => return false,
        };
        reader.is_none_or(|reader| reader.window != question.request.window)
    }

    /// A question whose window is not read in that way any more is dropped. Returns whether it was.
    fn drop_stale(&mut self, question: &Question) -> bool {
        let is_stale = self.is_stale(question);
        if is_stale {
            self.spokesman_is_done(*question);
            if let Purpose::Look { day } = question.purpose {
                self.was_looked_at(day);
            }
        }
        is_stale
    }

    pub(super) fn on_refused(&mut self, question: Question, refusal: Refusal) {
        let request = question.request;
        if !self.evidence.answered && says_field_is_missing(&refusal) {
            return self.finish_with(call_failed(&request, Error::Refused(refusal)));
        }
        if self.drop_stale(&question) {
            return;
        }
        match question.purpose {
            Purpose::Page { day, ticket } if ticket.is_optional => {
                let error = call_failed(&request, Error::Refused(refusal));
                self.do_without(day, ticket, request.limit, error);
            }
            Purpose::Page { .. } | Purpose::Look { .. } => self.judge_refusal(question, refusal),
            Purpose::Control { group } => self.on_control(group, Some((request.window, refusal))),
            Purpose::TroubleCanary => self.trouble_is_general(&request, refusal),
            // The number of rows may be what is refused.
            Purpose::Probe { .. }
                if self.asks_smaller_first(&question)
                    && !self.evidence.empty_responses.is_known(&request, &refusal) =>
            {
                self.ready.push_back(question.at(Stage::Smaller));
            }
            Purpose::Probe { .. } | Purpose::Audit | Purpose::Canary | Purpose::Search => {
                self.dispatch(question, PageIds::default(), Some(refusal));
            }
        }
    }

    /// A page failed that its window can do without.
    fn do_without(&mut self, day: NaiveDate, ticket: PageTicket, limit: u32, error: PullError) {
        if let Some(reader) = self.windows.reading.get_mut(&day) {
            reader.on_failure(ticket, limit, error, &mut self.evidence);
        }
    }

    /// What it means that a page of a window was refused.
    fn judge_refusal(&mut self, question: Question, refusal: Refusal) {
        let request = question.request;
        if self.drop_stale(&question) {
            return;
        }
        if self.is_light(&question) {
            self.is_exclusive();
            // Its window was taken back with the others.
            self.drop_stale(&question);
            return;
        }
        let is_future = self.is_in_future(&request);
        let meaning = self
            .evidence
            .empty_responses
            .judge(&request, &refusal, is_future);
        match meaning {
            Meaning::NoCustomers => {
                if question.stage == (Stage::AfterTrouble { is_patient: true }) {
                    self.budget.give_back_patience();
                }
                self.spokesman_is_done(question);
                self.dispatch(question, PageIds::default(), Some(refusal));
            }
            // The number of rows may be what is refused.
            Meaning::AskControls if self.asks_smaller_first(&question) => {
                self.ready.push_back(question.at(Stage::Smaller));
            }
            Meaning::AskControls => self.ask_controls(question, refusal),
            Meaning::Trouble => self.on_trouble(question, refusal),
        }
    }

    /// Whether D…D is refused while it is compared with D…D+1: it does not stand for a day.
    fn is_light(&self, question: &Question) -> bool {
        matches!(&self.phase, Phase::Comparing(comparison) if comparison.day == question.request.window.start)
            && question.request.span() == Span::OneDay
            && question.request.offset == 0
    }

    fn asks_smaller_first(&self, question: &Question) -> bool {
        question.stage == Stage::Initial
            && question.has_large_limit()
            && !self.evidence.page_limit.has_worked()
    }

    /// The question waits until it is known what "no customers" looks like.
    fn ask_controls(&mut self, question: Question, refusal: Refusal) {
        let is_for = |group: &ControlGroup| group.is_for(&question.request);
        if let Some(group) = self.controls.iter_mut().find(|group| is_for(group)) {
            group.parked.push((question, refusal));
            return;
        }
        self.seq += 1;
        let group = self.seq;
        let sample = PageRequest {
            limit: question.request.limit.min(DEFAULT_LIMIT),
            ..question.request
        };
        let requests = controls(&sample, self.last_day);
        self.controls.push(ControlGroup {
            id: group,
            sample,
            outstanding: requests.len(),
            refusals: Vec::new(),
            parked: vec![(question, refusal)],
        });
        let asked = requests
            .into_iter()
            .map(|request| Question::new(Purpose::Control { group }, request));
        self.ready.extend(asked);
    }

    /// A control was answered: refused in these words, or in another way.
    pub(super) fn on_control(&mut self, group: Seq, refusal: Option<(Window, Refusal)>) {
        let mut groups = self.controls.iter_mut();
        let Some(place) = groups.position(|it| it.id == group) else {
            return;
        };
        let group = &mut self.controls[place];
        group.refusals.extend(refusal);
        group.outstanding = group.outstanding.saturating_sub(1);
        if group.outstanding > 0 {
            return;
        }
        let ControlGroup {
            refusals,
            parked,
            sample,
            ..
        } = self.controls.remove(place);
        self.evidence
            .empty_responses
            .observe_controls(&sample, refusals);
        for (question, refusal) in parked {
            self.judge_refusal(question, refusal);
        }
    }

    /// A question was refused in words that do not mean "no customers".
    fn on_trouble(&mut self, question: Question, refusal: Refusal) {
        let request = question.request;
        if self.is_excused(&question) {
            return;
        }
        match question.stage {
            Stage::Initial if question.has_large_limit() => {
                self.ready.push_back(question.at(Stage::Smaller));
            }
            Stage::Initial | Stage::Smaller | Stage::Unbounded | Stage::Confirming => {
                self.park(question);
            }
            Stage::AfterTrouble { .. } => {
                self.spokesman_is_done(question);
                if !self.evidence.answered {
                    let answers = vec![(request.window, refusal)];
                    return self.is_unanswered(question, PullError::AmbiguousEmpty { answers });
                }
                // The controls may have met the same trouble.
                if self.budget.may_ask_controls()
                    && self.evidence.empty_responses.forget_controls(&request)
                {
                    self.budget.controls_were_asked();
                    return self.ask_controls(question, refusal);
                }
                self.give_up(question, call_failed(&request, Error::Refused(refusal)));
            }
        }
    }

    /// Nothing was answered yet, and neither was this: it is judged again after the first success.
    fn is_unanswered(&mut self, question: Question, error: PullError) {
        let (Purpose::Page { day, .. } | Purpose::Look { day }) = question.purpose else {
            return;
        };
        self.windows.reading.remove(&day);
        self.windows.pending.remove(&day);
        self.was_looked_at(day);
        self.unanswered.push((day, error.clone()));
        if self.unanswered.len() >= MAX_UNANSWERED {
            self.finish_with(error);
        }
    }

    /// Whether a neighbour's window lies in the future, where it is refused for that: it has no rows, if
    /// windows are cut in the zone of the dates.
    fn is_excused(&mut self, question: &Question) -> bool {
        let Purpose::Page { day, .. } = question.purpose else {
            return false;
        };
        let is_excused = self.is_in_future(&question.request)
            && !self.assembler.wants(day)
            && !self.evidence.creation_dates.has_shift;
        if is_excused && let Some(reader) = self.windows.reading.get_mut(&day) {
            reader.excuse();
        }
        is_excused
    }

    pub(super) fn on_failed(&mut self, question: Question, error: Error) {
        let request = question.request;
        tracing::debug!(window = %request.window, offset = request.offset, %error, "failed");
        let ends_the_run = match error.root() {
            Error::Unauthorized(_) | Error::Forbidden(_) | Error::ProxyLogin(_) | Error::Tls(_) => {
                true
            }
            // It would be so for every window.
            Error::Coding(_) | Error::NotSent(_) => !self.evidence.answered,
            _ => false,
        };
        if ends_the_run {
            return self.finish_with(call_failed(&request, error));
        }
        if self.drop_stale(&question) {
            return;
        }
        match question.purpose {
            Purpose::Page { day, ticket } if question.is_optional() => {
                let error = call_failed(&request, error);
                self.do_without(day, ticket, request.limit, error);
            }
            Purpose::Page { .. } | Purpose::Look { .. } => self.press(question, error),
            Purpose::Probe { day, span } => {
                if self.ends_all(&error) {
                    return self.finish_with(call_failed(&request, error));
                }
                match question.stage == Stage::Initial && question.has_large_limit() {
                    true => self.ready.push_back(question.at(Stage::Smaller)),
                    false => self.on_probe_failed(day, span, &error),
                }
            }
            Purpose::Control { group } => self.on_control(group, None),
            Purpose::Search => self.on_searched(),
            Purpose::Audit => self.is_exclusive(),
            Purpose::Canary | Purpose::TroubleCanary => match is_over(&error) {
                true => self.finish_with(call_failed(&request, error)),
                false if question.purpose == Purpose::Canary => {
                    self.on_canary(None, None);
                }
                false => self.release_parked(),
            },
        }
    }

    /// A page of a window failed: it is asked in another way, or given up.
    fn press(&mut self, question: Question, error: Error) {
        let request = question.request;
        let is_too_large = matches!(error, Error::TooLarge { .. } | Error::TooManyRows { .. });
        match question.stage {
            Stage::Initial if question.has_large_limit() && may_be_too_much(&error) => {
                self.ready.push_back(question.at(Stage::Smaller));
            }
            _ if self.ends_all(&error) => self.finish_with(call_failed(&request, error)),
            _ if is_too_large && !self.evidence.answered => {
                self.is_unanswered(question, call_failed(&request, error));
            }
            _ if is_too_large || matches!(error, Error::MissingId { .. }) => {
                self.give_up(question, call_failed(&request, error));
            }
            Stage::Initial if !matches!(error, Error::Exhausted { .. }) && request.offset == 0 => {
                self.ready.push_back(question.at(Stage::Unbounded));
            }
            Stage::AfterTrouble { .. } => {
                self.spokesman_is_done(question);
                let error = match request.offset > 0 && matches!(error, Error::Server { .. }) {
                    true => PullError::OffsetCapped {
                        window: request.window,
                        offset: request.offset,
                    },
                    false => call_failed(&request, error),
                };
                self.give_up(question, error);
            }
            _ if matches!(error, Error::Exhausted { .. }) && !is_over(&error) => {
                self.give_up(question, call_failed(&request, error));
            }
            _ => self.park(question),
        }
    }

    /// Whether no other question can fare better, and nothing was answered that shows otherwise.
    fn ends_all(&self, error: &Error) -> bool {
        is_over(error) && self.evidence.answered_by.is_none()
    }

    /// The window of a question cannot be read.
    fn give_up(&mut self, question: Question, error: PullError) {
        match question.purpose {
            Purpose::Page { day, .. } | Purpose::Look { day } => self.fail_window(day, error),
            _ => {}
        }
    }

    /// The question waits until it is known whose trouble it is.
    fn park(&mut self, question: Question) {
        self.parked.push(question);
        if !matches!(self.trouble, TroubleCheck::None) {
            return;
        }
        let canary = self.evidence.canaries.any().map(|canary| canary.request);
        match canary.or(self.evidence.answered_by) {
            Some(canary) => {
                self.trouble = TroubleCheck::Canary {
                    since: self.seq,
                    attempts: 1,
                };
                self.ready
                    .push_front(Question::new(Purpose::TroubleCanary, canary));
            }
            None => {
                self.trouble = TroubleCheck::Spokesman;
                self.press_one();
            }
        }
    }

    fn press_one(&mut self) {
        if let Some(question) = self.parked.pop() {
            let is_patient = self.budget.take_patience();
            let stage = Stage::AfterTrouble { is_patient };
            self.ready.push_front(question.at(stage));
        }
    }

    /// The question that was pressed for all others has come to its end.
    fn spokesman_is_done(&mut self, question: Question) {
        if matches!(self.trouble, TroubleCheck::Spokesman)
            && matches!(question.stage, Stage::AfterTrouble { .. })
        {
            self.release_parked();
        }
    }

    /// A canary was asked because of the trouble of other questions, and answered.
    pub(super) fn on_trouble_canary(&mut self, canary: &PageRequest, page: &PageIds) {
        if page.ids.is_empty() && self.evidence.canaries.has_seen_rows() {
            self.evidence.contradictions += 1;
            self.evidence.canaries.was_silent(*canary);
        }
        self.release_parked();
    }

    /// Not even the canary is answered, for as long as a client is patient.
    fn trouble_is_general(&mut self, canary: &PageRequest, refusal: Refusal) {
        let TroubleCheck::Canary { since, attempts } = self.trouble else {
            return;
        };
        if self.evidence.last_success > since {
            return self.release_parked();
        }
        if attempts < TROUBLE_CANARY_ATTEMPTS {
            let attempts = attempts + 1;
            self.trouble = TroubleCheck::Canary { since, attempts };
            let (first, most) = TROUBLE_CANARY_DELAYS_MS;
            let delay = Duration::from_millis((first << attempts.min(8)).min(most));
            let question = Question::new(Purpose::TroubleCanary, *canary);
            return self.ready.push_front(Question { delay, ..question });
        }
        self.finish_with(PullError::RefusesEverything {
            window: canary.window,
            answer: refusal,
        });
    }

    /// The questions that waited are asked once more.
    pub(super) fn release_parked(&mut self) {
        self.trouble = TroubleCheck::None;
        for question in std::mem::take(&mut self.parked) {
            if self.drop_stale(&question) {
                continue;
            }
            let is_patient = self.budget.take_patience();
            let stage = Stage::AfterTrouble { is_patient };
            self.ready.push_back(question.at(stage));
        }
    }
}

fn call_failed(request: &PageRequest, source: Error) -> PullError {
    PullError::Call {
        window: request.window,
        offset: request.offset,
        source,
    }
}

/// Whether no other question can fare better.
fn is_over(error: &Error) -> bool {
    matches!(error, Error::Exhausted { reason, .. } if *reason != StopReason::RetryTimeout)
}

/// Whether fewer rows may be answered where these were not.
fn may_be_too_much(error: &Error) -> bool {
    !matches!(
        error.root(),
        Error::Connect(_)
            | Error::Proxy { .. }
            | Error::ProxyLogin(_)
            | Error::MissingId { .. }
            | Error::Tls(_)
    ) && !is_over(error)
}
