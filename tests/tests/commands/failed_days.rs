//! `kapture sync` when days fail or the server shows no customers.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kapture_tests::scripted::{Scripted, customers, one_a_day};
use kapture_tests::{code, ids, status, stderr};

/// The ids that a dataset of lines holds of one day.
fn held(root: &Path, day: &str) -> BTreeSet<u64> {
    let file = root.join(format!("created_date={day}/customers.ndjson"));
    std::fs::read(file).map_or_else(|_| BTreeSet::new(), |lines| ids(&lines))
}

const MOVED: &str = r#"{"message":"Account is being moved","status":"failed"}"#;

/// A command that does not wait long for a server in trouble.
fn hasty(server: &Scripted, arguments: &[&str]) -> Command {
    let mut command = server.kapture(arguments);
    command.args(["--retry-for", "3s"]);
    command
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

/// Days that fail for one reason, with words that hold a number which never repeats.
#[test]
fn equal_errors_are_one_error_with_the_days_as_ranges() {
    let server = Scripted::bodies(|asked| {
        let start = asked.body["createStartDate"].as_str().unwrap_or_default();
        match ["2024-05-07", "2024-05-15", "2024-05-16", "2024-05-17"].contains(&start) {
            true => format!(
                r#"{{"message":"Account is being moved ({})","status":"failed"}}"#,
                asked.number
            )
            .into_bytes(),
            false => one_a_day(asked),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let destination = destination.to_str().unwrap();
    let range = [
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-20",
        "--retry-for",
        "2s",
    ];
    let sync = ["sync", destination, "--format", "ndjson"];
    let output = hasty(&server, &sync).args(range).output().unwrap();
    let said = stderr(&output);
    assert_eq!(said.matches("Account is being moved").count(), 1, "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    let days =
        "the customers of 2024-05-06 to 2024-05-08 (3), 2024-05-14 to 2024-05-18 (5) are complete";
    assert!(said.contains(days), "{said}");
}

#[test]
fn a_failed_day_does_not_affect_other_days() {
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
    let output = hasty(&server, &arguments)
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
fn a_server_that_shows_nothing_costs_no_customers() {
    let (server, well) = at_times_empty();
    let folder = tempfile::tempdir().unwrap();
    for destination in ["customers.db", "lines/"] {
        let destination = folder.path().join(destination);
        let sync = |more: &[&str]| {
            let output = hasty(
                &server,
                &["sync", destination.to_str().unwrap(), "--to", "2024-05-10"],
            )
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
    let kapture = |arguments: &[&str]| hasty(&server, arguments).output().unwrap();
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
fn the_first_day_stays_wanted_until_it_is_pulled() {
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
            let output = hasty(&server, &[command, &to, further].concat()).output();
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
fn a_failed_day_is_reported_however_the_run_ends() {
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
    let output = hasty(&server, &[&sync[..], &days].concat()).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    for words in ["Account is being moved", "2024-05-01", "Invalid Auth Key"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}
