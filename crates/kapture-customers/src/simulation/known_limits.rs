//! What *Known limits* of `docs/exactness.md` list: which servers are not drawn, and which days may lack customers
//! on those that are. Each piece names its row.

use chrono::NaiveDate;
use kapture_sandbox::{Limit, LoggedRequest, Offset, Order, Tenant, Windows};

use crate::api::{DayState, Days, EndBound, Proof};

use super::case::Case;
use super::{Told, may};

/// All rows of a page this short may be left out of it.
const SHORT_PAGE: u64 = 20;

/// Pages of fewer rows can be cut in so few ways that each reading may meet the same ones.
const FEW_ROWS: u64 = 10;

/// So few customers may show too little of when a day ends.
const FEW_CUSTOMERS: usize = 60;

/// An end in the evening, in minutes: few customers are created after it.
const EVENING: u16 = 18 * 60;

/// A window, by its first and last day.
type Window = (NaiveDate, NaiveDate);

impl Case {
    /// The same case without what cannot be told from the answers of a server, and shows nowhere but in what is
    /// missing.
    pub(super) fn without_known_limits(mut self) -> Self {
        let behaviour = &mut self.behaviour;
        let capped = match behaviour.limit {
            Limit::CappedAt(most) => most,
            _ => u64::MAX,
        };
        let day_caps = behaviour.limit_caps.values().copied();
        let shortest = day_caps.fold(capped.min(self.page_size.into()), u64::min);
        // "Rows are left out behind the page in runs of nearly a page or more".
        if shortest < SHORT_PAGE {
            behaviour.left_out = 0.0;
        }
        // "Every reading of a window shows the same rows […] in pages of a few rows".
        if shortest < FEW_ROWS && matches!(behaviour.order, Order::Turns | Order::Ties) {
            behaviour.order = Order::Id;
        }
        // "Pages have one row or two, so that they cannot overlap each time".
        if shortest <= 2 {
            behaviour.outages.clear();
            behaviour.partial_outages.clear();
        }
        // "Where the server ignores `offset`: pages become shorter in the middle of a run, rows are filtered out
        // of pages […], or a cap in bytes".
        if behaviour.offset == Offset::Ignored {
            behaviour.left_out = 0.0;
            behaviour.limit_caps.clear();
            behaviour.page_bytes = None;
            behaviour.partial_outages.clear();
        }
        self
    }

    /// Whether nothing is promised of a day, complete as it may be said to be.
    pub(super) fn is_without_promise(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> bool {
        // A day that may still gain customers is read again.
        let is_open = self.behaviour.today.is_some() && told.receipts[&day].state == DayState::Open;
        // "No request of a run returns customers".
        let is_unvouched =
            told.receipts[&day].proof == Proof::Unvouched && told.customers.is_empty();
        is_open || is_unvouched || self.may_share_undated(told) || self.may_lack(tenant, told, day)
    }

    /// "A customer has no readable date, and the windows of adjacent days share customers".
    fn may_share_undated(&self, told: &Told) -> bool {
        let mut receipts = told.receipts.values();
        let shares = match self.behaviour.windows {
            Windows::Moments | Windows::EndMinute(_) => true,
            Windows::Inclusive => receipts.any(|it| it.end_bound == EndBound::Exclusive),
            _ => self.behaviour.flip.is_some(),
        };
        shares && self.behaviour.oddities.null_dates > 0.0
    }

    fn may_lack(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> bool {
        // "The end date stands for a moment in the end day, and hardly any customer […] is created after it".
        let (first, last) = (may(2), may(3 + self.days));
        let are_few = tenant.truth_ids(first, last).len() < FEW_CUSTOMERS;
        let ends_late = match self.behaviour.windows {
            Windows::EndMinute(minute) => are_few || minute > EVENING,
            _ => false,
        };
        // "Windows change their meaning in the middle of a run".
        let flips = self.behaviour.flip.is_some();
        // "Windows are cut on the last change".
        let by_change = self.behaviour.oddities.changed_later > 0.0;
        ends_late || flips || by_change || self.was_out(tenant, told, day)
    }

    /// "A window with customers is answered as empty at each request", or "for a second or two", or "every
    /// reading of a window shows the same rows […], as from an index that lags behind".
    fn was_out(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> bool {
        let asked = tenant.requests();
        let answered = |asked: &&LoggedRequest| asked.refusal.is_none() && asked.fault.is_none();
        let answered: Vec<_> = asked.iter().filter(answered).collect();
        let is_blind = told.receipts[&day].end_bound == EndBound::SingleDay;
        let concerns = |(start, end): Window| {
            let is_near = Days::neighbourhood(day).any(|near| near == start);
            is_near || is_blind && start < end
        };
        let mut windows: Vec<_> = answered.iter().filter_map(|asked| asked.window).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
            .into_iter()
            .filter(|it| concerns(*it))
            .any(|window| {
                let of_window = answered.iter().filter(|asked| asked.window == Some(window));
                let of_window: Vec<_> = of_window
                    .map(|asked| (asked.offset, asked.outage))
                    .collect();
                self.was_window_out(&of_window)
            })
    }

    /// What a window was asked, in order: the offset, and whether the search was out of order.
    fn was_window_out(&self, asked: &[(u64, bool)]) -> bool {
        let mut beginnings = asked.iter().filter(|(offset, _)| *offset == 0).peekable();
        let is_never_shown = beginnings.peek().is_some() && beginnings.all(|(_, out)| *out);
        // A reading is two requests at least: rows, and their end.
        let lags = !self.behaviour.partial_outages.is_empty();
        let is_read_meanwhile = asked.windows(2).any(|pair| pair[0].1 && pair[1].1);
        is_never_shown || lags && is_read_meanwhile
    }
}
