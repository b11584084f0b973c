//! Requests that are known to return rows: repeated, they show whether the server is well.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::request::{DEFAULT_LIMIT, PageRequest, Span};

/// A request, and how many rows it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canary {
    pub(crate) request: PageRequest,
    rows: usize,
}

impl Canary {
    /// Whether so many rows show that the server is well: some may have gone, but not most of them, as
    /// where a window does not reach as far as it did.
    pub(crate) fn is_alive(&self, rows: usize) -> bool {
        rows > 0 && 2 * rows >= self.rows
    }
}

/// The canaries of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canaries {
    /// The first page of the window that showed most rows, by how wide it is.
    one_day: Option<Canary>,
    two_days: Option<Canary>,
    /// Days that held customers when an earlier run read them; the latest ones tell most.
    from_ledger: BTreeSet<NaiveDate>,
    /// Days that showed no rows when they were asked as canaries.
    silent: BTreeSet<NaiveDate>,
}

impl Canaries {
    pub(crate) fn new(from_ledger: impl IntoIterator<Item = NaiveDate>) -> Self {
        Self {
            from_ledger: from_ledger.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A request returned so many rows.
    pub(crate) fn observe(&mut self, request: PageRequest, rows: usize) {
        if request.offset > 0 || rows == 0 {
            return;
        }
        let limit = request.limit.min(DEFAULT_LIMIT);
        let canary = Canary {
            request: PageRequest { limit, ..request },
            rows: rows.min(limit as usize),
        };
        let of_width = match request.span() {
            Span::OneDay => &mut self.one_day,
            Span::TwoDays => &mut self.two_days,
        };
        if of_width.is_none_or(|before| before.rows < canary.rows) {
            *of_width = Some(canary);
        }
    }

    /// Whether any window has shown rows in this run.
    pub(crate) fn has_seen_rows(&self) -> bool {
        self.one_day.is_some() || self.two_days.is_some()
    }

    /// A canary for windows as wide as `span`: one of the same width, as which days of the ledger are
    /// asked. D…D+1 holds D on every server that accepts it, so one of D…D vouches for it as well, unless
    /// it `may_be_too_wide`.
    pub(crate) fn pick(&self, span: Span, may_be_too_wide: bool) -> Option<Canary> {
        let of_run = match (span, may_be_too_wide) {
            (Span::OneDay, _) => [self.one_day, None],
            (Span::TwoDays, true) => [self.two_days, None],
            (Span::TwoDays, false) => [self.two_days, self.one_day],
        };
        let is_heard = |canary: &Canary| !self.silent.contains(&canary.request.window.start);
        let mut heard = of_run.into_iter().flatten().filter(is_heard);
        heard.next().or_else(|| self.pick_from_ledger(span))
    }

    /// Any window that has shown rows in this run.
    pub(crate) fn any(&self) -> Option<Canary> {
        self.one_day.or(self.two_days)
    }

    fn pick_from_ledger(&self, span: Span) -> Option<Canary> {
        let mut latest_first = self.from_ledger.iter().rev();
        let day = latest_first.find(|day| !self.silent.contains(day))?;
        Some(Canary {
            request: PageRequest::first(span.window(*day), DEFAULT_LIMIT),
            rows: 1,
        })
    }

    /// A canary returned no rows time and again: it is not asked any more.
    pub(crate) fn was_silent(&mut self, canary: PageRequest) {
        self.silent.insert(canary.window.start);
    }

    /// How many windows were known to hold customers, but do not show them any more.
    pub(crate) fn silent(&self) -> usize {
        self.silent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn first_page(span: Span, d: u32) -> PageRequest {
        PageRequest::first(span.window(day(d)), 100)
    }

    fn picked(canaries: &Canaries, span: Span, may_be_too_wide: bool) -> Option<PageRequest> {
        let canary = canaries.pick(span, may_be_too_wide);
        canary.map(|canary| canary.request)
    }

    #[test]
    fn window_that_shows_few_of_its_rows_is_no_sign_that_the_server_is_well() {
        let mut canaries = Canaries::default();
        canaries.observe(first_page(Span::OneDay, 7), 60);
        canaries.observe(first_page(Span::OneDay, 8), 1);
        let canary = canaries.any().unwrap();
        assert_eq!(canary.request.window.start, day(7));
        assert!(canary.is_alive(60) && canary.is_alive(30));
        assert!(!canary.is_alive(29) && !canary.is_alive(0));
    }

    #[test]
    fn canary_of_the_same_width_is_picked_first_and_the_ledger_last() {
        let mut canaries = Canaries::new([day(1), day(2)]);
        let of_ledger = picked(&canaries, Span::OneDay, false);
        assert_eq!(of_ledger, Some(first_page(Span::OneDay, 2)));
        canaries.observe(first_page(Span::OneDay, 7), 9);
        let one_day = Some(first_page(Span::OneDay, 7));
        assert_eq!(picked(&canaries, Span::OneDay, false), one_day);
        assert_eq!(picked(&canaries, Span::TwoDays, false), one_day);
        canaries.observe(first_page(Span::TwoDays, 5), 9);
        let two_days = Some(first_page(Span::TwoDays, 5));
        assert_eq!(picked(&canaries, Span::TwoDays, false), two_days);
        assert_eq!(picked(&canaries, Span::OneDay, false), one_day);
    }

    #[test]
    fn window_of_one_day_does_not_vouch_for_two_days_that_may_be_too_wide() {
        let mut canaries = Canaries::default();
        canaries.observe(first_page(Span::OneDay, 7), 9);
        assert_eq!(picked(&canaries, Span::TwoDays, true), None);
        let mut canaries = Canaries::default();
        canaries.observe(first_page(Span::TwoDays, 7), 9);
        assert_eq!(picked(&canaries, Span::OneDay, false), None);
    }

    #[test]
    fn silent_canaries_are_passed_over_until_there_is_none() {
        let mut canaries = Canaries::new([day(1)]);
        canaries.observe(first_page(Span::OneDay, 7), 9);
        canaries.was_silent(first_page(Span::OneDay, 7));
        let of_ledger = Some(first_page(Span::OneDay, 1));
        assert_eq!(picked(&canaries, Span::OneDay, false), of_ledger);
        canaries.was_silent(first_page(Span::OneDay, 1));
        assert_eq!(picked(&canaries, Span::OneDay, false), None);
        assert!(canaries.silent() > 0);
    }

    #[test]
    fn further_page_is_no_canary() {
        let mut canaries = Canaries::default();
        let further = PageRequest {
            offset: 10,
            ..first_page(Span::OneDay, 3)
        };
        canaries.observe(further, 9);
        assert!(!canaries.has_seen_rows());
    }
}
