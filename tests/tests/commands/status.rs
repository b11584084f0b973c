//! `kapture status`: which days a destination is to hold, and which are missing.

use std::path::Path;

use chrono::{Days, NaiveDate, Utc};
use kapture_sandbox::{Behaviour, PerDay, Population};
use kapture_tests::{Running, Served, run, status};
use serde_json::Value;

/// The missing days of a destination.
fn missing(destination: &Path) -> Vec<NaiveDate> {
    let found = status(destination);
    let days = found["missing"].as_array().expect("a list");
    let date = |day: &Value| day.as_str().expect("text").parse().expect("a date");
    days.iter().map(date).collect()
}

#[test]
fn an_interrupted_first_sync_leaves_all_other_days_missing() {
    let today = Utc::now().date_naive();
    let first = today - Days::new(400);
    let behaviour = Behaviour {
        think_time: std::time::Duration::from_millis(20),
        ..Behaviour::default()
    };
    let population = Population::new(3).days(first, today, PerDay::Fixed(2));
    let served = Served::new(population, behaviour);
    let folder = tempfile::tempdir().unwrap();
    for name in ["customers.db", "out/"] {
        let destination = folder.path().join(name);
        let sync = ["sync", destination.to_str().unwrap(), "--from", "-400d"];
        let running = Running::start(&mut served.kapture(&sync));
        let held = || {
            // It is made by the run, which may not have begun.
            let output = kapture_tests::kapture(&["status", sync[1], "--json"]).output();
            let found: Value = serde_json::from_slice(&output.expect("a run").stdout).ok()?;
            Some(found["days"].as_array()?.len()).filter(|days| *days > 0)
        };
        while held().is_none() {}
        drop(running);
        let missing = missing(&destination).len();
        let days = status(&destination)["days"].as_array().unwrap().len();
        assert!(missing > 0, "{name} was interrupted");
        // Today is not due yet, and before six in the morning yesterday is not either.
        assert!((399..=401).contains(&(days + missing)), "{name}: {days}");
    }
}

#[test]
fn a_range_with_an_end_is_complete_when_its_days_are_there() {
    let population = Population::new(3).days(
        "2024-05-01".parse().unwrap(),
        "2024-05-31".parse().unwrap(),
        PerDay::Fixed(2),
    );
    let served = Served::new(population, Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let sync = ["sync", destination.to_str().unwrap()];
    let range = |to| [&sync[..], &["--from", "2024-05-01", "--to", to]].concat();
    run(&served, &range("2024-05-07"));
    assert!(missing(&destination).is_empty());
    // A pull of some days of a longer range leaves the others to be pulled.
    let list = folder.path().join("days");
    std::fs::write(&list, "2024-05-10\n").unwrap();
    let pull = ["pull", "-o", sync[1], "--days", list.to_str().unwrap()];
    run(&served, &pull);
    let expected = ["2024-05-08", "2024-05-09"].map(|day| day.parse().unwrap());
    assert_eq!(missing(&destination), expected);
}
