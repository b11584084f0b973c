//! `status --max-age`, `--runs`, `--metrics` and `report`: what a destination says of itself.

use std::path::Path;
use std::process::Output;

use chrono::{Days, NaiveDate, Utc};
use kapture_sandbox::{Behaviour, FaultKind, Faults, PerDay, Population, When};
use kapture_tests::{Served, code, run, stderr};
use rusqlite::Connection;

fn day(ago: u64) -> NaiveDate {
    Utc::now().date_naive() - Days::new(ago)
}

/// Customers on every day of the last weeks.
fn tenant(behaviour: Behaviour) -> Served {
    let population = Population::new(5).days(day(40), day(0), PerDay::Fixed(2));
    Served::new(population, behaviour)
}

/// A server that fails for the window of one day.
fn failing_for(day: NaiveDate) -> Behaviour {
    let faults = Faults::when([(When::Touches(day), FaultKind::Status500)]);
    Behaviour {
        faults,
        ..Behaviour::default()
    }
}

fn sync(served: &Served, destination: &str, from: &str) -> Output {
    let sync = [
        "sync",
        destination,
        "--time-zone",
        "UTC",
        "--to",
        "yesterday",
    ];
    let mut command = served.kapture(&[&sync[..], &["--from", from]].concat());
    command
        .args(["--retry-for", "1s"])
        .output()
        .expect("it runs")
}

fn max_age(served: &Served, destination: &str) -> (i32, String) {
    let status = ["status", destination, "--max-age", "26h"];
    let output = served.kapture(&status).output().expect("it runs");
    (code(&output), stderr(&output))
}

/// The metrics that `status` writes.
fn metrics(served: &Served, destination: &str) -> String {
    let file = format!("{destination}.prom");
    run(served, &["status", destination, "--metrics", &file]);
    std::fs::read_to_string(file).expect("metrics")
}

/// The value of a metric.
fn value(text: &str, name: &str) -> f64 {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit(' ')
        .next()
        .and_then(|value| value.parse().ok())
        .expect("a number")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn destination_that_is_up_to_date_has_no_signal() {
    let served = tenant(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    for name in ["customers.db", "lines/"] {
        let destination = folder.path().join(name);
        let destination = text(&destination);
        assert_eq!(code(&sync(&served, destination, "-5d")), 0);
        assert_eq!(max_age(&served, destination), (0, String::new()));
    }
}

#[test]
fn stalled_sync_is_named_with_its_last_run() {
    let served = tenant(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = text(&destination);
    let week = [
        "sync",
        destination,
        "--time-zone",
        "UTC",
        "--from",
        "-9d",
        "--to",
        "-5d",
    ];
    run(&served, &week);
    let (code, said) = max_age(&served, destination);
    assert_eq!(code, 7, "{said}");
    let stalled = format!("no day after {} is complete, the last run ended", day(5));
    assert!(said.contains(&stalled), "{said}");
    assert!(said.contains("with exit code 0"), "{said}");
    assert!(
        !said.contains("in a row") && !said.contains("has not come yet"),
        "{said}"
    );
    let metrics = metrics(&served, destination);
    let age = Utc::now().timestamp() as f64
        - value(&metrics, "kapture_newest_complete_day_timestamp_seconds");
    assert!(age > 4.0 * 86_400.0 - 10.0, "{age}");
    assert_eq!(value(&metrics, "kapture_failing_day_runs"), 0.0);
    assert_eq!(value(&metrics, "kapture_clock_lag_seconds"), 0.0);
}

#[test]
fn day_that_fails_in_every_run_is_named() {
    let served = tenant(failing_for(day(4)));
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let destination = text(&destination);
    for _ in 0..2 {
        assert_eq!(code(&sync(&served, destination, "-9d")), 5);
    }
    let (code, said) = max_age(&served, destination);
    assert_eq!(code, 7, "{said}");
    // The day is in the windows of its neighbours, too.
    let days = format!("2 runs in a row: {} to {} (3)", day(5), day(3));
    assert!(said.contains(&days), "{said}");
    assert!(
        !said.contains("no day after") && !said.contains("has not come yet"),
        "{said}"
    );
    let metrics = metrics(&served, destination);
    assert_eq!(value(&metrics, "kapture_failing_day_runs"), 2.0);
    assert!(value(&metrics, "kapture_run_day_failures") >= 1.0);
    assert_eq!(value(&metrics, "kapture_run_exit_code"), 5.0);
    assert_eq!(value(&metrics, "kapture_clock_lag_seconds"), 0.0);
    let runs = run(&served, &["status", destination, "--runs"]);
    let runs = String::from_utf8(runs.stdout).unwrap();
    assert_eq!(runs.lines().count(), 3, "{runs}");
    assert!(
        runs.lines().skip(1).all(|line| line.ends_with('5')),
        "{runs}"
    );
}

#[test]
fn clock_that_jumped_is_named() {
    let served = tenant(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, text(&destination), "-5d");
    // As a clock that was a year ahead would have left it.
    let connection = Connection::open(&destination).unwrap();
    let later = (Utc::now() + Days::new(365)).to_rfc3339();
    let update = "UPDATE kapture_days SET fetched = ?1 WHERE day = ?2";
    assert_eq!(
        connection.execute(update, [later, day(3).to_string()]),
        Ok(1)
    );
    let (code, said) = max_age(&served, text(&destination));
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains(&format!("has not come yet): {}", day(3))),
        "{said}"
    );
    assert!(
        !said.contains("no day after") && !said.contains("in a row"),
        "{said}"
    );
    let metrics = metrics(&served, text(&destination));
    assert!(value(&metrics, "kapture_clock_lag_seconds") > 364.0 * 86_400.0);
    assert_eq!(value(&metrics, "kapture_failing_day_runs"), 0.0);
}

#[test]
fn refused_run_is_kept_and_leaves_the_last_success() {
    let served = tenant(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let metrics = folder.path().join("metrics.prom");
    let sync = [
        "sync",
        text(&destination),
        "--format",
        "ndjson",
        "--from",
        "-5d",
        "--metrics",
        text(&metrics),
    ];
    run(&served, &sync);
    let before = std::fs::read_to_string(&metrics).unwrap();
    let refused = served
        .kapture(&sync)
        .env("KAPTURE_TOKEN", "V1JPTkc=")
        .output()
        .unwrap();
    assert_eq!(code(&refused), 3, "{}", stderr(&refused));
    let after = std::fs::read_to_string(&metrics).unwrap();
    let success = "kapture_last_success_timestamp_seconds";
    assert_eq!(value(&after, success), value(&before, success));
    assert_eq!(value(&after, "kapture_run_exit_code"), 3.0);
    let runs = run(&served, &["status", text(&destination), "--runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout).unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
    assert_eq!(runs["runs"][1]["exit_code"], 3);
}

#[test]
fn report_holds_counts_and_no_customers() {
    let served = tenant(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, text(&destination), "-5d");
    let page = folder.path().join("report.html");
    run(&served, &["report", text(&destination), "-o", text(&page)]);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("10 customers"), "{page}");
    let connection = Connection::open(&destination).unwrap();
    let mut select = connection
        .prepare("SELECT CAST(id AS TEXT), name FROM customers")
        .unwrap();
    let customers = select.query_map([], |row| Ok([row.get(0)?, row.get(1)?]));
    let customers: Vec<[String; 2]> = customers.unwrap().map(Result::unwrap).collect();
    assert_eq!(customers.len(), 10);
    for text in customers.iter().flatten() {
        assert!(!page.contains(text), "{text}");
    }
    // Nothing is written where a report cannot be.
    let output = served
        .kapture(&["report", text(&destination), "-o", "/nowhere/report.html"])
        .output();
    let output = output.unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
}
