//! Whether windows hold what they were asked for: customers created on their days.
//!
//! An import may carry old printed dates, so one window with customers dated elsewhere is no fault. A
//! server that filters by something else, such as the last change, shows them in many windows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use kapture_model::{CustomerId, Window};

/// A run fails when more than one in so many windows with rows holds customers dated elsewhere.
const ONE_IN: usize = 10;

/// How many customers dated elsewhere are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// What is wrong about the dates of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateFault {
    /// The window holds at least as many customers dated elsewhere as others: one of these dates.
    Window(NaiveDate),
    /// Many windows do, or windows that do not touch share customers: no window can be trusted.
    Run(NaiveDate),
}

/// What the dates of customers have shown.
#[derive(Debug, Default)]
pub(crate) struct CreationDates {
    with_rows: BTreeSet<NaiveDate>,
    /// Windows with customers dated further outside than any time zone explains.
    outside: BTreeSet<NaiveDate>,
    /// How many rows of a window are dated such that it may hold them, and how many are not.
    counts: BTreeMap<NaiveDate, (u64, u64)>,
    /// Those customers, and the first day of the window that listed them.
    strangers: HashMap<CustomerId, NaiveDate>,
    /// Some customer was dated on a day beside its window: the server cuts windows in another zone.
    pub(crate) has_shift: bool,
}

/// A customer as a window listed it: its date, if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dated<'a> {
    pub(crate) id: &'a CustomerId,
    pub(crate) date: Option<NaiveDate>,
}

/// Whether a window may hold customers dated `day`, in whatever zone it was cut.
pub(crate) fn may_contain(window: Window, day: NaiveDate) -> bool {
    let first = window.start.pred_opt().unwrap_or(window.start);
    let last = window.end.succ_opt().unwrap_or(window.end);
    (first..=last).contains(&day)
}

impl CreationDates {
    /// The window listed these customers.
    pub(crate) fn observe(&mut self, window: Window, rows: &[Dated<'_>]) -> Option<DateFault> {
        let mut outside = None;
        let mut is_shared = false;
        let (mut near, mut far) = (0, 0);
        for Dated { id, date } in rows {
            self.with_rows.insert(window.start);
            if let Some(first) = self.strangers.get(*id) {
                is_shared |= (*first - window.start).num_days().abs() > 1;
            }
            let Some(date) = *date else { continue };
            if may_contain(window, date) {
                near += 1;
                self.has_shift |= !(window.start..=window.end).contains(&date);
                continue;
            }
            far += 1;
            outside.get_or_insert(date);
            if self.strangers.len() < MAX_REMEMBERED {
                self.strangers.entry((*id).clone()).or_insert(window.start);
            }
        }
        let counts = self.counts.entry(window.start).or_default();
        *counts = (counts.0 + near, counts.1 + far);
        let is_mostly_far = counts.1 >= counts.0;
        if is_shared {
            return Some(DateFault::Run(outside.unwrap_or(window.start)));
        }
        let date = outside?;
        if is_mostly_far {
            return Some(DateFault::Window(date));
        }
        self.outside.insert(window.start);
        let many = self.outside.len() > 1 && self.outside.len() * ONE_IN > self.with_rows.len();
        many.then_some(DateFault::Run(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Span;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn listed(dates: &mut CreationDates, window: u32, rows: &[(u64, u32)]) -> Option<DateFault> {
        let ids: Vec<_> = rows.iter().map(|(id, _)| CustomerId::Number(*id)).collect();
        let rows = ids.iter().zip(rows).map(|(id, (_, date))| Dated {
            id,
            date: Some(day(*date)),
        });
        let rows: Vec<_> = rows.collect();
        dates.observe(Span::OneDay.window(day(window)), &rows)
    }

    #[test]
    fn one_window_with_old_dates_is_no_fault() {
        let mut dates = CreationDates::default();
        assert_eq!(listed(&mut dates, 10, &[(1, 10), (5, 10), (2, 3)]), None);
        assert_eq!(listed(&mut dates, 11, &[(3, 11), (4, 10)]), None);
        assert!(dates.has_shift);
    }

    #[test]
    fn window_of_customers_dated_elsewhere_fails() {
        let mut dates = CreationDates::default();
        let fault = Some(DateFault::Window(day(3)));
        assert_eq!(listed(&mut dates, 10, &[(1, 3), (2, 3)]), fault);
    }

    #[test]
    fn many_windows_with_dates_elsewhere_are_not_filtered_by_creation() {
        let mut dates = CreationDates::default();
        assert_eq!(listed(&mut dates, 10, &[(1, 10), (5, 10), (2, 3)]), None);
        let fault = Some(DateFault::Run(day(3)));
        assert_eq!(listed(&mut dates, 11, &[(3, 11), (6, 11), (4, 3)]), fault);
    }

    #[test]
    fn windows_that_do_not_touch_must_not_share_customers() {
        let mut dates = CreationDates::default();
        for window in 2..24 {
            assert_eq!(listed(&mut dates, window, &[(window.into(), window)]), None);
        }
        let rows = [(70, 25), (71, 25), (90, 3)];
        assert_eq!(listed(&mut dates, 25, &rows), None);
        assert_eq!(listed(&mut dates, 26, &[(90, 26)]), None, "it touches");
        let fault = Some(DateFault::Run(day(3)));
        assert_eq!(listed(&mut dates, 3, &[(90, 3)]), fault);
    }

    #[test]
    fn neighbouring_days_are_within_any_time_zone() {
        let window = Span::OneDay.window(day(10));
        let within: Vec<_> = (8..=12).filter(|d| may_contain(window, day(*d))).collect();
        assert_eq!(within, [9, 10, 11]);
    }
}
