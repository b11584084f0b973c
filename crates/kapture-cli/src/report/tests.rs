//! The page without a browser; `cargo xtask ci --only report` opens it in one.

use chrono::TimeDelta;
use kapture_customers::{DayState, Receipt};
use kapture_sinks::{RangeEnd, Run, StaleReason};

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A ledger of `days` days from 2016 on, with gaps, stale and open days.
fn ledger(days: usize) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.set_start(date("2016-01-01"));
    ledger.set_end(RangeEnd::Today);
    ledger.set_time_zone("Asia/Kolkata");
    for (index, day) in date("2016-01-01").iter_days().take(days).enumerate() {
        let fetched = day.and_hms_opt(21, 15, 0).unwrap().and_utc() + TimeDelta::days(1);
        let mut receipt = Receipt::of(day, &[], fetched);
        receipt.customers = (index as u64 * 7_919) % 4_001;
        receipt.proof = Proof::Contiguous;
        if index + 1 < days {
            receipt.state = DayState::Sealed;
        }
        match index % 401 {
            100..103 => {}
            200 => ledger.mark_stale(day, StaleReason::FileSizeChanged),
            _ => ledger.insert(receipt),
        }
    }
    ledger
}

fn html(ledger: &Ledger, runs: &RunLog, now: &str) -> String {
    let destination = Destination::parse("<b>&\"out\"/", None).unwrap();
    let subject = Subject {
        destination: &destination,
        ledger,
        runs,
        now: time(now),
    };
    subject.html().unwrap()
}

#[test]
fn ten_years_are_less_than_300_kilobytes() {
    let mut runs = RunLog::default();
    for hour in 0..100 {
        let start = time("2025-12-01T06:15:00Z") + TimeDelta::hours(hour);
        let mut run = Run::new("sync", start, start + TimeDelta::seconds(83), 0);
        run.customers = 1_234_567;
        runs.push(run);
    }
    let page = html(&ledger(3_653), &runs, "2026-01-01T22:00:00Z");
    assert!(page.len() < 300_000, "{} bytes", page.len());
    let shaded = page.matches("<td class=l").count() + page.matches("<td class=\"l").count();
    assert_eq!(shaded + page.matches("<td class=missing>").count(), 3_653);
}

#[test]
fn text_of_others_is_escaped() {
    let mut runs = RunLog::default();
    let mut run = Run::new(
        "<i>",
        time("2024-05-01T06:15:00Z"),
        time("2024-05-01T06:15:00Z"),
        0,
    );
    run.drift = vec![FieldDrift {
        field: "customer.<script>".into(),
        kind: "unknown field".into(),
        count: 3,
        since: run.started,
    }];
    runs.push(run);
    let page = html(&ledger(30), &runs, "2016-02-10T22:00:00Z");
    assert!(!page.contains("<b>") && !page.contains("<i>"));
    assert_eq!(page.matches("<script").count(), 2);
}

#[test]
fn nothing_but_the_page_itself_is_allowed() {
    let page = html(&ledger(30), &RunLog::default(), "2016-02-10T22:00:00Z");
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
    for text in [
        "http://", "https://", " style=", "onclick", "@import", "url(",
    ] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(text), "{text}");
    }
}

#[test]
fn days_after_the_last_pull_are_missing() {
    let page = html(&ledger(30), &RunLog::default(), "2016-02-04T01:00:00Z");
    assert!(page.contains("2016-01-31 to 2016-02-03 (4)"));
    assert!(page.contains("4 of 34 days are not complete."));
}

#[test]
fn open_days_are_not_called_complete() {
    let page = html(&ledger(30), &RunLog::default(), "2016-01-31T21:15:00Z");
    assert!(page.contains("29 of 30 days are complete. Still open, since they are new: 1."));
}

#[test]
fn empty_destination_has_a_page() {
    let page = html(
        &Ledger::default(),
        &RunLog::default(),
        "2016-02-03T22:00:00Z",
    );
    assert!(page.contains("No days yet."));
}
