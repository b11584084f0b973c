//! Destinations that were changed by others: detected, and repaired by the next `sync` or reported
//! with a hint.

use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, PerDay, Population};
use kapture_tests::{Served, code, ids, run, status, stderr};
use rusqlite::Connection;
use serde_json::{Value, json};

const FROM: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-04"];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn served() -> Served {
    let population =
        Population::new(31).days(day("2024-04-01"), day("2024-06-30"), PerDay::Between(3, 9));
    Served::new(population, Behaviour::default())
}

fn sync(served: &Served, destination: &Path, further: &[&str]) -> String {
    let destination = destination.to_str().expect("text");
    stderr(&run(served, &[&["sync", destination], further].concat()))
}

fn stale_days(destination: &Path) -> Vec<Value> {
    let found = status(destination);
    found["stale"].as_array().expect("a list").clone()
}

#[test]
fn files_and_receipts_that_are_not_as_they_were_are_pulled_again() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let file = |day: &str| destination.join(format!("created_date={day}/customers.ndjson"));
    sync(
        &served,
        &destination,
        &[&FROM[..], &["--format", "ndjson"]].concat(),
    );
    assert_eq!(stale_days(&destination), Vec::<Value>::new());

    fs::write(destination.join("_kapture/days/2024-05-01.json"), "{").unwrap();
    fs::remove_file(file("2024-05-02")).unwrap();
    let text = fs::read_to_string(file("2024-05-03")).unwrap();
    fs::write(file("2024-05-03"), &text[..text.len() / 2]).unwrap();
    assert_eq!(
        stale_days(&destination),
        [
            json!({"day": "2024-05-01", "reason": "its receipt cannot be read"}),
            json!({"day": "2024-05-02", "reason": "its file is missing"}),
            json!({"day": "2024-05-03", "reason": "its file has another size than its receipt says"}),
        ]
    );
    let text = destination.to_str().unwrap();
    let output = served.kapture(&["status", text]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = "to be pulled again, because its file is missing: 2024-05-02";
    assert!(shown.contains(expected), "{shown}");
    let output = served.kapture(&["verify", text]).output().unwrap();
    assert_eq!(code(&output), 7, "{}", stderr(&output));
    let differences = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        differences.contains("2024-05-02: its file is missing"),
        "{differences}"
    );

    let stderr = sync(&served, &destination, &["--to", "2024-05-04"]);
    let expected = "pulled again, because its receipt cannot be read: 2024-05-01";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(stderr.contains("3 days (1 sealed already)"), "{stderr}");
    assert_eq!(stale_days(&destination), Vec::<Value>::new());
    run(&served, &["verify", text]);
    for text in ["2024-05-01", "2024-05-02", "2024-05-03"] {
        let held = ids(&fs::read(file(text)).unwrap());
        assert_eq!(held, served.tenant.truth_ids(day(text), day(text)));
    }
}

/// As a run leaves it that is killed between the new file and its receipt.
#[test]
fn a_file_without_a_receipt_is_pulled_again() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("lines/");
    let text = destination.to_str().unwrap();
    let form = &["--format", "ndjson"];
    // A pull, so that only the receipts define which days are wanted.
    let pull = ["pull", "-o", text];
    run(&served, &[&pull[..], &FROM, form].concat());
    fs::remove_file(destination.join("_kapture/days/2024-05-01.json")).unwrap();
    assert_eq!(
        stale_days(&destination),
        [json!({"day": "2024-05-01", "reason": "its receipt is missing"})]
    );
    let stderr = sync(&served, &destination, &["--to", "2024-05-04"]);
    let expected = "pulled again, because its receipt is missing: 2024-05-01";
    assert!(stderr.contains(expected), "{stderr}");
    assert_eq!(stale_days(&destination), Vec::<Value>::new());
}

#[test]
fn a_row_of_the_ledger_that_cannot_be_read_is_pulled_again() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, &FROM);
    let execute = |sql: &str| {
        Connection::open(&destination)
            .unwrap()
            .execute(sql, [])
            .unwrap()
    };
    execute("UPDATE kapture_days SET state = 'perhaps' WHERE day = '2024-05-01'");
    assert_eq!(
        stale_days(&destination),
        [json!({"day": "2024-05-01", "reason": "its receipt cannot be read"})]
    );
    let stderr = sync(&served, &destination, &["--to", "2024-05-04"]);
    assert!(stderr.contains("1 day (3 sealed already)"), "{stderr}");
    assert_eq!(stale_days(&destination), Vec::<Value>::new());
    // The day of such a row is unknown.
    execute("UPDATE kapture_days SET day = 'May' WHERE day = '2024-05-02'");
    refused(&served, &destination, "whose day is no date");
}

#[test]
fn a_database_that_is_a_file_has_no_password_to_look_at() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, &FROM);
    let execute = |sql: &str| {
        Connection::open(&destination)
            .unwrap()
            .execute(sql, [])
            .unwrap()
    };
    execute("ALTER TABLE customers RENAME COLUMN name TO nickname");
    let destination = destination.to_str().unwrap();
    let mut command = served.kapture(&["sync", destination, "--to", "2024-05-05"]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    let hint = "hint: check that no other program locks it or has changed its tables";
    assert!(stderr(&output).contains(hint), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_mended_comes_with_a_hint() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    for table in [
        "contacts",
        "customers",
        "kapture_days",
        "kapture_shared_customers",
    ] {
        let destination = folder.path().join(format!("no_{table}.db"));
        sync(&served, &destination, &FROM);
        let connection = Connection::open(&destination).unwrap();
        let drop = format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}");
        connection.execute_batch(&drop).unwrap();
        refused(
            &served,
            &destination,
            &format!("its table `{table}` is missing"),
        );
    }
    let destination = folder.path().join("customers.db");
    sync(&served, &destination, &FROM);
    let execute = |sql: &str| {
        Connection::open(&destination)
            .unwrap()
            .execute(sql, [])
            .unwrap()
    };
    execute("UPDATE kapture_manifest SET value = '0' WHERE name = 'version'");
    refused(&served, &destination, "has `0` as its version");
    execute("UPDATE kapture_manifest SET value = '2' WHERE name = 'version'");
    let emptied = folder.path().join("emptied.db");
    sync(&served, &emptied, &FROM);
    let connection = Connection::open(&emptied).unwrap();
    connection
        .execute("DELETE FROM kapture_manifest", [])
        .unwrap();
    refused(&served, &emptied, "its table kapture_manifest is empty");
    let mut bytes = fs::read(&destination).unwrap();
    bytes[4096..].fill(0xff);
    fs::write(&destination, bytes).unwrap();
    refused(&served, &destination, "is damaged");
    fs::write(
        &destination,
        "a letter of more than a hundred characters ".repeat(40),
    )
    .unwrap();
    refused(&served, &destination, "not a SQLite database");

    let destination = folder.path().join("out/");
    sync(&served, &destination, &FROM);
    fs::write(destination.join("_kapture/manifest.json"), "{").unwrap();
    refused(&served, &destination, "manifest.json cannot be read");
}

/// Others may have written there, and not for this terminal's good.
#[test]
fn what_a_destination_says_of_itself_does_not_steer_a_terminal() {
    const CLEAR: &str = "\u{1b}[2Jx";
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let dataset = folder.path().join("out/");
    for destination in [&database, &dataset] {
        sync(&served, destination, &FROM);
    }
    let verified = |destination: &Path| {
        let arguments = ["verify", destination.to_str().unwrap()];
        let output = served.kapture(&arguments).output().unwrap();
        assert_eq!(code(&output), 6, "{}", stderr(&output));
        assert!(
            stderr(&output).contains("\\u{1b}[2Jx"),
            "{}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains('\u{1b}'), "{}", stderr(&output));
    };
    let filtered = json!({"cm_id": 424_242, CLEAR: 1}).to_string();
    for (name, value) in [
        ("version", CLEAR),
        ("tenant", CLEAR),
        ("selection", CLEAR),
        ("selection", &filtered),
        ("time_zone", CLEAR),
    ] {
        let connection = Connection::open(&database).unwrap();
        let select = "SELECT value FROM kapture_manifest WHERE name = ?1";
        let before: String = connection
            .query_row(select, [name], |row| row.get(0))
            .unwrap();
        let put = |value: &str| {
            let update = "UPDATE kapture_manifest SET value = ?2 WHERE name = ?1";
            assert_eq!(connection.execute(update, [name, value]), Ok(1));
        };
        put(value);
        verified(&database);
        put(&before);
    }
    let path = dataset.join("_kapture/manifest.json");
    let before = fs::read_to_string(&path).unwrap();
    for (key, value) in [
        ("format", CLEAR),
        ("tenant", CLEAR),
        ("selection", CLEAR),
        ("selection", &filtered),
        ("time_zone", CLEAR),
    ] {
        let mut description: Value = serde_json::from_str(&before).unwrap();
        description[key] = value.into();
        fs::write(&path, description.to_string()).unwrap();
        verified(&dataset);
    }
}

fn refused(served: &Served, destination: &Path, sentence: &str) {
    let destination = destination.to_str().expect("text");
    for arguments in [
        vec!["status", destination],
        [&["sync", destination], &FROM[..]].concat(),
    ] {
        let output = served.kapture(&arguments).output().expect("it runs");
        assert_eq!(code(&output), 6, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
        assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    }
}

#[test]
fn a_customer_that_moved_leaves_its_day_open_until_it_is_read_again() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let text = destination.to_str().unwrap();
    sync(
        &served,
        &destination,
        &["--from", "2024-05-01", "--to", "2024-05-02"],
    );
    // As if one of the third of May had been created on the second when that was read.
    let moved = *served
        .tenant
        .truth_ids(day("2024-05-03"), day("2024-05-03"))
        .first()
        .unwrap();
    Connection::open(&destination)
        .unwrap()
        .execute(
            "INSERT INTO customers (kapture_day, id) VALUES ('2024-05-02', ?1)",
            [moved.cast_signed()],
        )
        .unwrap();

    let stderr = sync(&served, &destination, &["--to", "2024-05-03"]);
    let expected =
        "to be pulled again, because a customer of it was found on another day since: 2024-05-02";
    assert!(stderr.contains(expected), "{stderr}");
    let found = status(&destination);
    assert_eq!(found["open"], json!(["2024-05-02"]));
    assert_eq!(found["stale"][0]["day"], "2024-05-02");

    let stderr = sync(&served, &destination, &["--to", "2024-05-03"]);
    assert!(stderr.contains("1 day (2 sealed already)"), "{stderr}");
    let stderr = sync(&served, &destination, &["--to", "2024-05-03"]);
    assert!(stderr.contains("up to date"), "{stderr}");
    run(&served, &["verify", text]);
    let truth = served
        .tenant
        .truth_ids(day("2024-05-01"), day("2024-05-03"));
    assert_eq!(status(&destination)["customers"], truth.len());
}
