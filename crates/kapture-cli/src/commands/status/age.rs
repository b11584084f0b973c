//! Whether a destination is up to date: what `status --max-age` finds.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kapture_customers::Days;
use kapture_sinks::{DayStatus, Destination, Ledger, RunLog, StaleReason};

use crate::error::CliError;
use crate::metrics::clock_lag;
use crate::pipeline::date_ranges::ranges;

/// How much the clocks of two machines may differ.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// In how many runs in a row a day fails before it counts as one that fails every time.
const FAILING_RUNS: usize = 2;

/// What `--max-age` asks about.
pub(super) struct MaxAge<'a> {
    pub(super) destination: &'a Destination,
    pub(super) ledger: &'a Ledger,
    pub(super) runs: &'a RunLog,
    /// As it was given.
    pub(super) text: &'a str,
    pub(super) max_age: TimeDelta,
    pub(super) now: DateTime<Utc>,
}

impl MaxAge<'_> {
    /// Fails with exit code 7 unless every day is complete that ended at least so long ago.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let destination = self.destination;
        let text = format!("{destination} is not up to date: {}", problems.join("; "));
        let hint = match self.clock_problem() {
            Some(_) => format!(
                "compare the clocks of the machines that run kapture; then kapture sync {destination}, which pulls those days again"
            ),
            None => format!(
                "kapture status {destination} --runs lists the last runs; kapture sync {destination}"
            ),
        };
        Err(CliError::not_up_to_date(text, hint))
    }

    /// What is wrong, each by its own sentence.
    fn problems(&self) -> Vec<String> {
        let stalled = self.stalled();
        let problems = [stalled, self.failing_days(), self.clock_problem()];
        let problems = problems.into_iter().flatten();
        problems.chain(self.overdue_days()).collect()
    }

    /// A time that clocks that differ a little do not reach.
    fn tolerant_now(&self) -> DateTime<Utc> {
        self.now + CLOCK_TOLERANCE
    }

    /// No run has completed a day for too long.
    fn stalled(&self) -> Option<String> {
        let newest = self.ledger.newest_complete_day(self.tolerant_now());
        let due = self.last_due();
        let stalled = match newest {
            _ if due.is_none() => return None,
            Some(newest) if Some(newest) >= due => return None,
            Some(newest) => format!("no day after {newest} is complete"),
            None => "no day is complete".to_owned(),
        };
        Some(match self.runs.last() {
            Some(run) if !run.has_ended() => format!(
                "{stalled}, the last run began {} and was killed, or is still running",
                run.started.format("%Y-%m-%d %H:%M UTC"),
            ),
            Some(run) => format!(
                "{stalled}, the last run ended {} with exit code {}",
                run.ended.format("%Y-%m-%d %H:%M UTC"),
                run.exit_code
            ),
            None => stalled,
        })
    }

    /// The last day that has to be complete, if there is one. That a run asked for days until an earlier one does not
    /// count: the question is how old the customers are.
    fn last_due(&self) -> Option<NaiveDate> {
        let last = self.ledger.last_day_of_age(self.max_age, self.now);
        (!self.ledger.wanted_until(last).is_empty()).then_some(last)
    }

    /// The days that failed in several runs in a row, and in how many.
    fn often_failing(&self) -> BTreeMap<NaiveDate, usize> {
        let mut failing = self.runs.failing_days();
        failing.retain(|_, runs| *runs >= FAILING_RUNS);
        failing
    }

    /// Days that fail in every run.
    fn failing_days(&self) -> Option<String> {
        let failing = self.runs.failing_days();
        let often = failing
            .into_iter()
            .filter(|(_, runs)| *runs >= FAILING_RUNS);
        let (days, runs): (Vec<_>, Vec<_>) = often.unzip();
        let runs = runs.into_iter().max()?;
        let days: Days = days.into_iter().collect();
        Some(format!(
            "failed in up to {runs} runs in a row: {}",
            ranges(&days)
        ))
    }

    /// Times that have not come yet.
    fn clock_problem(&self) -> Option<String> {
        let lag = clock_lag(self.ledger, self.runs, self.now);
        if lag <= CLOCK_TOLERANCE {
            return None;
        }
        let ahead = self.ledger.iter().map(|receipt| receipt.day);
        let is_ahead =
            |day: &NaiveDate| self.ledger.status(*day, self.tolerant_now()) == DayStatus::Ahead;
        let ahead: Days = ahead.filter(is_ahead).collect();
        let newest = (self.now + lag).format("%Y-%m-%d %H:%M UTC");
        Some(match ahead.is_empty() {
            true => format!("a run ended {newest}, which has not come yet"),
            false => format!(
                "pulled by a clock that was ahead, or this one is behind ({newest} has not come yet): {}",
                ranges(&ahead)
            ),
        })
    }

    /// The days that ended so long ago and are not complete, by what they are.
    fn overdue_days(&self) -> Vec<String> {
        let mut days = BTreeMap::<(u8, Option<StaleReason>), Vec<NaiveDate>>::new();
        let failing = self.often_failing();
        for (day, status) in self.ledger.overdue(self.max_age, self.tolerant_now()) {
            if failing.contains_key(&day) {
                continue;
            }
            let key = match status {
                DayStatus::Missing => (0, None),
                DayStatus::Stale(reason) => (1, Some(reason)),
                DayStatus::Open => (2, None),
                // Named by the problem of the clock.
                DayStatus::Ahead | DayStatus::Sealed => continue,
            };
            days.entry(key).or_default().push(day);
        }
        let described = |((order, reason), days): ((u8, Option<StaleReason>), Vec<_>)| {
            let days = ranges(&days.into_iter().collect());
            match (order, reason) {
                (_, Some(reason)) => format!("stale, because {reason}: {days}"),
                (0, None) => format!("missing: {days}"),
                _ => format!("open for longer than {}: {days}", self.text),
            }
        };
        days.into_iter().map(described).collect()
    }
}

#[cfg(test)]
mod tests {
    use kapture_customers::{DayState, Receipt};
    use kapture_sinks::{RangeEnd, Run};

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A ledger of sealed days, each pulled at 06:15 of the next one.
    fn sealed(days: impl IntoIterator<Item = u32>) -> Ledger {
        let receipt = |number: u32| {
            let fetched = day(number + 1).and_hms_opt(6, 15, 0).unwrap().and_utc();
            let mut receipt = Receipt::of(day(number), &[], fetched);
            receipt.state = DayState::Sealed;
            receipt
        };
        let mut ledger: Ledger = days.into_iter().map(receipt).collect();
        ledger.set_end(RangeEnd::Today);
        ledger
    }

    fn problems(ledger: &Ledger, runs: &RunLog, now: &str) -> Vec<String> {
        let destination = Destination::parse("customers.db", None).unwrap();
        let max_age = MaxAge {
            destination: &destination,
            ledger,
            runs,
            text: "26h",
            max_age: TimeDelta::hours(26),
            now: time(now),
        };
        max_age.problems()
    }

    /// Nightly runs from the morning of 2 May, on which these days failed.
    fn nights(failed: &[&[u32]]) -> RunLog {
        let mut runs = RunLog::default();
        for (morning, failed) in (2..).zip(failed) {
            let start = day(morning).and_hms_opt(6, 14, 0).unwrap().and_utc();
            let end = start + TimeDelta::minutes(1);
            let mut run = Run::new("sync", start, end, if failed.is_empty() { 0 } else { 5 });
            run.days_done = 1;
            run.days_failed = failed.len() as u64;
            run.add_failed("Unstable", &failed.iter().copied().map(day).collect());
            runs.push(run);
        }
        runs
    }

    #[test]
    fn complete_days_are_up_to_date() {
        let none: [String; 0] = [];
        let runs = nights(&[&[], &[], &[], &[]]);
        assert_eq!(
            problems(&sealed(1..=4), &runs, "2024-05-05T06:16:00Z"),
            none
        );
        // Until shortly before the next run.
        assert_eq!(
            problems(&sealed(1..=4), &runs, "2024-05-06T01:59:00Z"),
            none
        );
        assert_eq!(
            problems(
                &Ledger::default(),
                &RunLog::default(),
                "2024-05-06T01:59:00Z"
            ),
            none
        );
    }

    #[test]
    fn stalled_sync_has_its_own_signal() {
        let runs = nights(&[&[], &[], &[], &[]]);
        assert_eq!(
            problems(&sealed(1..=4), &runs, "2024-05-08T02:01:00Z"),
            [
                "no day after 2024-05-04 is complete, the last run ended 2024-05-05 06:15 UTC with exit code 0",
                "missing: 2024-05-05 to 2024-05-06 (2)",
            ]
        );
    }

    #[test]
    fn copy_that_ends_at_a_day_grows_old() {
        let mut ledger = Ledger::default();
        ledger.set_end(RangeEnd::Day(day(4)));
        for receipt in sealed(1..=4).iter() {
            ledger.insert(receipt.clone());
        }
        let none: [String; 0] = [];
        let runs = RunLog::default();
        assert_eq!(problems(&ledger, &runs, "2024-05-07T01:59:00Z"), none);
        assert_eq!(
            problems(&ledger, &runs, "2024-05-07T02:01:00Z"),
            ["no day after 2024-05-04 is complete"]
        );
    }

    #[test]
    fn day_that_fails_every_night_has_its_own_signal() {
        let runs = nights(&[&[], &[2], &[2], &[2]]);
        assert_eq!(
            problems(&sealed([1, 3, 4]), &runs, "2024-05-05T06:16:00Z"),
            ["failed in up to 3 runs in a row: 2024-05-02"]
        );
    }

    #[test]
    fn clock_that_jumped_has_its_own_signal() {
        // The days until 4 May were pulled, and the clock was set back by a year, or forwards.
        let mut ledger = sealed(1..=3);
        let mut ahead = Receipt::of(day(3), &[], time("2025-05-04T06:15:00Z"));
        ahead.state = DayState::Sealed;
        ledger.insert(ahead);
        let runs = nights(&[&[], &[], &[]]);
        assert_eq!(
            problems(&ledger, &runs, "2024-05-05T01:59:00Z"),
            [
                "pulled by a clock that was ahead, or this one is behind (2025-05-04 06:15 UTC has not come yet): 2024-05-03"
            ]
        );
        let behind = problems(&sealed(1..=2), &runs, "2024-05-04T06:09:00Z");
        assert_eq!(
            behind,
            ["a run ended 2024-05-04 06:15 UTC, which has not come yet"]
        );
        // Clocks that differ by a minute are no signal.
        let none: [String; 0] = [];
        assert_eq!(
            problems(&sealed(1..=3), &runs, "2024-05-04T06:14:00Z"),
            none
        );
    }

    #[test]
    fn open_and_stale_days_are_named() {
        let mut ledger = sealed(1..=4);
        ledger.insert(Receipt::of(day(2), &[], time("2024-05-03T00:15:00Z")));
        ledger.mark_stale(day(3), StaleReason::MissingFile);
        assert_eq!(
            problems(&ledger, &RunLog::default(), "2024-05-06T01:59:00Z"),
            [
                "stale, because its file is missing: 2024-05-03",
                "open for longer than 26h: 2024-05-02"
            ]
        );
    }
}
