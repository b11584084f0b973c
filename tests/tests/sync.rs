//! `kapture sync`, `status` and `verify` from end to end: destinations that remember what they hold.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, FaultKind, Faults, Oddities, PerDay, Population};
use kapture_tests::scripted::{Asked, Scripted, customers};
use kapture_tests::{Running, Served, code, ids, names, run, status, stderr};
use rusqlite::Connection;
use serde_json::Value;

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

/// The ids that a dataset of lines holds of one day.
fn held(root: &Path, day: &str) -> BTreeSet<u64> {
    let file = root.join(format!("created_date={day}/customers.ndjson"));
    std::fs::read(file).map_or_else(|_| BTreeSet::new(), |lines| ids(&lines))
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
        let expected = "up to date: 366 days sealed already, nothing to ask";
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    // Today can still gain customers, so it is asked for again, with its neighbours.
    let destination = folder.path().join("now.db");
    let destination = destination.to_str().unwrap();
    run(&served, &["sync", destination, "--from", "-20d"]);
    let asked = served.tenant.request_count();
    let output = run(&served, &["sync", destination]);
    let again = served.tenant.request_count() - asked;
    assert!((1..15).contains(&again), "{again} requests");
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
fn the_first_run_has_to_say_where_to_begin() {
    let served = tenant(3, PerDay::Fixed(1), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    for (arguments, sentence) in [
        (vec!["sync", database.to_str().unwrap()], "--from"),
        (
            vec!["sync", "customers.ndjson", "--from", "-7d"],
            "does not remember",
        ),
        (vec!["sync", "-", "--from", "-7d"], "does not remember"),
        (vec!["status", "customers.csv.gz"], "does not remember"),
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
fn the_first_run_into_a_fresh_postgres_has_to_say_where_to_begin() {
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
                "hint: give --time-zone Asia/Kolkata as before, or name another destination",
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
fn a_destination_that_was_told_no_time_zone_is_one_of_utc() {
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
fn two_runs_at_once_do_not_meet() {
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
        while served.tenant.request_count() == 0 {
            std::thread::yield_now();
        }
        let second = served.kapture(&arguments).output().unwrap();
        assert_eq!(code(&second), 6, "{}", stderr(&second));
        let expected = format!(
            "another run is writing to {destination} (process {})",
            first.id()
        );
        assert!(stderr(&second).contains(&expected), "{}", stderr(&second));
    }
}

#[test]
fn verify_names_what_differs() {
    let served = tenant(6, PerDay::Fixed(5), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let text = destination.to_str().unwrap();
    let range = ["--from", "2024-05-01", "--to", "2024-05-04"];
    run(
        &served,
        &[&["sync", text, "--format", "ndjson"], &range[..]].concat(),
    );
    let output = run(&served, &["verify", text, "-v"]);
    assert!(stderr(&output).contains("learned"), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("4 alike, 0 different"),
        "{}",
        stderr(&output)
    );

    // Somebody takes a line out of one day, and puts a stranger into another.
    let file = |day: &str| destination.join(format!("created_date={day}/customers.ndjson"));
    let lines = std::fs::read_to_string(file("2024-05-02")).unwrap();
    let (lost, rest) = lines.split_once('\n').unwrap();
    std::fs::write(file("2024-05-02"), rest).unwrap();
    let lost: Value = serde_json::from_str(lost).unwrap();
    let with = std::fs::read_to_string(file("2024-05-03")).unwrap() + "{\"id\":17}\n";
    std::fs::write(file("2024-05-03"), with).unwrap();

    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let differences = String::from_utf8_lossy(&output.stdout);
    let expected = format!("1 there and not here: {}", lost["id"]);
    let lines: Vec<_> = differences.lines().collect();
    assert_eq!(lines.len(), 2, "{differences}");
    assert!(
        lines[0].starts_with("2024-05-02") && lines[0].contains(&expected),
        "{differences}"
    );
    assert!(
        lines[1].starts_with("2024-05-03") && lines[1].contains("1 here and not there: 17"),
        "{differences}"
    );
    for words in ["2 alike, 2 different", "2 days differ from what"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }

    // Whoever closes the output at the first difference has seen that there is one.
    let mut verifying = served
        .kapture(&["verify", text])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(verifying.stdout.take());
    assert_eq!(verifying.wait().unwrap().code(), Some(7));

    let output = served
        .kapture(&["verify", text, "--json", "-q"])
        .output()
        .unwrap();
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap();
    let difference: Value = serde_json::from_slice(line).unwrap();
    assert_eq!(
        difference["lacking"],
        serde_json::json!([lost["id"].to_string()])
    );

    // A day that is not here at all differs as well.
    let further = ["verify", text, "--from", "2024-05-04", "--to", "2024-05-05"];
    let output = served.kapture(&further).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not pulled yet"));
    let sentence = "1 day differs from what the server holds now";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
}

/// What is answered of the days of May, each with one customer, whose id is its number.
fn one_a_day(asked: &Asked) -> Vec<u8> {
    let days = (1..=31).map(|day| (day, format!("2024-05-{day:02}")));
    let rows: Vec<_> = days
        .filter(|(_, date)| asked.holds(date))
        .map(|(id, date)| format!(r#"{{"id":{id},"generationDate":"{date} 10:20:30"}}"#))
        .collect();
    customers(asked.page(&rows))
}

const MOVED: &str = r#"{"message":"Account is being moved","status":"failed"}"#;

#[test]
fn a_day_that_fails_leaves_the_others_there() {
    let server = Scripted::bodies(|asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        match ("2024-05-11"..="2024-05-21").contains(&start) {
            true => MOVED.into(),
            false => one_a_day(asked),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let arguments = ["sync", destination.to_str().unwrap(), "--format", "ndjson"];
    let output = server
        .kapture(&arguments)
        .args(["--from", "2024-05-01", "--to", "2024-05-20"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Account is being moved"),
        "{}",
        stderr(&output)
    );
    // The tenth waits for its neighbour.
    let found = status(&destination);
    let days = found["days"].as_array().unwrap();
    let days: Vec<_> = days.iter().map(|receipt| &receipt["day"]).collect();
    let expected: Vec<_> = (1..10).map(|day| format!("2024-05-{day:02}")).collect();
    assert_eq!(days, expected.iter().collect::<Vec<_>>());
    for (id, day) in (1..).zip(&expected) {
        assert_eq!(held(&destination, day), BTreeSet::from([id]));
    }
}

#[test]
fn verify_goes_on_where_a_day_cannot_be_fetched() {
    let moved = Arc::new(AtomicBool::new(false));
    let is_moved = Arc::clone(&moved);
    let server = Scripted::bodies(move |asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        match is_moved.load(Ordering::Relaxed) && start == "2024-05-11" {
            true => MOVED.into(),
            false => one_a_day(asked),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let text = destination.to_str().unwrap();
    let output = server
        .kapture(&["sync", text, "--format", "ndjson"])
        .args(["--from", "2024-05-01", "--to", "2024-05-20"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    std::fs::remove_file(destination.join("created_date=2024-05-03/customers.ndjson")).unwrap();
    std::fs::remove_file(destination.join("created_date=2024-05-18/customers.ndjson")).unwrap();
    moved.store(true, Ordering::Relaxed);
    let output = server.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let differences = String::from_utf8_lossy(&output.stdout);
    let days: Vec<_> = differences.lines().map(|line| &line[..10]).collect();
    assert_eq!(days, ["2024-05-03", "2024-05-18"], "{differences}");
    // A window that is never shown may hold customers of its neighbours, too.
    for words in [
        "2024-05-10 cannot be fetched again",
        "2024-05-11 cannot be fetched again",
        "2024-05-12 cannot be fetched again",
        "17 days compared",
        "15 alike, 2 different; 3 days not fetched",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// A server with a customer on each day, who is shown only while it is well.
fn at_times_empty() -> (Scripted, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let is_well = Arc::clone(&well);
    let server = Scripted::bodies(move |asked| match is_well.load(Ordering::Relaxed) {
        true => one_a_day(asked),
        false => customers(&[]),
    });
    (server, well)
}

#[test]
fn a_server_that_shows_nothing_costs_no_customers() {
    let (server, well) = at_times_empty();
    let folder = tempfile::tempdir().unwrap();
    for destination in ["customers.db", "lines/"] {
        let destination = folder.path().join(destination);
        let sync = |more: &[&str]| {
            let output = server
                .kapture(&["sync", destination.to_str().unwrap(), "--to", "2024-05-10"])
                .args(more)
                .output();
            output.unwrap()
        };
        well.store(true, Ordering::Relaxed);
        assert_eq!(code(&sync(&["--from", "2024-05-01"])), 0);
        well.store(false, Ordering::Relaxed);
        let output = sync(&["--refresh", "3"]);
        assert_eq!(code(&output), 5, "{}", stderr(&output));
        assert!(stderr(&output).contains("whether they are gone cannot be told"));
        assert_eq!(status(&destination)["customers"], 10);
        well.store(true, Ordering::Relaxed);
        let output = sync(&["--refresh", "3"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(status(&destination)["customers"], 10);
    }
}

/// What is in doubt of a day is what it holds, and not that it held anybody.
#[test]
fn a_stale_day_loses_no_customers_to_a_server_that_shows_nothing() {
    let (server, well) = at_times_empty();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let text = destination.to_str().unwrap();
    let kapture = |arguments: &[&str]| server.kapture(arguments).output().unwrap();
    let from = ["--from", "2024-05-01", "--format", "ndjson"];
    let sync = ["sync", text, "--to", "2024-05-04"];
    assert_eq!(code(&kapture(&[&sync[..], &from].concat())), 0);

    well.store(false, Ordering::Relaxed);
    let output = kapture(&["verify", text]);
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    assert!(output.stdout.is_empty(), "no customer is called gone");
    // Of no day is there a receipt that can be relied on.
    for day in ["2024-05-01", "2024-05-02"] {
        let file = destination.join(format!("created_date={day}/customers.ndjson"));
        let altered = std::fs::read_to_string(&file).unwrap() + "\n";
        std::fs::write(&file, altered).unwrap();
    }
    for day in ["2024-05-03", "2024-05-04"] {
        std::fs::remove_file(destination.join(format!("_kapture/days/{day}.json"))).unwrap();
    }
    for command in [&sync[..], &["verify", text]] {
        let output = kapture(command);
        assert_eq!(code(&output), 5, "{}", stderr(&output));
        let sentence = "whether they are gone cannot be told";
        assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    }
    for id in 1..=4 {
        let day = format!("2024-05-{id:02}");
        assert_eq!(held(&destination, &day), BTreeSet::from([id]));
    }

    well.store(true, Ordering::Relaxed);
    assert_eq!(code(&kapture(&sync)), 0);
    assert_eq!(code(&kapture(&["verify", text])), 0);
}

/// The days that never came may be the first ones. A later run, which is told no first day, goes on
/// from there all the same.
#[test]
fn the_first_day_is_wanted_until_it_is_there() {
    let refuses = Arc::new(AtomicBool::new(true));
    let moved = Arc::clone(&refuses);
    let server = Scripted::bodies(move |asked| {
        if asked.body["createStartDate"] == "2024-04-30" && moved.load(Ordering::Relaxed) {
            return MOVED.into();
        }
        one_a_day(asked)
    });
    let folder = tempfile::tempdir().unwrap();
    let destinations = ["synced.db", "synced/", "pulled.db", "pulled/"];
    for (name, first) in
        destinations
            .into_iter()
            .zip([&["sync"][..], &["sync"], &["pull", "-o"], &["pull", "-o"]])
    {
        let destination = folder.path().join(name);
        let run = |command: &[&str], further: &[&str]| {
            let to = [destination.to_str().unwrap(), "--to", "2024-05-04"];
            let output = server.kapture(&[command, &to, further].concat()).output();
            output.unwrap()
        };
        refuses.store(true, Ordering::Relaxed);
        let output = run(first, &["--from", "2024-05-01"]);
        assert_eq!(code(&output), 4, "{}", stderr(&output));
        let found = status(&destination);
        assert_eq!(found["first"], "2024-05-01");
        assert_eq!(found["missing"], serde_json::json!(["2024-05-01"]));

        refuses.store(false, Ordering::Relaxed);
        let output = run(&["sync"], &[]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let found = status(&destination);
        assert_eq!(found["days"].as_array().unwrap().len(), 4);
        assert_eq!(found["missing"], serde_json::json!([]));
    }
}

#[test]
fn a_day_that_failed_is_told_of_whatever_ends_the_run() {
    let server = Scripted::bodies(|asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        let failed = |words: &str| format!(r#"{{"message":"{words}","status":"failed"}}"#);
        let body = match start {
            "2024-04-30" => failed("Account is being moved"),
            "2024-05-04" => failed("Invalid Auth Key"),
            date if asked.offset() == 0 && date.starts_with("2024") => {
                let row = format!(r#"{{"id":1,"generationDate":"{date} 10:20:30"}}"#);
                format!(r#"{{"message":[{row}],"status":"success"}}"#)
            }
            _ => r#"{"message":[],"status":"success"}"#.into(),
        };
        body.into_bytes()
    });
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let days = ["--from", "2024-05-01", "--to", "2024-05-03"];
    let sync = ["sync", destination.to_str().unwrap(), "--concurrency", "1"];
    let output = server.kapture(&[&sync[..], &days].concat()).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    for words in ["Account is being moved", "2024-05-01", "Invalid Auth Key"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
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
        "pulled again, because they were pulled by a clock that was ahead of this one: 2024-05-02",
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
fn a_day_may_settle_for_ever() {
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
fn a_pull_goes_to_destinations_that_remember_too() {
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
