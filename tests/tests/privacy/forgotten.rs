//! A forgotten customer is in no byte of its destination, and stays away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use kapture_sandbox::{Behaviour, Oddities, PerDay};
use kapture_tests::postgres::Schema;
use kapture_tests::{Served, around_may, code, kapture, run, stderr};
use serde_json::Value;

use super::search::holding;

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-06"];

fn served() -> Served {
    let oddities = Oddities {
        several_contacts: 0.3,
        extra_fields: 1.0,
        ..Oddities::all(0.0)
    };
    let behaviour = Behaviour {
        oddities,
        ..Behaviour::default()
    };
    Served::new(around_may(PerDay::Fixed(30)), behaviour)
}

/// Expects success; returns standard output and standard error.
fn told(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert_eq!(code(&output), 0, "{command:?}: {}", stderr(&output));
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        stderr(&output)
    )
}

/// All customers, by id.
fn customers(served: &Served) -> BTreeMap<u64, Value> {
    let lines = run(served, &[&["pull"][..], &DAYS].concat()).stdout;
    let lines = String::from_utf8(lines).expect("text");
    let customer = |line| {
        let customer: Value = serde_json::from_str(line).expect("a line of JSON");
        (customer["id"].as_u64().expect("an id"), customer)
    };
    lines.lines().map(customer).collect()
}

/// What is particular to a customer: its id, and what its contacts have.
fn traces(id: u64, customer: &Value) -> Vec<String> {
    let contacts = customer["contacts"].as_array().expect("contacts");
    let of_contact = contacts.iter().flat_map(|contact| {
        ["phone", "email"].map(|field| contact[field].as_str().expect("text").to_owned())
    });
    of_contact.chain([id.to_string()]).collect()
}

/// Two customers with contacts, on different days.
fn chosen(served: &Served) -> (Vec<u64>, Vec<String>) {
    let all = customers(served);
    let mut with_contacts = all.iter().filter(|(_, customer)| {
        customer["contacts"]
            .as_array()
            .is_some_and(|contacts| !contacts.is_empty())
    });
    let (first, last) = (
        with_contacts.next().expect("a tombstone"),
        with_contacts.next_back().expect("a tombstone"),
    );
    let chosen = [first, last];
    let traces = chosen
        .iter()
        .flat_map(|(id, customer)| traces(**id, customer));
    (
        chosen.iter().map(|(id, _)| **id).collect(),
        traces.collect(),
    )
}

/// Edits these customers, and adds what is particular to them now.
fn edit(served: &Served, ids: &[u64], traces: &mut Vec<String>) {
    for id in ids {
        served
            .tenant
            .edit(&format!("edit {id}").parse().expect("an edit"));
    }
    let all = customers(served);
    let others = all.iter().filter(|(id, _)| !ids.contains(id));
    let others: String = others.map(|(_, customer)| customer.to_string()).collect();
    let of_these = ids.iter().flat_map(|id| self::traces(*id, &all[id]));
    // An edited number may be that of another customer.
    traces.extend(of_these.filter(|trace| !others.contains(trace)));
}

fn status(destination: &str, folder: &Path) -> Value {
    let mut command = kapture(&["status", destination, "--json"]);
    let output = command.current_dir(folder).output().expect("it runs");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn no_byte_is_left_and_no_run_brings_it_back() {
    let served = served();
    let (ids, mut traces) = chosen(&served);
    let folder = tempfile::tempdir().unwrap();
    let list = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    for (destination, further) in [
        ("a.db", &[][..]),
        ("csv/", &["--format", "csv"]),
        ("ndjson/", &["--format", "ndjson"]),
        ("parquet/", &[]),
        ("history.db", &["--history"]),
        ("csv-changes/", &["--format", "csv", "--history"]),
        ("ndjson-changes/", &["--format", "ndjson", "--history"]),
        ("parquet-changes/", &["--history"]),
    ] {
        let command = |arguments: &[&str]| {
            let mut command = served.kapture(arguments);
            command.current_dir(&folder);
            command
        };
        let sync = |more: &[&str]| {
            told(&mut command(
                &[&["sync", destination][..], further, &DAYS, more].concat(),
            ))
        };
        sync(&[]);
        // Twice, so that the database has earlier copies in its free pages and its history.
        edit(&served, &ids, &mut traces);
        sync(&["--refresh", "9"]);
        let place = folder.path().join(destination);
        let held = |texts: &[String]| match place.is_dir() {
            true => holding(&place, texts),
            false => holding(folder.path(), texts),
        };
        assert!(!held(&traces).is_empty(), "{destination}");
        let before = status(destination, folder.path());
        let forgot = told(&mut command(&["forget", destination, "--id", &list]));
        assert!(forgot.contains("forgot 2 customers"), "{forgot}");
        assert_eq!(held(&traces), [], "{destination}");
        let after = status(destination, folder.path());
        let count = |status: &Value| status["customers"].as_u64().unwrap();
        assert_eq!(count(&after), count(&before) - 2);
        assert_eq!(after["stale"], before["stale"]);
        assert_eq!(after["forgotten"], 2);
        told(&mut command(&["verify", destination]));
        // A full refresh leaves it so, also of customers that changed since.
        edit(&served, &ids, &mut traces);
        sync(&["--refresh", "9"]);
        assert_eq!(held(&traces), [], "{destination}");
        assert_eq!(
            count(&status(destination, folder.path())),
            count(&before) - 2
        );
        told(&mut command(&["verify", destination]));
        // Until it may return.
        let allowed = told(&mut command(&[
            "forget",
            destination,
            "--allow-return",
            "--id",
            &list,
        ]));
        assert!(allowed.contains("2 customers may return"), "{allowed}");
        sync(&["--refresh", "9"]);
        assert_eq!(count(&status(destination, folder.path())), count(&before));
        told(&mut command(&["verify", destination]));
        match place.is_dir() {
            true => fs::remove_dir_all(place).unwrap(),
            false => fs::remove_file(place).unwrap(),
        }
    }
}

#[test]
fn tables_of_postgres_hold_nothing_of_it() {
    let Some(schema) = Schema::fresh() else {
        return;
    };
    let served = served();
    let (ids, mut traces) = chosen(&served);
    let folder = tempfile::tempdir().unwrap();
    let (url, at) = (schema.url(), folder.path());
    let list = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let sync = [&["sync", &url, "--history", "--refresh", "9"][..], &DAYS].concat();
    told(&mut served.kapture(&sync));
    edit(&served, &ids, &mut traces);
    told(&mut served.kapture(&sync));
    let changes = ["changes", &url, "--format", "csv"];
    let updates = |told: String| {
        told.lines()
            .filter(|line| line.contains(",update,"))
            .count()
    };
    assert_eq!(updates(self::told(&mut kapture(&changes))), ids.len());
    schema.execute("ANALYZE");
    let held = |traces: &[String]| {
        schema.execute("CHECKPOINT");
        let tables = schema
            .cluster()
            .map(|cluster| cluster.folder.join("data/base"));
        tables.map(|tables| holding(&tables, traces))
    };
    assert!(held(&traces).is_none_or(|held| !held.is_empty()));
    let before = status(&url, at)["customers"].as_u64().unwrap();
    told(&mut served.kapture(&["forget", &url, "--id", &list]));
    // The server's own statistics are its own to vacuum.
    schema.execute("VACUUM FULL pg_catalog.pg_statistic");
    let left = held(&traces);
    assert!(left.as_ref().is_none_or(Vec::is_empty), "{left:?}");
    told(&mut served.kapture(&["verify", &url]));
    edit(&served, &ids, &mut traces);
    told(&mut served.kapture(&sync));
    assert!(held(&traces).is_none_or(|held| held.is_empty()));
    assert_eq!(updates(self::told(&mut kapture(&changes))), 0);
    assert_eq!(status(&url, at)["customers"], before - 2);
    told(&mut served.kapture(&["verify", &url]));
}

#[test]
fn customer_that_is_not_held_stays_away() {
    let served = served();
    let (ids, _) = chosen(&served);
    let folder = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = served.kapture(arguments);
        command.current_dir(&folder);
        command
    };
    // Of a day that is read later.
    told(&mut command(&[
        "sync",
        "a.db",
        "--from",
        "2024-05-06",
        "--to",
        "2024-05-06",
    ]));
    let forgot = told(&mut command(&[
        "forget",
        "a.db",
        "--id",
        &ids[0].to_string(),
    ]));
    assert!(forgot.contains("nothing was erased"), "{forgot}");
    told(&mut command(&[&["sync", "a.db"][..], &DAYS].concat()));
    assert_eq!(status("a.db", folder.path())["customers"], 6 * 30 - 1);
    told(&mut command(&["verify", "a.db"]));
}

#[test]
fn wrong_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected, sentence) in [
        (&["forget", "a.db"][..], 2, "--id"),
        (&["forget", "a.db", "--id", " , "], 2, "--id"),
        (&["forget", "a.ndjson", "--id", "1"], 2, "has no ledger"),
        (
            &["forget", "a.db", "--id", "1"],
            6,
            "holds no customers yet",
        ),
        (&["forget", "a/", "--id", "1"], 6, "holds no customers yet"),
    ] {
        let output = kapture(arguments).current_dir(&folder).output().unwrap();
        assert_eq!(
            code(&output),
            expected,
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(sentence),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert!(kapture_tests::names(folder.path()).is_empty());
}
