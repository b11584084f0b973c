//! A pull on some server: a day that is said to be complete is, or *Known limits* say why not.

use chrono::NaiveDate;
use fastrand::Rng;
use kapture_sandbox::{Behaviour, Limit, Offset, PerDay, Population, Tenant, Windows, WindowsBy};
use proptest::prelude::*;

use crate::api::{Days, EndBound, Proof, Receipt};
use crate::engine::Settings;

use super::{Run, Told, may, new_years_day};

/// A pull, and the server that it meets.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) per_day: PerDay,
    pub(super) behaviour: Behaviour,
    pub(super) days: i64,
    pub(super) page_size: u32,
    pub(super) concurrency: usize,
    pub(super) is_in_turn: bool,
    /// Whether an earlier run has met the customers.
    pub(super) has_ledger: bool,
}

impl Case {
    pub(super) fn tenant(&self) -> Tenant {
        let population = Population::new(self.seed).days(may(-20), may(60), self.per_day.clone());
        Tenant::new(population, self.behaviour.clone())
    }

    pub(super) fn run(&self, tenant: &Tenant) -> Told {
        let days = Days::between(may(3), may(2 + self.days)).expect("a range");
        let is_busy = |day: &NaiveDate| !tenant.truth_ids(*day, *day).is_empty();
        let before = (-5..12).map(may).filter(is_busy);
        let settings = Settings {
            previously_nonempty: before.filter(|_| self.has_ledger).collect(),
            page_size: self.page_size,
            ..Settings::new(days)
        };
        let order = (!self.is_in_turn).then(|| Rng::with_seed(self.seed));
        let noon = |day: NaiveDate| day.and_hms_opt(12, 0, 0).map(|time| time.and_utc());
        let began = self.behaviour.today.and_then(noon);
        let began = began.unwrap_or_else(new_years_day);
        let run = Run::new(settings, tenant, self.concurrency, began);
        run.in_order_of(order).finish()
    }

    /// Runs it: each day is right, or fails by name.
    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let tenant = self.tenant();
        let told = self.run(&tenant);
        self.judge(&tenant, &told)
    }

    pub(super) fn judge(&self, tenant: &Tenant, told: &Told) -> Result<(), TestCaseError> {
        let is_exclusive = |receipt: &Receipt| receipt.end_bound == EndBound::Exclusive;
        let is_inclusive = self.behaviour.windows == Windows::Inclusive;
        if self.behaviour.oddities.null_dates > 0.0
            && is_inclusive
            && told.receipts.values().any(is_exclusive)
        {
            // Windows are read that share customers.
            return Ok(());
        }
        for day in told.receipts.keys() {
            self.check_day(tenant, told, *day)?;
        }
        for asked in tenant.requests() {
            if let Some((start, end)) = asked.window {
                prop_assert!((0..=1).contains(&(end - start).num_days()));
            }
        }
        if told.error.is_none() {
            let named = (told.receipts.len() + told.failed.len()) as i64;
            prop_assert_eq!(named, self.days);
        }
        Ok(())
    }

    /// Whether *Known limits* say that the day may lack customers.
    fn is_known_limit(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> bool {
        // "No request of a run returns customers".
        if told.receipts[&day].proof == Proof::Unvouched {
            return told.customers.is_empty();
        }
        let asked = tenant.requests();
        let asked: Vec<_> = asked
            .iter()
            .filter(|asked| asked.refusal.is_none() && asked.fault.is_none())
            .filter_map(|asked| Some((asked.window?, asked)))
            .collect();
        // "A window with customers is answered as empty at each request", or for a second or two.
        let was_out = |window| {
            let of_window = asked
                .iter()
                .filter(|(of, asked)| *of == window && asked.offset == 0);
            of_window.clone().next().is_some() && of_window.clone().all(|(_, asked)| asked.outage)
        };
        // "The request behind the last page is answered as empty": where pages cannot overlap.
        let is_end_out =
            self.behaviour.offset != Offset::Honoured || self.behaviour.limit == Limit::CappedAt(1);
        let was_end_out = is_end_out
            && asked
                .iter()
                .any(|(_, asked)| asked.offset > 0 && asked.outage);
        let is_wide = |(start, end): (NaiveDate, NaiveDate)| start < end;
        let is_blind = told.receipts[&day].end_bound == EndBound::SingleDay;
        let was_out = asked.iter().any(|(window, _)| {
            let is_near = Days::neighbourhood(day).any(|near| near == window.0);
            (is_near || is_blind && is_wide(*window)) && was_out(*window)
        });
        if was_end_out || was_out {
            return true;
        }
        // "The end date stands for a moment in the end day": few customers show it.
        let (first, last) = (may(2), may(3 + self.days));
        let are_few = tenant.truth_ids(first, last).len() < 60;
        if matches!(self.behaviour.windows, Windows::EndMinute(_)) && are_few {
            return true;
        }
        // "Windows change in the middle of a run".
        if self.behaviour.flip.is_some() {
            return true;
        }
        // "Windows hold the customers that were changed last on their days".
        self.behaviour.windows_by == WindowsBy::LastChange
    }

    fn check_day(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> Result<(), TestCaseError> {
        let ids = told.ids(day);
        let standing = tenant.standing_truth_ids(day, day);
        let missing: Vec<_> = standing.iter().filter(|id| !ids.contains(id)).collect();
        let ever = tenant.ever_truth_ids(day, day);
        let strangers: Vec<_> = ids.iter().filter(|id| !ever.contains(id)).collect();
        let is_right = missing.is_empty() && strangers.is_empty();
        prop_assert!(
            is_right || self.is_known_limit(tenant, told, day),
            "{} lacks {:?} and has {:?}",
            day,
            missing,
            strangers
        );
        Ok(())
    }
}
