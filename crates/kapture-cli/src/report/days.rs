//! The days of a report: those that the destination holds and those that it should hold by now.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use kapture_customers::{Days, Proof};
use kapture_sinks::{DayStatus, Destination, Ledger};
use serde_json::json;

use crate::config::dates::DUE_AFTER;
use crate::pipeline::date_ranges::ranges;

/// Most rows of gaps that are listed.
const MAX_GAPS: usize = 40;

/// A day, and what the ledger says of it.
pub(super) struct Day {
    pub(super) date: NaiveDate,
    pub(super) status: DayStatus,
    pub(super) customers: u64,
    pub(super) proof: Option<Proof>,
    fetched: Option<DateTime<Utc>>,
}

impl Day {
    /// The name of its state, which is also its class in the style sheet.
    pub(super) fn state(&self) -> &'static str {
        match self.status {
            DayStatus::Sealed => "sealed",
            DayStatus::Open => "open",
            DayStatus::Stale(_) => "stale",
            DayStatus::Ahead => "ahead",
            DayStatus::Missing => "missing",
        }
    }

    /// Whether nothing is left to do: a day that is open is so until its grace period is over.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.status, DayStatus::Sealed | DayStatus::Open)
    }
}

/// All days from the first to the last, in order.
pub(super) fn all(ledger: &Ledger, now: DateTime<Utc>) -> Vec<Day> {
    let due = ledger.wanted_until(ledger.last_day_of_age(DUE_AFTER, now));
    let stale = ledger.stale_days().map(|(day, _)| day);
    let held = ledger.iter().map(|receipt| receipt.day).chain(stale);
    let named: BTreeSet<_> = due.iter().chain(held).collect();
    let range = Option::zip(named.first(), named.last());
    let days = range.and_then(|(first, last)| Days::between(*first, *last).ok());
    let day = |date| {
        let receipt = ledger.get(date);
        Day {
            date,
            status: ledger.status(date, now),
            customers: receipt.map_or(0, |receipt| receipt.customers),
            proof: receipt.map(|receipt| receipt.proof),
            fetched: receipt.map(|receipt| receipt.fetched),
        }
    };
    days.unwrap_or_default().iter().map(day).collect()
}

/// What the script of the page needs for the names of the days, as JSON: it is much shorter than
/// the names are. Each list has one value for each day.
pub(super) fn json(days: &[Day]) -> String {
    let letters = |letter: fn(&Day) -> char| days.iter().map(letter).collect::<String>();
    let mut reasons = BTreeMap::<usize, String>::new();
    for (index, day) in days.iter().enumerate() {
        if let DayStatus::Stale(reason) = day.status {
            reasons.insert(index, reason.to_string());
        }
    }
    // Minutes since the day before was pulled: most days of a run were pulled within a minute.
    let mut before = 0;
    let pulled = days.iter().map(|day| {
        let minute = day
            .fetched
            .map(|fetched| fetched.timestamp().div_euclid(60));
        minute.map(|minute| minute - std::mem::replace(&mut before, minute))
    });
    let value = json!({
        "first": days.first().map(|day| day.date),
        "customers": days.iter().map(|day| day.customers).collect::<Vec<_>>(),
        "states": letters(|day| day.state().chars().next().unwrap_or(' ')),
        "proofs": letters(|day| day.proof.map_or(' ', |proof| char::from(b'0' + proof as u8))),
        "pulled": pulled.collect::<Vec<_>>(),
        "reasons": reasons,
    });
    // The data stands within a script element, which nothing in it may end.
    value.to_string().replace('<', "\\u003c")
}

/// Days that are not complete for one reason, and how that ends.
pub(super) struct Gap {
    pub(super) state: &'static str,
    pub(super) why: String,
    /// As ranges.
    pub(super) days: Vec<String>,
    pub(super) command: String,
}

/// The days that are not complete, by state and reason, and how many rows were left out.
pub(super) fn gaps(
    days: &[Day],
    failing: &BTreeMap<NaiveDate, usize>,
    destination: &Destination,
) -> (Vec<Gap>, usize) {
    let mut groups = BTreeMap::<(&'static str, String), Vec<NaiveDate>>::new();
    for day in days {
        let why = match (day.status, failing.get(&day.date)) {
            (DayStatus::Sealed, _) => continue,
            (DayStatus::Missing, Some(1)) => "it failed in the last run".to_owned(),
            (DayStatus::Missing, Some(runs)) => format!("it failed in the last {runs} runs"),
            (DayStatus::Missing, None) => "no run has pulled it".to_owned(),
            (DayStatus::Stale(reason), _) => reason.to_string(),
            (DayStatus::Ahead, _) => "it was pulled by a clock that was ahead".to_owned(),
            (DayStatus::Open, _) => "it could still gain customers when it was pulled".to_owned(),
        };
        groups.entry((day.state(), why)).or_default().push(day.date);
    }
    let further = groups.len().saturating_sub(MAX_GAPS);
    let gap = |((state, why), days): ((&'static str, String), Vec<NaiveDate>)| {
        let is_failing = why.starts_with("it failed");
        Gap {
            state,
            command: match is_failing {
                true => format!("kapture sync {destination} -v"),
                false => format!("kapture sync {destination}"),
            },
            why,
            days: ranges(&days.into_iter().collect())
                .split(", ")
                .map(str::to_owned)
                .collect(),
        }
    };
    (
        groups.into_iter().take(MAX_GAPS).map(gap).collect(),
        further,
    )
}
