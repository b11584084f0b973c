//! A pull on some server: a day that is said to be complete is, or *Known limits* say why not.

use chrono::NaiveDate;
use fastrand::Rng;
use kapture_sandbox::{Behaviour, PerDay, Population, Tenant};
use proptest::prelude::*;

use crate::api::Days;
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
        // Customers begin long before the requested days, where the engine may search a canary, and end after them.
        let population = Population::new(self.seed).days(may(-20), may(30), self.per_day.clone());
        Tenant::new(population, self.behaviour.clone())
    }

    pub(super) fn run(&self, tenant: &Tenant) -> Told {
        let days = Days::between(may(3), may(2 + self.days)).expect("a range");
        let is_busy = |day: &NaiveDate| !tenant.truth_ids(*day, *day).is_empty();
        let before = (-5..12).map(may).filter(|_| self.has_ledger);
        let settings = Settings {
            previously_nonempty: before.filter(is_busy).collect(),
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
        for day in told.receipts.keys() {
            self.judge_day(tenant, told, *day)?;
        }
        if told.error.is_none() {
            let named = (told.receipts.len() + told.failed.len()) as i64;
            prop_assert_eq!(named, self.days);
        }
        Ok(())
    }

    fn judge_day(&self, tenant: &Tenant, told: &Told, day: NaiveDate) -> Result<(), TestCaseError> {
        let ids = told.ids(day);
        let standing = tenant.standing_truth_ids(day, day);
        let missing: Vec<_> = standing.iter().filter(|id| !ids.contains(id)).collect();
        let ever = tenant.ever_truth_ids(day, day);
        let strangers: Vec<_> = ids.iter().filter(|id| !ever.contains(id)).collect();
        let is_right = missing.is_empty() && strangers.is_empty();
        prop_assert!(
            is_right || self.is_without_promise(tenant, told, day),
            "{} lacks {:?} and has {:?}",
            day,
            missing,
            strangers
        );
        Ok(())
    }
}
