//! The result that a client must arrive at: the customers of each day.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

use crate::population::{Row, SandboxCustomer};
use crate::tenant::Tenant;
use crate::tenant::edited::{Edited, Edits};

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Now,
    Standing,
    Ever,
}

impl Tenant {
    /// The customers created on the days `from` to `to`, both included, at this moment, in order of id.
    ///
    /// A customer's day is that of its printed `generationDate`. A customer without a readable one, or
    /// with an [imported](crate::Oddities::imported) one, belongs to the day whose window holds it.
    pub fn truth(&self, from: NaiveDate, to: NaiveDate) -> Vec<SandboxCustomer> {
        self.truth_of(from, to, Edited::of)
    }

    /// The same with customers of which edits made what `edits` says.
    pub(super) fn truth_of(
        &self,
        from: NaiveDate,
        to: NaiveDate,
        edits: impl Fn(&Edited, u64) -> Edits,
    ) -> Vec<SandboxCustomer> {
        let ids = self.rows_of_days(from, to, Which::Now, &edits);
        let edited = self.edited();
        ids.into_iter()
            .map(|row| {
                let edits = edits(&edited, self.population.id(row));
                self.customer_with(row, edits).truth()
            })
            .collect()
    }

    /// The ids of [`Tenant::truth`].
    pub fn truth_ids(&self, from: NaiveDate, to: NaiveDate) -> BTreeSet<u64> {
        self.ids_of_days(from, to, Which::Now)
    }

    /// The ids of the customers that existed from the first request until now. No client may miss one.
    pub fn standing_truth_ids(&self, from: NaiveDate, to: NaiveDate) -> BTreeSet<u64> {
        self.ids_of_days(from, to, Which::Standing)
    }

    /// The ids of the customers that existed at any time from the first request until now. No client may
    /// report another one.
    pub fn ever_truth_ids(&self, from: NaiveDate, to: NaiveDate) -> BTreeSet<u64> {
        self.ids_of_days(from, to, Which::Ever)
    }

    fn ids_of_days(&self, from: NaiveDate, to: NaiveDate, which: Which) -> BTreeSet<u64> {
        self.rows_of_days(from, to, which, &Edited::of)
            .into_iter()
            .map(|row| self.population.id(row))
            .collect()
    }

    fn rows_of_days(
        &self,
        from: NaiveDate,
        to: NaiveDate,
        which: Which,
        edits: &impl Fn(&Edited, u64) -> Edits,
    ) -> Vec<Row> {
        let moved = self.moved();
        let edited = self.edited();
        // A zone shift is shorter than a day, so the neighbouring days hold all that belongs here.
        let (first, last) = (from.pred_opt().unwrap_or(from), to.succ_opt().unwrap_or(to));
        let until = last.succ_opt().unwrap_or(last);
        let planned = self.population.between(
            first.and_time(NaiveTime::MIN),
            until.and_time(NaiveTime::MIN),
        );
        let mut rows = Vec::new();
        for (day, indices) in planned {
            if which != Which::Standing {
                rows.extend_from_slice(moved.inserted(day));
            }
            rows.extend(indices.map(|index| Row::planned(day, index)));
        }
        let is_planned = |row: &Row| (first..=last).contains(&row.day);
        let moved_here = edited.moved().map(|(_, row)| row);
        rows.extend(moved_here.filter(|row| !is_planned(row)));
        rows.retain(|row| {
            let id = self.population.id(*row);
            let edits = edits(&edited, id);
            let day = self.customer_with(*row, edits).day(self.zone_shift);
            let is_there = match which {
                Which::Now => (from..=to).contains(&day) && !edits.is_deleted,
                Which::Standing => (from..=to).contains(&day) && !edited.left_its_place(id),
                // On any of the days that it was moved to.
                Which::Ever => (from..=to).contains(&day) || edited.left_its_place(id),
            };
            is_there
                && self.behaviour().today.is_none_or(|today| day <= today)
                && !self.is_left_out(*row)
                && (which == Which::Ever || !moved.is_deleted(&self.population, *row))
        });
        rows.sort_unstable_by_key(|row| self.population.id(*row));
        rows
    }
}
