//! `kapture verify` from end to end.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, PerDay, Population};
use kapture_tests::scripted::{Scripted, one_a_day};
use kapture_tests::{Served, code, run, stderr};
use serde_json::Value;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Customers on every day from 2024 to 2030.
fn tenant(seed: u64, per_day: PerDay, behaviour: Behaviour) -> Served {
    let population = Population::new(seed).days(day("2024-01-01"), day("2030-12-31"), per_day);
    Served::new(population, behaviour)
}

const MOVED: &str = r#"{"message":"Account is being moved","status":"failed"}"#;

#[test]
fn verify_names_each_difference() {
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
    assert!(
        stderr(&output).contains("discovered"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("4 alike, 0 different"),
        "{}",
        stderr(&output)
    );

    // One day loses a line, and another day gets a foreign customer.
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
    let expected = format!("1 only on the server: {}", lost["id"]);
    let lines: Vec<_> = differences.lines().collect();
    assert_eq!(lines.len(), 2, "{differences}");
    assert!(
        lines[0].starts_with("2024-05-02") && lines[0].contains(&expected),
        "{differences}"
    );
    assert!(
        lines[1].starts_with("2024-05-03") && lines[1].contains("1 only here: 17"),
        "{differences}"
    );
    for words in ["2 alike, 2 different", "2 days differ from what"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }

    // A closed output at the first difference still means that there is one.
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
        difference["missing"],
        serde_json::json!([lost["id"].to_string()])
    );

    // A day that is not here at all differs as well.
    let further = ["verify", text, "--from", "2024-05-04", "--to", "2024-05-05"];
    let output = served.kapture(&further).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not pulled yet"));
    let sentence = "1 day differs from what the server holds now";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));

    // The days of a month are those of its calendar.
    let month = ["verify", text, "--month", "2024-05"];
    let output = served.kapture(&month).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let sentence = "31 days compared";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
}

#[test]
fn verify_continues_after_a_failed_day() {
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
        "cannot pull 2024-05-10 to 2024-05-12 (3) again",
        "17 days compared",
        "15 alike, 2 different; 3 days failed",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn verify_names_customers_with_other_values_until_their_day_is_pulled_again() {
    let served = tenant(6, PerDay::Fixed(5), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let text = database.to_str().unwrap();
    let days = ["--from", "2024-05-01", "--to", "2024-05-03"];
    run(&served, &[&["pull", "-o", text], &days[..]].concat());
    run(&served, &["verify", text]);

    let connection = rusqlite::Connection::open(&database).unwrap();
    let mut select = connection
        .prepare("SELECT id FROM customers WHERE kapture_day = '2024-05-02' ORDER BY id")
        .unwrap();
    let ids = select.query_map([], |row| row.get(0)).unwrap();
    let ids: Vec<i64> = ids.map(Result::unwrap).collect();
    for (change, id) in [
        ("UPDATE customers SET name = 'WRONG' WHERE id = ?", ids[0]),
        ("UPDATE customers SET zone = 'WRONG' WHERE id = ?", ids[1]),
        (
            "UPDATE contacts SET phone = NULL WHERE customer_id = ?",
            ids[3],
        ),
    ] {
        assert!(connection.execute(change, [id]).unwrap() > 0, "{change}");
    }
    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let [one, two, three] = [ids[0], ids[1], ids[3]];
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("2024-05-02: 3 with other values: {one}, {two}, {three}\n")
    );
    let json = ["verify", text, "--json", "-q"];
    let output = served.kapture(&json).output().unwrap();
    let difference: Value = serde_json::from_slice(&output.stdout).unwrap();
    let changed = [one, two, three].map(|id| id.to_string());
    assert_eq!(difference["changed"], serde_json::json!(changed));
    assert_eq!(difference["missing"], serde_json::json!([]));

    run(
        &served,
        &[&["pull", "-o", text, "--again"], &days[..]].concat(),
    );
    run(&served, &["verify", text]);
}

#[test]
fn verify_compares_the_values_of_files() {
    let served = tenant(6, PerDay::Fixed(5), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    for format in ["ndjson", "csv"] {
        let destination = folder.path().join(format).join("");
        let text = destination.to_str().unwrap();
        let day = [
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-01",
            "--format",
            format,
        ];
        run(&served, &[&["sync", text], &day[..]].concat());
        run(&served, &["verify", text]);
        let file = destination.join(format!("created_date=2024-05-01/customers.{format}"));
        let customers = std::fs::read_to_string(&file).unwrap();
        let email = customers
            .split([',', '"'])
            .find(|text| text.contains("@example."));
        let email = email.expect("an address");
        let other = email.replacen('@', "%", 1);
        std::fs::write(&file, customers.replacen(email, &other, 1)).unwrap();
        let output = served.kapture(&["verify", text]).output().unwrap();
        assert_eq!(code(&output), 7, "{format}: {}", stderr(&output));
        let differences = String::from_utf8_lossy(&output.stdout);
        assert!(
            differences.contains("1 with other values: "),
            "{differences}"
        );
    }
}

#[test]
fn verify_names_what_another_program_wrote_into_a_database() {
    let served = tenant(6, PerDay::Fixed(5), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let text = database.to_str().unwrap();
    let days = ["--from", "2024-05-01", "--to", "2024-05-02"];
    run(&served, &[&["pull", "-o", text], &days[..]].concat());
    let connection = rusqlite::Connection::open(&database).unwrap();
    let ids = |day: &str| -> Vec<i64> {
        let mut select = connection
            .prepare("SELECT id FROM customers WHERE kapture_day = ? ORDER BY id")
            .unwrap();
        let ids = select.query_map([day], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    };
    let changed = ids("2024-05-01");
    for (change, id) in [
        ("extra = 'not json'", changed[0]),
        ("extra = coalesce(extra, '{}') || ' {}'", changed[1]),
        ("extra = X'ff'", changed[2]),
        ("is_organization = 7", changed[3]),
    ] {
        let update = format!("UPDATE customers SET {change} WHERE id = ?");
        assert_eq!(connection.execute(&update, [id]).unwrap(), 1, "{change}");
    }
    // Rows of a day that is not in the ledger.
    let moved = ids("2024-05-02");
    let update = "UPDATE customers SET kapture_day = '2023-01-01' WHERE id IN (?, ?)";
    connection.execute(update, [moved[0], moved[1]]).unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO contacts (customer_id, position, id) VALUES (17, 0, 18)",
        )
        .unwrap();

    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let changed = changed[..4].iter().map(ToString::to_string);
    let changed = changed.collect::<Vec<_>>().join(", ");
    let expected = format!(
        "2023-01-01: 2 customers of a day that was never pulled
2024-05-01: 4 with other values: {changed}
2024-05-02: changed in the destination since it was pulled: 2 only on the server: {}, {}
",
        moved[0], moved[1]
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);

    run(
        &served,
        &[&["pull", "-o", text, "--again"], &days[..]].concat(),
    );
    let output = served
        .kapture(&["verify", text, "--json"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 7, "contacts are left: {}", stderr(&output));
    let stray: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stray["stray"], "1 contacts of no customer");
    let sentence = "holds data that belongs to no day of its ledger";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
}

#[test]
fn verify_names_files_that_kapture_did_not_write() {
    let served = tenant(6, PerDay::Fixed(5), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let text = destination.to_str().unwrap();
    let days = ["--from", "2024-05-01", "--to", "2024-05-03"];
    run(
        &served,
        &[&["sync", text, "--format", "ndjson"], &days[..]].concat(),
    );
    let file = |name: &str| destination.join(name);
    let customers = file("created_date=2024-05-02/customers.ndjson");
    std::fs::copy(&customers, customers.with_file_name("copy.ndjson")).unwrap();
    std::fs::copy(&customers, file("all.ndjson")).unwrap();
    std::fs::write(file("notes.txt"), "ours").unwrap();
    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "all.ndjson: not written by kapture
created_date=2024-05-02/copy.ndjson: not written by kapture
"
    );
    std::fs::remove_file(file("all.ndjson")).unwrap();
    let other = ["verify", text, "--from", "2024-05-03", "--to", "2024-05-03"];
    run(&served, &other);
    std::fs::remove_file(customers.with_file_name("copy.ndjson")).unwrap();

    // A file that is no customers, and as long as before: the other days are compared.
    let length = std::fs::metadata(&customers).unwrap().len();
    std::fs::write(&customers, "x".repeat(length as usize)).unwrap();
    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let differences = String::from_utf8_lossy(&output.stdout);
    assert!(
        differences.starts_with("2024-05-02: cannot read "),
        "{differences}"
    );
    let summary = "2 alike, 1 different";
    assert!(stderr(&output).contains(summary), "{}", stderr(&output));
}
