//! What is dropped or hashed is in no file, database page, write-ahead log or message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kapture_sandbox::{Behaviour, Oddities, PerDay};
use kapture_tests::postgres::Schema;
use kapture_tests::{Running, Served, around_may, code, run, stderr};
use serde_json::Value;

use super::search::holding;

const KEY: &str = "a key for tests, and for nothing else";
/// Other days than those of customers that are forgotten: tests may share a PostgreSQL server.
const DAYS: [&str; 4] = ["--from", "2024-05-10", "--to", "2024-05-13"];
const CHOICE: [&str; 4] = ["--drop", "contacts.phone", "--hash", "contacts.email"];

fn served() -> Served {
    let oddities = Oddities {
        several_contacts: 0.3,
        ..Oddities::all(0.2)
    };
    let behaviour = Behaviour {
        oddities,
        ..Behaviour::default()
    };
    Served::new(around_may(PerDay::Fixed(40)), behaviour)
}

/// The values of a field of contacts in lines of NDJSON, by the id of their contact.
fn values(lines: &[u8], field: &str) -> BTreeMap<u64, String> {
    let mut values = BTreeMap::new();
    for line in String::from_utf8_lossy(lines).lines() {
        let customer: Value = serde_json::from_str(line).expect("a line of JSON");
        for contact in customer["contacts"].as_array().into_iter().flatten() {
            if let Some(text) = contact[field].as_str() {
                values.insert(contact["id"].as_u64().expect("an id"), text.to_owned());
            }
        }
    }
    values
}

/// The telephone numbers and e-mail addresses of all customers.
fn secrets(served: &Served) -> (Vec<String>, BTreeMap<u64, String>) {
    let all = run(served, &[&["pull"][..], &DAYS].concat()).stdout;
    let (phones, emails) = (values(&all, "phone"), values(&all, "email"));
    assert!(phones.len() > 150 && emails.len() > 150);
    let both = phones.into_values().chain(emails.values().cloned());
    (both.collect(), emails)
}

fn with_key(mut command: Command, folder: &Path) -> Command {
    command.env("KAPTURE_HASH_KEY", KEY).env("TMPDIR", folder);
    command.current_dir(folder);
    command
}

#[test]
fn neither_is_in_any_file_log_or_message() {
    let served = served();
    let (secrets, emails) = secrets(&served);
    let folder = tempfile::tempdir().unwrap();
    let messages = |arguments: &[&str]| {
        let more = ["-vvv", "--log-format", "json"];
        let arguments = [arguments, &DAYS, &CHOICE, &more].concat();
        let output = with_key(served.kapture(&arguments), folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            stderr(&output)
        );
        let held = secrets.iter().find(|secret| told.contains(secret.as_str()));
        assert_eq!(held, None, "{arguments:?}");
        output.stdout
    };
    let lines = messages(&["pull"]);
    assert!(values(&lines, "phone").is_empty());
    let hashes = values(&lines, "email");
    assert_eq!(hashes.len(), emails.len());
    let distinct: BTreeSet<_> = hashes.values().collect();
    assert_eq!(distinct.len(), hashes.len());
    for arguments in [
        &[
            "pull",
            "-o",
            "a.ndjson",
            "--contacts",
            "contacts.csv",
            "--summary",
            "summary.json",
        ][..],
        &["pull", "-o", "a.csv"],
        &["sync", "a.db", "--summary", "synced.json"],
        &["sync", "csv/", "--format", "csv"],
        &["sync", "ndjson/", "--format", "ndjson"],
        // Its pages are compressed; that it is written at all is checked.
        &["sync", "parquet/"],
    ] {
        messages(arguments);
    }
    // A killed run leaves its write-ahead log.
    let slow = served.with(Behaviour {
        think_time: Duration::from_millis(100),
        ..Behaviour::default()
    });
    let days = ["--from", "2024-04-22", "--to", "2024-05-18"];
    let killed = [&["sync", "killed.db"][..], &days, &CHOICE].concat();
    let running = Running::start(&mut with_key(slow.kapture(&killed), folder.path()));
    let log = folder.path().join("killed.db-wal");
    while !fs::metadata(&log).is_ok_and(|log| log.len() > 100_000) {
        let next = slow.tenant.request_count() + 1;
        slow.tenant
            .wait_for_requests(next, Duration::from_millis(20));
    }
    drop(running);
    assert!(log.exists());
    assert_eq!(holding(folder.path(), &secrets), []);
    let hash: Vec<_> = hashes.into_values().take(1).collect();
    let names = ["a.ndjson", "contacts.csv", "a.csv", "a.db"];
    for name in names {
        let text = fs::read(folder.path().join(name)).unwrap();
        assert!(String::from_utf8_lossy(&text).contains(&hash[0]), "{name}");
    }
    assert!(
        folder
            .path()
            .join("parquet/created_date=2024-05-11/customers.parquet")
            .exists()
    );
}

#[test]
fn neither_is_in_a_file_of_postgres() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let served = served();
    let (secrets, _) = secrets(&served);
    let folder = tempfile::tempdir().unwrap();
    let url = schema.url();
    for _ in ["new", "again"] {
        let sync = [&["sync", &url, "--refresh", "9"][..], &DAYS, &CHOICE].concat();
        let output = with_key(served.kapture(&sync), folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    schema.execute("CHECKPOINT");
    if let Some(cluster) = schema.cluster() {
        assert_eq!(holding(&cluster.folder, &secrets), []);
    }
}

#[test]
fn hashes_are_equal_in_every_run_with_the_same_key() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let hashes = |key: &str| {
        let arguments = [&["pull"][..], &DAYS, &CHOICE].concat();
        let mut command = with_key(served.kapture(&arguments), folder.path());
        values(
            &command
                .env("KAPTURE_HASH_KEY", key)
                .output()
                .unwrap()
                .stdout,
            "email",
        )
    };
    let first = hashes(KEY);
    assert!(!first.is_empty());
    assert_eq!(first, hashes(&format!(" {KEY}\n")));
    let other = hashes("another key for tests");
    assert!(first.iter().all(|(id, hash)| other[id] != *hash));
}

#[test]
fn verify_agrees_with_what_is_kept() {
    let served = served();
    let folder = tempfile::tempdir().unwrap();
    let sync = [&["sync", "a.db"][..], &DAYS, &CHOICE].concat();
    let output = with_key(served.kapture(&sync), folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = with_key(served.kapture(&["verify", "a.db"]), folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
