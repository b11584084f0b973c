//! Whether D…D and D+1…D+1 show everybody whom D…D+1 shows.

use std::collections::VecDeque;

use chrono::NaiveDate;
use foldhash::HashSet;

use crate::api::EndBound;
use crate::engine::Engine;
use crate::engine::audit::AuditState;
use crate::engine::calibration::{Phase, Probing};
use crate::engine::questions::{Purpose, Question};
use crate::engine::windows::FirstPage;
use crate::request::{PageIds, PageRequest, Span};
use crate::window::{WindowReader, WindowStatus};

impl Engine {
    /// A page of one day shows some of those that D…D+1 shows.
    pub(super) fn compare_page(&mut self, day: NaiveDate, request: &PageRequest, page: &PageIds) {
        if request.span() == Span::OneDay {
            if matches!(self.phase, Phase::Comparing(_)) || self.audit.holds() {
                match self.may_compare_more() {
                    true => self.shown.extend(page.ids.iter().cloned()),
                    // A first day may have very many customers.
                    false => self.shown = HashSet::default(),
                }
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

    /// Whether customers of D…D may be looked for in a D…D+1 that is still to come: one that was asked, or
    /// that of the next day.
    fn may_compare_more(&self) -> bool {
        let is_it = |question: &Question| {
            let span = Span::TwoDays;
            matches!(question.purpose, Purpose::Probe { span: of, .. } if of == span)
        };
        let asked = self.in_flight.values().chain(&self.ready);
        let is_asked = asked.chain(&self.parked).any(is_it);
        match &self.phase {
            Phase::Comparing(comparison) => is_asked || !self.shows_rows(comparison.day),
            _ => is_asked,
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
    pub(super) fn also_compare(&mut self, day: NaiveDate, page: &FirstPage) {
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
}
