//! The summary of a run, in one line and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{NaiveDate, TimeDelta};
use kapture_customers::{Days, Receipt};
use kapture_model::{Drift, DriftKind, FilterCheck};
use kapture_sinks::Run;
use kapture_transport::ClientStats;
use serde_json::json;

use crate::output::side_file;
use crate::pipeline::date_ranges::ranges;

/// The numbers of a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) days_asked: usize,
    /// Wanted days that were sealed already.
    pub(crate) days_skipped: usize,
    pub(crate) days_done: usize,
    pub(crate) failed: BTreeSet<NaiveDate>,
    pub(crate) days_open: usize,
    /// Customers that the destination received: those of committed days, or all that were printed.
    pub(crate) customers: u64,
    pub(crate) undated: u64,
    /// Days on which a customer came twice, with different values.
    pub(crate) conflicting: BTreeSet<NaiveDate>,
    /// The customers that do not match the filters that they were asked for with.
    pub(crate) filters: FilterCheck,
    pub(crate) stats: ClientStats,
    pub(crate) time: Duration,
    pub(crate) drift: Drift,
    /// The days that failed, by the kind of failure.
    pub(crate) failures: Vec<(String, Days)>,
}

impl Summary {
    /// A day was committed. What is printed to a stream is counted as it comes.
    pub(crate) fn day_done(&mut self, receipt: &Receipt, is_stream: bool) {
        self.days_done += 1;
        if !is_stream {
            self.customers += receipt.customers;
        }
        self.days_open += usize::from(receipt.state == kapture_customers::DayState::Open);
        self.undated += receipt.undated;
    }

    /// Nothing of the days was written: a file that is replaced as a whole stays as it was.
    pub(crate) fn nothing_written(&mut self) {
        (self.days_done, self.days_open) = (0, 0);
        (self.customers, self.undated) = (0, 0);
    }

    /// Notes beside the numbers.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.undated > 0 {
            notes.push(format!(
                "{} customers have no readable creation date, or one of a day that was not asked for; they count for the day whose window contained them",
                self.undated
            ));
        }
        if !self.conflicting.is_empty() {
            notes.push(format!(
                "rows with the id of another row and other values were left out; the first row of each id is kept: {}",
                ranges(&self.conflicting.iter().copied().collect())
            ));
        }
        let met = |is_noted: fn(DriftKind) -> bool| {
            let entries = self.drift.iter().filter(|entry| is_noted(entry.kind));
            let entries =
                entries.map(|entry| format!("{} ({} {}×)", entry.path, entry.kind, entry.count));
            entries.collect::<Vec<_>>().join(", ")
        };
        use DriftKind::{
            DateWithMore, DeepNesting, InstantDate, InvalidText, NotFinite, RepeatedKey,
            UndecodableDate, UnexpectedType,
        };
        let noted = [
            (
                "fields that differ from the documentation, kept",
                met(|kind| {
                    matches!(
                        kind,
                        UnexpectedType | UndecodableDate | DateWithMore | InstantDate
                    )
                }),
            ),
            (
                "fields with invalid text (not UTF-8, half a character, U+0000), replaced by U+FFFD (pull --raw keeps it)",
                met(|kind| kind == InvalidText),
            ),
            (
                "numbers that JSON or its readers do not have, null here (the extra column and pull --raw keep them)",
                met(|kind| kind == NotFinite),
            ),
            (
                "keys that stand twice in one object, the last one kept (pull --raw keeps all)",
                met(|kind| kind == RepeatedKey),
            ),
            (
                "values nested more than 100 levels deep, which are text from there on",
                met(|kind| kind == DeepNesting),
            ),
        ];
        let noted = noted.iter().filter(|(_, fields)| !fields.is_empty());
        notes.extend(noted.map(|(what, fields)| format!("{what}: {fields}")));
        notes
    }

    /// What is probably not what was asked for.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warning = |(key, customers): (&str, u64)| {
            let checked = self.filters.checked();
            let meaning = match customers == checked {
                true => "the server seems to ignore this filter",
                false => "the server may ignore this filter, or compare in another way",
            };
            format!("{customers} of {checked} customers do not match the filter {key}: {meaning}")
        };
        self.filters.unmatched().map(warning).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let drift: Vec<_> = self
            .drift
            .iter()
            .map(|entry| json!({"field": entry.path, "kind": entry.kind.to_string(), "count": entry.count}))
            .collect();
        json!({
            "days": self.days_asked,
            "days_skipped": self.days_skipped,
            "days_done": self.days_done,
            "days_failed": self.failed.len(),
            "failed_days": self.failed,
            "days_open": self.days_open,
            "customers": self.customers,
            "undated": self.undated,
            "conflicting_days": self.conflicting,
            "requests": self.stats.requests,
            "retries": self.stats.retries,
            "bytes": self.stats.bytes,
            "seconds": self.time.as_secs_f64(),
            "drift": drift,
            "unmatched_filters": self.filters.unmatched().collect::<BTreeMap<_, _>>(),
        })
    }

    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, format!("{:#}\n", self.json()))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days_asked == 0 && self.days_skipped > 0 {
            let skipped = counted(self.days_skipped as u64, "day");
            return write!(f, "up to date: {skipped} sealed already, nothing to pull");
        }
        write!(f, "{}", counted(self.days_done as u64, "day"))?;
        if self.days_done < self.days_asked {
            write!(f, " of {}", self.days_asked)?;
        }
        if !self.failed.is_empty() {
            let failed = self.failed.iter().copied().collect();
            write!(f, " (failed: {})", ranges(&failed))?;
        }
        if self.days_open > 0 {
            write!(f, " ({} still open)", self.days_open)?;
        }
        if self.days_skipped > 0 {
            write!(f, " ({} sealed already)", self.days_skipped)?;
        }
        write!(
            f,
            ", {}, {} ({} repeated), {:.1} MB, {:.1} s",
            counted(self.customers, "customer"),
            counted(self.stats.requests, "request"),
            self.stats.retries,
            self.stats.bytes as f64 / 1e6,
            self.time.as_secs_f64()
        )
    }
}

/// Checks the path of a summary before any request is made.
pub(crate) fn check(path: Option<&Path>) -> Result<()> {
    if path == Some(Path::new("-")) {
        bail!(
            "--summary: expected a file, not -: standard error has the summary, as JSON with --log-format json"
        );
    }
    side_file::check("--summary", path)
}

pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// How long a run took, in seconds, minutes or hours.
pub(crate) fn took(run: &Run) -> String {
    if !run.has_ended() {
        return "-".into();
    }
    let time = run.ended.signed_duration_since(run.started);
    let time = time.max(TimeDelta::zero());
    match time.num_minutes() {
        0 => format!("{:.1} s", time.as_seconds_f64()),
        minutes @ 1..60 => format!("{minutes} min {} s", time.num_seconds() % 60),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}
