//! `kapture sync` and `status` from end to end.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, FaultKind, Faults, Oddities, PerDay, Population};
use kapture_tests::{Running, Served, code, ids, names, run, status, stderr};
use rusqlite::Connection;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Customers on every day from 2024 to 2030.
fn tenant(seed: u64, per_day: PerDay, behaviour: Behaviour) -> Served {
    let population = Population::new(seed).days(day("2024-01-01"), day("2030-12-31"), per_day);
    Served::new(population, behaviour)
}

fn sync(served: &Served, destination: &Path, from: &str, to: &str) -> Output {
    let destination = destination.to_str().expect("text");
    run(served, &["sync", destination, "--from", from, "--to", to])
}

#[test]
fn a_second_run_asks_for_open_days_only() {
    let served = tenant(1, PerDay::Between(0, 9), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    for destination in ["customers.db", "lines/"] {
        let destination = folder.path().join(destination);
        sync(&served, &destination, "2024-01-01", "2024-12-31");
        let asked = served.tenant.request_count();
        let output = sync(&served, &destination, "2024-01-01", "2024-12-31");
        assert_eq!(served.tenant.request_count(), asked, "nothing was open");
        let expected = "up to date: 366 days sealed already, nothing to pull";
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    // Today can still gain customers, so it is asked for again, with its neighbours.
    let destination = folder.path().join("now.db");
    let destination = destination.to_str().unwrap();
    run(&served, &["sync", destination, "--from", "-40d"]);
    let asked = served.tenant.request_count();
    let output = run(&served, &["sync", destination]);
    let again = served.tenant.request_count() - asked;
    // Two for each of three windows, and two dozen for what is learnt; all days would need more.
    assert!((1..=30).contains(&again), "{again} requests");
    assert!(
        stderr(&output).contains("still open"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("sealed already"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn missing_and_refreshed_days_are_pulled() {
    let served = tenant(2, PerDay::Between(1, 9), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, "2024-05-01", "2024-05-03");
    sync(&served, &destination, "2024-05-06", "2024-05-07");
    let found = status(&destination);
    assert_eq!(
        found["missing"],
        serde_json::json!(["2024-05-04", "2024-05-05"])
    );
    assert_eq!(found["days"].as_array().unwrap().len(), 5);
    // Without --from it begins with the first day held.
    let text = destination.to_str().unwrap();
    let output = run(&served, &["sync", text, "--to", "2024-05-08"]);
    assert!(
        stderr(&output).starts_with("3 days (5 sealed already)"),
        "{}",
        stderr(&output)
    );
    let truth = served
        .tenant
        .truth_ids(day("2024-05-01"), day("2024-05-08"));
    assert_eq!(status(&destination)["customers"], truth.len());
    let output = run(
        &served,
        &["sync", text, "--to", "2024-05-08", "--refresh", "2"],
    );
    assert!(
        stderr(&output).starts_with("2 days (6 sealed already)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_first_run_needs_a_first_day() {
    let served = tenant(3, PerDay::Fixed(1), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    for (arguments, sentence) in [
        (vec!["sync", database.to_str().unwrap()], "--from"),
        (
            vec!["sync", "customers.ndjson", "--from", "-7d"],
            "has no ledger",
        ),
        (vec!["sync", "-", "--from", "-7d"], "has no ledger"),
        (vec!["status", "customers.csv.gz"], "has no ledger"),
        (
            vec!["sync", "a/", "--from", "today", "--to", "yesterday"],
            "comes after",
        ),
        (
            vec![
                "sync",
                database.to_str().unwrap(),
                "--from",
                "2024-05-31",
                "--to",
                "2024-05-01",
            ],
            "comes after",
        ),
        (
            vec!["sync", "a/", "--from", "today", "--grace-period", "soon"],
            "--grace-period",
        ),
        (
            vec![
                "sync",
                "a/",
                "--from",
                "today",
                "--grace-period",
                "99999999999999d",
            ],
            "--grace-period",
        ),
        (vec!["status", "postgres://db:port/crm"], "port"),
        (vec!["sync", "postgres://db/crm?sslmode=secure"], "sslmode"),
    ] {
        let output = served
            .kapture(&arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(sentence),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(served.tenant.request_count(), 0);
    let output = served
        .kapture(&["status", "none.db"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    let output = served
        .kapture(&["status", "none/"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("holds no customers yet"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_first_run_into_a_fresh_postgres_needs_a_first_day() {
    let Some(schema) = kapture_tests::postgres::Schema::fresh() else {
        return;
    };
    let served = tenant(3, PerDay::Fixed(1), Behaviour::default());
    let output = served.kapture(&["sync", &schema.url()]).output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("--from"), "{}", stderr(&output));
    run(&served, &["sync", &schema.url(), "--from", "-3d"]);
    run(&served, &["sync", &schema.url()]);
}

#[test]
fn one_destination_holds_one_account_with_one_set_of_filters() {
    let served = tenant(4, PerDay::Fixed(3), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    for destination in ["customers.db", "lines/"] {
        let destination = folder.path().join(destination);
        sync(&served, &destination, "2024-05-01", "2024-05-02");
        let destination = destination.to_str().unwrap();
        let arguments = ["sync", destination, "--to", "2024-05-03", "--name", "Asha"];
        let output = served.kapture(&arguments).output().unwrap();
        assert_eq!(code(&output), 6, "{}", stderr(&output));
        assert!(
            stderr(&output).contains("filtered by name"),
            "{}",
            stderr(&output)
        );
        assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    }
    // What is there and was not made by kapture is not touched.
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    std::fs::write(folder.path().join("photos/holiday.jpg"), "x").unwrap();
    let photos = folder.path().join("photos/");
    let arguments = ["sync", photos.to_str().unwrap(), "--from", "2024-05-01"];
    let output = served.kapture(&arguments).output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert_eq!(names(&photos), ["holiday.jpg"]);
}

/// Where creation dates are instants, a customer near midnight may be in neither of two days that
/// were cut in two zones.
#[test]
fn one_destination_has_days_of_one_time_zone() {
    let behaviour = Behaviour {
        oddities: Oddities {
            epoch_dates: 1.0,
            ..Oddities::default()
        },
        ..Behaviour::default()
    };
    let served = tenant(9, PerDay::Fixed(24), behaviour);
    let folder = tempfile::tempdir().unwrap();
    let zone = ["--time-zone", "Asia/Kolkata"];
    let days = |to| ["--from", "2024-05-01", "--to", to];
    let pull = [&["pull", "--quiet"][..], &days("2024-05-04"), &zone].concat();
    let truth = ids(&run(&served, &pull).stdout);
    for name in ["customers.db", "lines/"] {
        let destination = folder.path().join(name);
        let destination = destination.to_str().unwrap();
        let sync = ["sync", destination];
        run(&served, &[&sync[..], &days("2024-05-02"), &zone].concat());
        let asked = served.tenant.request_count();
        for arguments in [
            [&sync[..], &["--to", "2024-05-04"]].concat(),
            [&sync[..], &days("2024-05-04")].concat(),
            [&["pull", "-o", destination], &days("2024-05-04")[..]].concat(),
            vec!["verify", destination],
            vec!["plan", destination],
        ] {
            let output = served.kapture(&arguments).output().unwrap();
            assert_eq!(code(&output), 6, "{arguments:?}: {}", stderr(&output));
            for words in [
                "holds days of the time zone Asia/Kolkata, not of UTC",
                "hint: add --time-zone Asia/Kolkata as before, or give another destination",
            ] {
                assert!(stderr(&output).contains(words), "{}", stderr(&output));
            }
        }
        assert_eq!(served.tenant.request_count(), asked, "nothing was asked");
        run(
            &served,
            &[&sync[..], &["--to", "2024-05-04"], &zone].concat(),
        );
        run(&served, &[&["verify", destination], &zone[..]].concat());
        let found = status(Path::new(destination));
        assert_eq!(found["customers"], truth.len(), "{name}: each once");
        assert_eq!(found["time_zone"], "Asia/Kolkata");
    }
}

/// Days that were cut without a zone are those of UTC.
#[test]
fn a_destination_without_a_time_zone_uses_utc() {
    let served = tenant(9, PerDay::Fixed(3), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, "2024-05-01", "2024-05-02");
    let destination = destination.to_str().unwrap();
    let sync = |zone| {
        [
            "sync",
            destination,
            "--to",
            "2024-05-03",
            "--time-zone",
            zone,
        ]
    };
    let output = served.kapture(&sync("America/Lima")).output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    let sentence = "holds days of the time zone UTC, not of America/Lima";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    run(&served, &sync("UTC"));
    run(&served, &["sync", destination, "--to", "2024-05-04"]);
}

#[test]
fn a_second_concurrent_run_is_refused() {
    let behaviour = Behaviour {
        faults: Faults::scheduled((5..1_000).map(|number| (number, FaultKind::Stall))),
        ..Behaviour::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for destination in ["customers.db", "lines/"] {
        let served = tenant(5, PerDay::Fixed(3), behaviour.clone());
        let destination = folder.path().join(destination);
        let destination = destination.to_str().unwrap();
        let arguments = [
            "sync",
            destination,
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-09",
        ];
        let first = Running::start(&mut served.kapture(&arguments));
        served.tenant.wait_for_requests(1, Duration::MAX);
        let second = served.kapture(&arguments).output().unwrap();
        assert_eq!(code(&second), 6, "{}", stderr(&second));
        let expected = format!(
            "another run is writing to {destination} (process {})",
            first.id()
        );
        assert!(stderr(&second).contains(&expected), "{}", stderr(&second));
    }
}

/// Such a clock may have sealed a day that was not over.
#[test]
fn a_day_that_was_fetched_in_the_future_is_pulled_again() {
    let served = tenant(1, PerDay::Between(1, 9), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, "2024-05-01", "2024-05-03");
    let ahead = "UPDATE kapture_days SET fetched = '2999-01-01T00:00:00Z' WHERE day = '2024-05-02'";
    let changed = Connection::open(&destination).unwrap().execute(ahead, []);
    assert_eq!(changed, Ok(1));
    let output = sync(&served, &destination, "2024-05-01", "2024-05-03");
    for words in [
        "pulled again, because the clock was ahead when they were pulled: 2024-05-02",
        "1 day (2 sealed already)",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    let output = sync(&served, &destination, "2024-05-01", "2024-05-03");
    assert!(
        stderr(&output).contains("up to date"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_grace_period_can_be_longer_than_history() {
    let served = tenant(1, PerDay::Between(0, 9), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
    let sync = [
        "sync",
        destination.to_str().unwrap(),
        "--grace-period",
        "99999999d",
    ];
    run(&served, &[&sync[..], &days].concat());
    let open = serde_json::json!(["2024-05-01", "2024-05-02"]);
    assert_eq!(status(&destination)["open"], open);
}

#[test]
fn pull_writes_to_destinations_with_a_ledger() {
    let served = tenant(8, PerDay::Between(1, 9), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let pull = [
        "pull",
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-03",
        "-o",
        destination.to_str().unwrap(),
    ];
    run(&served, &pull);
    let asked = served.tenant.request_count();
    let output = run(&served, &pull);
    assert!(
        stderr(&output).contains("up to date"),
        "{}",
        stderr(&output)
    );
    assert_eq!(served.tenant.request_count(), asked);
    run(&served, &[&pull[..], &["--again"]].concat());
    assert!(served.tenant.request_count() > asked);
    let truth = served
        .tenant
        .truth_ids(day("2024-05-01"), day("2024-05-03"));
    assert_eq!(status(&destination)["customers"], truth.len());
}

#[test]
fn a_run_beyond_the_end_of_earlier_runs_says_so() {
    let served = tenant(1, PerDay::Fixed(2), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let sync = ["sync", destination.to_str().unwrap()];
    let told = |more: &[&str]| stderr(&run(&served, &[&sync[..], more].concat()));
    let today = chrono::Utc::now().date_naive();
    let end = |days| (today - chrono::Days::new(days)).to_string();
    let note = "this one goes on until today; --to ";
    assert!(!told(&["--from", "-5d", "--to", &end(4)]).contains(note));
    assert!(!told(&["--to", &end(3)]).contains(note), "another end");
    let beyond = told(&[]);
    assert!(beyond.contains(&format!("{note}{}", end(3))), "{beyond}");
    assert!(!told(&[]).contains(note), "it is known now");
}
