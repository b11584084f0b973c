//! Days as ranges, for messages.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kapture_customers::Days;
use kapture_sinks::{Ledger, StaleReason};

/// Days with consecutive ones joined: `2024-05-01 to 2024-05-03 (3), 2024-05-07`.
pub(crate) fn ranges(days: &Days) -> String {
    let mut runs = Vec::<(NaiveDate, NaiveDate)>::new();
    for day in days.iter() {
        match runs.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(day) => *last = day,
            _ => runs.push((day, day)),
        }
    }
    let run = |(first, last): (NaiveDate, NaiveDate)| match (last - first).num_days() {
        0 => first.to_string(),
        days => format!("{first} to {last} ({})", days + 1),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(", ")
}

/// The days in doubt, by the reason.
pub(crate) fn by_reason(ledger: &Ledger) -> impl Iterator<Item = (StaleReason, Days)> {
    let mut days = BTreeMap::<StaleReason, Vec<NaiveDate>>::new();
    for (day, reason) in ledger.stale_days() {
        days.entry(reason).or_default().push(day);
    }
    days.into_iter()
        .map(|(reason, days)| (reason, days.into_iter().collect()))
}
