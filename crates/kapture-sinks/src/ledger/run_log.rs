//! The last runs that wrote to a destination: what `kapture status --runs` lists.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{Days, Drift};
use serde::{Deserialize, Serialize};

/// How many runs a destination keeps.
const MAX_RUNS: usize = 100;

/// What a shell reports of a process that was killed: 128, and the number of the signal.
const KILLED: u8 = 137;

/// Most ranges of failed days that a run keeps, over all kinds of failure.
const MAX_RANGES: usize = 100;

/// A run that wrote to a destination, or tried to. It holds counts and names of fields, and no
/// customer's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number in this destination, counted from 1. [`RunLog::push`] sets it.
    pub number: u64,
    /// The command, `pull` or `sync`.
    pub command: String,
    /// When it started.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// The exit code of the program: 0 if every day is complete, 137 for a run that [has not
    /// ended](Self::has_ended).
    pub exit_code: u8,
    /// How many days were committed.
    pub days_done: u64,
    /// How many days failed.
    pub days_failed: u64,
    /// How many wanted days were sealed already.
    pub days_skipped: u64,
    /// How many customers were received.
    pub customers: u64,
    /// How many requests were sent, retries included.
    pub requests: u64,
    /// How many requests repeated a failed one.
    pub retries: u64,
    /// How many bytes were received.
    pub bytes: u64,
    /// The days that failed, as ranges: at most 100.
    pub failed: Vec<FailedRange>,
    /// Where customers differed from the documentation.
    pub drift: Vec<FieldDrift>,
}

/// Consecutive days that failed for one kind of reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRange {
    /// The kind of failure, such as `OutsideWindow`.
    pub kind: String,
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
}

/// One way in which one field differed from the documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDrift {
    /// The field, such as `customer.attr1`.
    pub field: String,
    /// In which way it differed, in words.
    pub kind: String,
    /// How often the run met it.
    pub count: u64,
    /// The start of the first run of the log that met it.
    pub since: DateTime<Utc>,
}

impl Run {
    /// A run without days, requests or failures, which a caller fills in.
    pub fn new(
        command: impl Into<String>,
        started: DateTime<Utc>,
        ended: DateTime<Utc>,
        exit_code: u8,
    ) -> Self {
        Self {
            number: 0,
            command: command.into(),
            started,
            ended,
            exit_code,
            days_done: 0,
            days_failed: 0,
            days_skipped: 0,
            customers: 0,
            requests: 0,
            retries: 0,
            bytes: 0,
            failed: Vec::new(),
            drift: Vec::new(),
        }
    }

    /// A run that begins now. [`RunLog::push`] replaces it by the same run once that has ended; it
    /// stays if the process is killed.
    pub fn begun(command: impl Into<String>, started: DateTime<Utc>) -> Self {
        Self::new(command, started, started, KILLED)
    }

    /// Whether it came to its end. A run that did not was killed, or is still running.
    pub fn has_ended(&self) -> bool {
        self.exit_code != KILLED
    }

    /// Adds days that failed for one kind of reason.
    pub fn add_failed(&mut self, kind: &str, days: &Days) {
        for day in days.iter() {
            let last = self.failed.last_mut();
            let before =
                last.filter(|range| range.kind == kind && range.last.succ_opt() == Some(day));
            if let Some(range) = before {
                range.last = day;
            } else if self.failed.len() < MAX_RANGES {
                self.failed.push(FailedRange {
                    kind: kind.to_owned(),
                    first: day,
                    last: day,
                });
            }
        }
    }

    /// Sets the drift that the run met.
    pub fn set_drift(&mut self, drift: &Drift) {
        let field = |entry: kapture_model::DriftEntry| FieldDrift {
            field: entry.path,
            kind: entry.kind.to_string(),
            count: entry.count,
            since: self.started,
        };
        self.drift = drift.iter().map(field).collect();
    }

    /// Whether it tried any day: a run that was refused at its first request did not.
    fn tried_days(&self) -> bool {
        self.days_done + self.days_failed > 0
    }

    fn failed_days(&self) -> impl Iterator<Item = NaiveDate> {
        let days = |range: &FailedRange| Days::between(range.first, range.last);
        let days = self.failed.iter().flat_map(days);
        days.flat_map(|days| days.iter().collect::<Vec<_>>())
    }
}

/// The last hundred runs that wrote to a destination, the oldest first.
///
/// ```
/// use kapture_sinks::{Run, RunLog};
///
/// let time = |text: &str| text.parse().unwrap();
/// let mut log = RunLog::default();
/// log.push(Run::new("sync", time("2024-05-02T06:15:00Z"), time("2024-05-02T06:16:00Z"), 0));
/// log.push(Run::new("sync", time("2024-05-03T06:15:00Z"), time("2024-05-03T06:45:00Z"), 5));
/// assert_eq!(log.last_success(), Some(time("2024-05-02T06:16:00Z")));
/// assert_eq!(log.last().unwrap().number, 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLog {
    runs: Vec<Run>,
}

impl RunLog {
    /// Adds a run, which gets the next number, and drops the oldest one if there are more than a
    /// hundred. A run that [began](Run::begun) is replaced by itself when it ends.
    pub fn push(&mut self, mut run: Run) {
        let is_same = |begun: &&Run| {
            let same = (&begun.command, begun.started) == (&run.command, run.started);
            same && !begun.has_ended()
        };
        let begun = self.last().filter(is_same).map(|begun| begun.number);
        if begun.is_some() {
            self.runs.pop();
        }
        let next = || self.last().map_or(1, |last| last.number.saturating_add(1));
        run.number = begun.unwrap_or_else(next);
        for met in &mut run.drift {
            let known = self.runs.iter().flat_map(|run| &run.drift);
            let same = known.filter(|known| (&known.field, &known.kind) == (&met.field, &met.kind));
            met.since = same.map(|known| known.since).fold(met.since, DateTime::min);
        }
        self.runs.push(run);
        let surplus = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..surplus);
    }

    /// The runs, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.iter()
    }

    /// How many runs are kept.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether no run is kept.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The run that was added last.
    pub fn last(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// The run that ended last.
    pub fn last_ended(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.has_ended())
    }

    /// When the last run with exit code 0 ended.
    pub fn last_success(&self) -> Option<DateTime<Utc>> {
        let mut runs = self.runs.iter().rev();
        runs.find(|run| run.exit_code == 0).map(|run| run.ended)
    }

    /// The days that failed in the last run, each with the number of runs in a row in which it did.
    /// Runs that tried no day do not count.
    pub fn failing_days(&self) -> BTreeMap<NaiveDate, usize> {
        let mut tried = self.runs.iter().rev().filter(|run| run.tried_days());
        let mut failing: BTreeMap<_, _> = tried
            .next()
            .into_iter()
            .flat_map(Run::failed_days)
            .map(|day| (day, 1))
            .collect();
        let mut unbroken: Vec<_> = failing.keys().copied().collect();
        for run in tried {
            let failed: BTreeSet<_> = run.failed_days().collect();
            unbroken.retain(|day| failed.contains(day));
            for day in &unbroken {
                *failing.entry(*day).or_default() += 1;
            }
        }
        failing
    }

    /// The drift of all runs, one entry for each field and kind: the counts added up, since the
    /// first run that met it.
    pub fn drift(&self) -> Vec<FieldDrift> {
        let mut all = BTreeMap::<(&str, &str), FieldDrift>::new();
        for met in self.runs.iter().flat_map(|run| &run.drift) {
            let sum = all.entry((&met.field, &met.kind)).or_insert(FieldDrift {
                count: 0,
                ..met.clone()
            });
            sum.count = sum.count.saturating_add(met.count);
            sum.since = sum.since.min(met.since);
        }
        all.into_values().collect()
    }

    /// The number of the oldest run that is kept.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn first_kept(&self) -> u64 {
        self.runs.first().map_or(0, |run| run.number)
    }
}

impl FromIterator<Run> for RunLog {
    /// Runs as they were stored, by their numbers.
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        let mut runs: Vec<_> = runs.into_iter().collect();
        runs.sort_by_key(|run| run.number);
        Self { runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn time(day: u32) -> DateTime<Utc> {
        super::tests::day(day)
            .and_hms_opt(6, 15, 0)
            .unwrap()
            .and_utc()
    }

    /// A run on a morning of May on which these days failed.
    fn run(morning: u32, failed: &[u32]) -> Run {
        let mut run = Run::new("sync", time(morning), time(morning), 5);
        run.days_done = 1;
        run.days_failed = failed.len() as u64;
        run.add_failed("Unstable", &failed.iter().copied().map(day).collect());
        run
    }

    #[test]
    fn hundred_runs_are_kept_under_their_numbers() {
        let mut log = RunLog::default();
        (0..130).for_each(|_| log.push(run(1, &[])));
        let numbers: Vec<_> = log.iter().map(|run| run.number).collect();
        assert_eq!(numbers, (31..=130).collect::<Vec<_>>());
    }

    #[test]
    fn run_that_began_is_replaced_by_its_end() {
        let mut log = RunLog::default();
        log.push(Run::begun("sync", time(1)));
        log.push(Run::begun("sync", time(2)));
        log.push(Run::new("sync", time(2), time(3), 0));
        let runs: Vec<_> = log
            .iter()
            .map(|run| (run.number, run.has_ended()))
            .collect();
        assert_eq!(runs, [(1, false), (2, true)], "the first one was killed");
        log.push(Run::begun("sync", time(4)));
        assert_eq!(log.last_ended().map(|run| run.number), Some(2));
        assert_eq!(log.last().map(|run| run.number), Some(3));
    }

    #[test]
    fn failing_days_count_the_runs_in_a_row() {
        let mut log = RunLog::default();
        log.push(run(10, &[1, 2, 3]));
        log.push(run(11, &[1, 3]));
        // Refused at its first request: it says nothing of any day.
        log.push(Run::new("sync", time(12), time(12), 3));
        log.push(run(13, &[1, 2, 4]));
        let expected = [(day(1), 3), (day(2), 1), (day(4), 1)];
        assert_eq!(log.failing_days(), BTreeMap::from(expected));
        log.push(run(14, &[]));
        assert!(log.failing_days().is_empty());
    }

    #[test]
    fn failed_days_are_ranges_and_bounded() {
        let run = run(10, &[1, 2, 3, 7]);
        let ranges: Vec<_> = run.failed.iter().map(|it| (it.first, it.last)).collect();
        assert_eq!(ranges, [(day(1), day(3)), (day(7), day(7))]);
        let every_other: Days = day(1).iter_days().step_by(2).take(300).collect();
        let mut run = run;
        run.add_failed("Unstable", &every_other);
        assert_eq!(run.failed.len(), 100);
    }

    #[test]
    fn drift_remembers_since_when() {
        let met = |morning: u32, count| {
            let mut run = run(morning, &[]);
            run.drift = vec![FieldDrift {
                field: "customer.attr1".into(),
                kind: "unknown field".into(),
                count,
                since: run.started,
            }];
            run
        };
        let mut log = RunLog::default();
        log.push(met(10, 3));
        // The first run is dropped, and the time is carried on.
        (0..100).for_each(|_| log.push(met(11, 2)));
        let drift = log.drift();
        assert_eq!((drift.len(), drift[0].count), (1, 200));
        assert_eq!(drift[0].since, time(10));
    }
}
