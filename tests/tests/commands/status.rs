//! `kapture status`: which days a destination is to hold, and which are missing.

use std::path::Path;
use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use kapture_sandbox::{Behaviour, FaultKind, Faults, PerDay, Population};
use kapture_tests::{Running, Served, around_may, kapture, run, status};
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
        think_time: Duration::from_millis(20),
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
        while held().is_none() {
            let next = served.tenant.request_count() + 1;
            served
                .tenant
                .wait_for_requests(next, Duration::from_millis(20));
        }
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

#[test]
fn a_run_that_is_killed_is_among_the_runs() {
    let behaviour = Behaviour {
        faults: Faults::scheduled((5..1_000).map(|number| (number, FaultKind::Stall))),
        ..Behaviour::default()
    };
    let mut served = Served::new(around_may(PerDay::Fixed(2)), behaviour);
    let folder = tempfile::tempdir().unwrap();
    let destinations = ["customers.db", "out/"].map(|name| folder.path().join(name));
    let sync = |destination: &Path| {
        let destination = destination.to_str().unwrap();
        let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
        [&["sync", destination][..], &days].concat().join(" ")
    };
    let runs = |destination: &Path| {
        let status = ["status", destination.to_str().unwrap(), "--runs"];
        let json = kapture(&[&status[..], &["--json"]].concat())
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&json.stdout).unwrap();
        let codes = json["runs"].as_array().unwrap().iter();
        let codes: Vec<_> = codes
            .map(|run| run["exit_code"].as_u64().unwrap())
            .collect();
        let text = kapture(&status).output().unwrap().stdout;
        (codes, String::from_utf8(text).unwrap())
    };
    for destination in &destinations {
        let before = served.tenant.request_count();
        let arguments = sync(destination);
        let arguments: Vec<_> = arguments.split(' ').collect();
        let running = Running::start(&mut served.kapture(&arguments));
        served.tenant.wait_for_requests(before + 1, Duration::MAX);
        drop(running);
        let (codes, text) = runs(destination);
        assert_eq!(codes, [137]);
        assert!(
            text.contains("exit 137: the run was killed, or is still running"),
            "{text}"
        );
    }
    served = served.with(Behaviour::default());
    for destination in &destinations {
        let arguments = sync(destination);
        run(&served, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(runs(destination).0, [137, 0]);
    }
}

#[test]
fn quiet_leaves_the_exit_code_and_what_programs_read() {
    let served = Served::new(around_may(PerDay::Fixed(2)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = destination.to_str().unwrap();
    let filter = ["--attribute", "3=gold", "--email", "asha@example.com"];
    let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
    run(
        &served,
        &[&["sync", destination][..], &days, &filter].concat(),
    );
    let printed = |more: &[&str]| {
        let output = kapture(&[&["status", destination][..], more].concat())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(printed(&["--quiet"]), "");
    assert_eq!(printed(&["--quiet", "--runs"]), "");
    let json: Value = serde_json::from_str(&printed(&["--quiet", "--json"])).unwrap();
    let expected = serde_json::json!({"attr3": "gold", "email": null});
    assert_eq!(json["source"]["filters"], expected);
    let text = printed(&[]);
    let words = "account 424242, filtered by attr3=gold, email (value not shown)\n";
    assert!(text.contains(words), "{text}");
}
