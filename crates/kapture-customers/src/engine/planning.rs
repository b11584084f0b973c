//! Chooses the next request of a pull. First comes the page that a window needs in order to continue, then pages
//! that are known to have rows, then the first page of a further window, and last a far probe (see
//! `window/prefetch.rs`). Once no window is left to begin, far probes come before the pages that are known to have
//! rows.

use chrono::NaiveDate;

use crate::engine::Engine;
use crate::engine::budget::{MAX_DEFERRED, MAX_PENDING_EMPTY, WINDOWS_PER_PLACE};
use crate::engine::calibration::Phase;
use crate::engine::questions::{Purpose, Question, TroubleCheck};
use crate::engine::windows::Windows;
use crate::window::{Like, WindowReader};

impl Engine {
    /// The next request for which nothing has to be learnt first.
    pub(super) fn plan(&mut self, places: usize) -> Option<Question> {
        if let Some(question) = self.plan_page() {
            return Some(question);
        }
        if matches!(self.trouble, TroubleCheck::None) {
            if let Some(question) = self.plan_probe(places) {
                return Some(question);
            }
            let most = WINDOWS_PER_PLACE * places;
            while self.windows.reading.len() < most
                && let Some(day) = self.next_window()
            {
                self.begin_window(day, self.evidence.end_bound.span());
                if let Some(question) = self.plan_page() {
                    return Some(question);
                }
            }
        }
        if let Some(question) = self.plan_far_probe() {
            return Some(question);
        }
        self.resume_deferred_beyond(MAX_DEFERRED);
        if self.is_time_to_confirm() {
            self.begin_confirmation();
        }
        self.plan_page()
    }

    /// A page far ahead in a window, if the budget has one left.
    fn plan_far_probe(&mut self) -> Option<Question> {
        let is_probing = |reader: &&WindowReader| reader.awaits_far_page();
        let on_their_way = self.windows.reading.values().filter(is_probing).count();
        if !self.budget.may_probe_far(on_their_way) {
            return None;
        }
        let evidence = &self.evidence;
        let Windows { reading, rows, .. } = &mut self.windows;
        let ahead =
            |(day, reader): (&NaiveDate, &WindowReader)| Some((*day, reader.rows_ahead(evidence)?));
        let leader = reading.iter().find_map(ahead);
        reading.iter_mut().find_map(|(day, reader)| {
            let before = rows.range(..*day).next_back();
            let like = match (before, leader) {
                (Some((_, rows)), _) => Like::Exactly(*rows),
                (None, Some((first, rows))) if first < *day => Like::AtLeast(rows),
                _ => Like::Unknown,
            };
            let (request, ticket) = reader.next_far(evidence, like)?;
            Some(Question::new(Purpose::Page { day: *day, ticket }, request))
        })
    }

    /// Whether windows without rows are to be looked at again while others are read: where many wait, or
    /// where no more can come.
    fn is_time_to_confirm(&self) -> bool {
        let windows = &self.windows;
        let is_possible = matches!(self.phase, Phase::Reading)
            && !windows.pending.is_empty()
            && self.evidence.canaries.has_seen_rows();
        let are_many = windows.pending.len() > MAX_PENDING_EMPTY;
        let are_all =
            || windows.waiting.is_empty() && windows.reading.values().all(WindowReader::has_rows);
        is_possible && (are_many || are_all())
    }

    /// The next page of a window that is being read: one without which it does not go on, or one that is
    /// known to be of use.
    fn plan_page(&mut self) -> Option<Question> {
        let large_page = self.budget.large_page;
        for (day, reader) in &mut self.windows.reading {
            if reader.wants_large_page() && large_page.is_some_and(|other| other != *day) {
                continue;
            }
            let is_large = reader.wants_large_page();
            if let Some((request, ticket)) = reader.next_needed() {
                if is_large {
                    self.budget.large_page = Some(*day);
                }
                return Some(Question::new(Purpose::Page { day: *day, ticket }, request));
            }
        }
        // No window is left to begin, so only far probes find more work. If they came last, the connections would
        // be idle while the answer of each is awaited.
        if self.windows.waiting.is_empty()
            && let Some(question) = self.plan_far_probe()
        {
            return Some(question);
        }
        let evidence = &self.evidence;
        self.windows.reading.iter_mut().find_map(|(day, reader)| {
            let (request, ticket) = reader.next_certain(evidence)?;
            Some(Question::new(Purpose::Page { day: *day, ticket }, request))
        })
    }

    /// The next window to begin, unless too many wait for their second look.
    pub(super) fn next_window(&self) -> Option<NaiveDate> {
        let may_begin = matches!(self.phase, Phase::Reading)
            && self.windows.pending.len() <= 2 * MAX_PENDING_EMPTY;
        self.windows.waiting.first().copied().filter(|_| may_begin)
    }
}
