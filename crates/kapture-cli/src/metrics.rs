//! Metrics of a destination and of a run, as a file in the text format of Prometheus: what
//! `--metrics FILE` writes.
//!
//! Every command that writes metrics of a destination writes the same families, so that `sync` and
//! `status` can write to one file by turns.

mod exposition;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use kapture_sinks::{DayStatus, Destination, Ledger, Run, RunLog};

use crate::config::dates::DUE_AFTER;
use crate::error::CliError;
use crate::output::side_file;
use exposition::Exposition;

/// What the metrics are of.
pub(crate) struct Observed<'a> {
    pub(crate) destination: &'a Destination,
    /// What the destination holds; `None` where it has no ledger, or it could not be read.
    pub(crate) ledger: Option<&'a Ledger>,
    /// The runs that wrote to the destination.
    pub(crate) runs: &'a RunLog,
    /// The run that ended now, or the last one.
    pub(crate) run: Option<&'a Run>,
    /// How many days a verification found alike and different.
    pub(crate) verified: Option<(usize, usize)>,
    pub(crate) now: DateTime<Utc>,
}

/// The family that must not disappear when a run fails.
const LAST_SUCCESS: &str = "kapture_last_success_timestamp_seconds";

/// Checks the path of a metrics file before any request is made.
pub(crate) fn check(path: Option<&Path>) -> Result<()> {
    side_file::check("--metrics", path)
}

/// Writes the metrics to `path`: to a temporary file beside it, which is then renamed, so that a
/// collector reads the old metrics or the new ones.
pub(crate) fn write(path: &Path, observed: &Observed<'_>) -> Result<(), CliError> {
    let previous = std::fs::read_to_string(path).unwrap_or_default();
    let text = observed.exposition(&previous).to_string();
    side_file::replace(path, text.as_bytes())
        .with_context(|| format!("cannot write the metrics to {}", path.display()))
        .map_err(CliError::write_failed)
}

impl Observed<'_> {
    /// The metrics. `previous` is the content of the file that they replace.
    fn exposition(&self, previous: &str) -> Exposition {
        let destination = self.destination.to_string();
        let mut all = Exposition::new(&destination);
        if let Some(ledger) = self.ledger {
            self.ledger(&mut all, ledger);
        }
        if let Some(run) = self.run {
            Self::run(&mut all, run);
        }
        let verified = self.verified.into_iter();
        for (result, days) in
            verified.flat_map(|(alike, different)| [("alike", alike), ("different", different)])
        {
            all.gauge(
                "kapture_verified_day_results",
                "Days that the last verification compared, by result.",
                &[("result", result)],
                days as f64,
            );
        }
        self.last_success(&mut all, previous);
        all.gauge(
            "kapture_metrics_timestamp_seconds",
            "When these metrics were written, by the clock of the machine that wrote them.",
            &[],
            seconds(self.now),
        );
        all
    }

    fn ledger(&self, all: &mut Exposition, ledger: &Ledger) {
        let mut days =
            BTreeMap::from(["sealed", "open", "stale", "ahead", "missing"].map(|state| (state, 0)));
        let mut count = |status| *days.entry(state(status)).or_default() += 1;
        let due = ledger.wanted_until(ledger.last_day_of_age(DUE_AFTER, self.now));
        let stale = ledger.stale_days().map(|(day, _)| day);
        let held = ledger.iter().map(|receipt| receipt.day).chain(stale);
        let all_days: BTreeSet<_> = due.iter().chain(held).collect();
        all_days
            .into_iter()
            .for_each(|day| count(ledger.status(day, self.now)));
        for (state, days) in days {
            all.gauge(
                "kapture_day_states",
                "Days that the destination holds or should hold by now, by state.",
                &[("state", state)],
                f64::from(days),
            );
        }
        let customers = ledger.iter().map(|receipt| receipt.customers as f64).sum();
        all.gauge(
            "kapture_customers",
            "Customers that the destination holds.",
            &[],
            customers,
        );
        if let Some(day) = ledger.newest_complete_day(self.now) {
            all.gauge(
                "kapture_newest_complete_day_timestamp_seconds",
                "When the newest day that is complete ended, in the time zone of the destination.",
                &[],
                seconds(ledger.end_of(day)),
            );
        }
        let failing = self.runs.failing_days();
        all.gauge(
            "kapture_failing_day_runs",
            "In how many runs in a row the same day failed, for the day that failed most often.",
            &[],
            failing.into_values().max().unwrap_or(0) as f64,
        );
        all.gauge(
            "kapture_clock_lag_seconds",
            "By how much the newest time in the destination is later than the clock of this machine.",
            &[],
            clock_lag(ledger, self.runs, self.now).as_seconds_f64(),
        );
    }

    fn run(all: &mut Exposition, run: &Run) {
        let labels: &[(&str, &str)] = &[("command", &run.command)];
        let took = run.ended.signed_duration_since(run.started);
        let gauges = [
            (
                "kapture_run_start_timestamp_seconds",
                "When the last run started.",
                seconds(run.started),
            ),
            (
                "kapture_run_duration_seconds",
                "How long the last run took.",
                took.max(TimeDelta::zero()).as_seconds_f64(),
            ),
            (
                "kapture_run_exit_code",
                "The exit code of the last run: 0 if every day is complete.",
                f64::from(run.exit_code),
            ),
            (
                "kapture_run_customers",
                "Customers that the last run received.",
                run.customers as f64,
            ),
            (
                "kapture_run_requests",
                "Requests that the last run sent, repeated ones included.",
                run.requests as f64,
            ),
            (
                "kapture_run_retries",
                "Requests of the last run that repeated a failed one.",
                run.retries as f64,
            ),
            (
                "kapture_run_received_bytes",
                "Bytes that the last run received.",
                run.bytes as f64,
            ),
        ];
        for (name, help, value) in gauges {
            all.gauge(name, help, labels, value);
        }
        let days = [
            ("done", run.days_done),
            ("failed", run.days_failed),
            ("sealed", run.days_skipped),
        ];
        for (result, days) in days {
            all.gauge(
                "kapture_run_day_results",
                "Days of the last run: done, failed, or sealed before.",
                &[labels[0], ("result", result)],
                days as f64,
            );
        }
        let mut kinds = BTreeMap::<&str, i64>::new();
        for range in &run.failed {
            let days = (range.last - range.first).num_days() + 1;
            *kinds.entry(&range.kind).or_default() += days;
        }
        for (kind, days) in kinds {
            all.gauge(
                "kapture_run_day_failures",
                "Days that failed in the last run, by the kind of failure.",
                &[labels[0], ("kind", kind)],
                days as f64,
            );
        }
    }

    /// The last success: of the run that ended now, of those that the destination remembers, or the
    /// one that the file names already.
    fn last_success(&self, all: &mut Exposition, previous: &str) {
        let succeeded = self.run.filter(|run| run.exit_code == 0);
        let remembered = self.runs.last_success();
        let time = remembered.max(succeeded.map(|run| run.ended)).map(seconds);
        let time = time.or_else(|| all.previous(LAST_SUCCESS, previous));
        if let Some(time) = time {
            all.gauge(
                LAST_SUCCESS,
                "When the last run ended that left every day complete.",
                &[],
                time,
            );
        }
    }
}

/// By how much the newest time in a destination is later than `now`.
pub(crate) fn clock_lag(ledger: &Ledger, runs: &RunLog, now: DateTime<Utc>) -> TimeDelta {
    let fetched = ledger.iter().map(|receipt| receipt.fetched);
    let times = fetched.chain(runs.iter().map(|run| run.ended));
    let newest = times.max().unwrap_or(now);
    newest.signed_duration_since(now).max(TimeDelta::zero())
}

fn state(status: DayStatus) -> &'static str {
    match status {
        DayStatus::Sealed => "sealed",
        DayStatus::Open => "open",
        DayStatus::Stale(_) => "stale",
        DayStatus::Ahead => "ahead",
        DayStatus::Missing => "missing",
    }
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use kapture_customers::{DayState, Receipt};

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn exposition(ledger: &Ledger, runs: &RunLog, now: &str, previous: &str) -> String {
        let destination = Destination::parse("a \"b\".db", None).unwrap();
        let observed = Observed {
            destination: &destination,
            ledger: Some(ledger),
            runs,
            run: runs.last(),
            verified: None,
            now: time(now),
        };
        observed.exposition(previous).to_string()
    }

    fn value<'a>(text: &'a str, sample: &str) -> Option<&'a str> {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
    }

    fn ledger() -> Ledger {
        let mut receipt = Receipt::of(
            "2024-05-01".parse().unwrap(),
            &[],
            time("2024-05-02T06:15:00Z"),
        );
        receipt.state = DayState::Sealed;
        receipt.customers = 7;
        Ledger::from_iter([receipt])
    }

    #[test]
    fn destination_and_run_are_measured() {
        let mut runs = RunLog::default();
        let started = time("2024-05-02T06:14:00Z");
        let mut run = Run::new("sync", started, time("2024-05-02T06:15:30.250Z"), 5);
        run.days_done = 1;
        run.days_failed = 3;
        let failed = ["2024-04-28", "2024-04-29", "2024-04-30"];
        run.add_failed(
            "Unstable",
            &failed.map(|day| day.parse().unwrap()).into_iter().collect(),
        );
        runs.push(run);
        let text = exposition(&ledger(), &runs, "2024-05-02T06:16:00Z", "");
        let at = |name: &str, labels: &str| {
            let sample = format!(r#"{name}{{destination="a \"b\".db"{labels}}}"#);
            value(&text, &sample).map(str::to_owned)
        };
        assert_eq!(at("kapture_day_states", r#",state="sealed""#).unwrap(), "1");
        assert_eq!(at("kapture_customers", "").unwrap(), "7");
        assert_eq!(
            at("kapture_newest_complete_day_timestamp_seconds", "").unwrap(),
            "1714608000"
        );
        assert_eq!(
            at("kapture_run_duration_seconds", r#",command="sync""#).unwrap(),
            "90.25"
        );
        let failed = r#",command="sync",kind="Unstable""#;
        assert_eq!(at("kapture_run_day_failures", failed).unwrap(), "3");
        assert_eq!(at("kapture_failing_day_runs", "").unwrap(), "1");
        assert_eq!(at("kapture_clock_lag_seconds", "").unwrap(), "0");
        assert_eq!(at(LAST_SUCCESS, ""), None);
    }

    #[test]
    fn last_success_survives_a_failed_run() {
        let mut runs = RunLog::default();
        let morning = time("2024-05-02T06:15:00Z");
        runs.push(Run::new("sync", morning, morning, 0));
        let text = exposition(&ledger(), &runs, "2024-05-02T06:16:00Z", "");
        let sample = format!(r#"{LAST_SUCCESS}{{destination="a \"b\".db"}}"#);
        assert_eq!(value(&text, &sample), Some("1714630500"));
        // Also where the destination remembers no runs.
        let text = exposition(&ledger(), &RunLog::default(), "2024-05-03T06:16:00Z", &text);
        assert_eq!(value(&text, &sample), Some("1714630500"));
    }

    #[test]
    fn times_in_the_future_are_a_clock_lag() {
        let text = exposition(&ledger(), &RunLog::default(), "2024-05-02T06:14:00Z", "");
        let sample = r#"kapture_clock_lag_seconds{destination="a \"b\".db"}"#;
        assert_eq!(value(&text, sample), Some("60"));
        let sample = r#"kapture_day_states{destination="a \"b\".db",state="ahead"}"#;
        assert_eq!(value(&text, sample), Some("1"));
    }
}
