//! `kapture sync --history` and `kapture changes`.

use kapture_sandbox::{Behaviour, PerDay};
use kapture_tests::{Served, around_may, code, kapture, run, status, stderr};
use serde_json::Value;

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-03"];

/// The lines of `kapture changes` for a destination.
fn changes(destination: &str, further: &[&str]) -> Vec<String> {
    let arguments = [&["changes", destination][..], further].concat();
    let output = kapture(&arguments).output().expect("an array");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).expect("a row");
    text.lines().map(str::to_owned).collect()
}

fn json(lines: &[String]) -> Vec<Value> {
    let lines = lines.iter();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Edits the first customer of 2 May, deletes the second, and moves the third to the next day. Returns all ids of that
/// day.
fn change_three(served: &Served) -> Vec<u64> {
    let day = "2024-05-02".parse().expect("a date");
    let customers = served.tenant.truth(day, day);
    let ids: Vec<_> = customers.iter().map(|customer| customer.id).collect();
    for edit in [
        format!("edit {}", ids[0]),
        format!("delete {}", ids[1]),
        format!("move {} 2024-05-03", ids[2]),
    ] {
        served.tenant.edit(&edit.parse().expect("an edit"));
    }
    ids
}

/// Syncs the days to a destination; what is told.
fn sync_days(served: &Served, destination: &str, further: &[&str]) -> String {
    let arguments = [&["sync", destination][..], &DAYS, further].concat();
    stderr(&run(served, &arguments))
}

#[test]
fn each_change_is_printed_once() {
    let served = Served::new(around_may(PerDay::Fixed(5)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let database = database.to_str().unwrap();
    let sync = |further: &[&str]| sync_days(&served, database, further);
    sync(&[]);
    let output = kapture(&["changes", database]).output().unwrap();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert!(stderr(&output).contains("--history"), "{}", stderr(&output));

    // What it holds is the first version.
    sync(&["--history"]);
    assert_eq!(changes(database, &[]).len(), 15);
    let first = json(&changes(database, &[]))[0].clone();
    assert_eq!(
        (&first["op"], &first["before"]),
        (&"c".into(), &Value::Null)
    );
    let since = "2024-06-01";
    sync(&["--refresh", "3"]);
    assert_eq!(
        changes(database, &["--since", since]).len(),
        15,
        "nothing changed"
    );

    let last = json(&changes(database, &[])).pop().unwrap();
    let at = last["source"]["ts_us"].as_i64().unwrap();
    let at = chrono::DateTime::from_timestamp_micros(at).unwrap();
    let after = at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let ids = change_three(&served);
    sync(&["--refresh", "3"]);
    let changed = json(&changes(database, &["--since", &after]));
    let by_id = |id: u64| {
        let of = |change: &&Value| {
            [&change["before"]["id"], &change["after"]["id"]].contains(&&Value::from(id))
        };
        let found: Vec<_> = changed.iter().filter(of).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    assert_eq!(changed.len(), 3, "{changed:?}");
    let edited = by_id(ids[0]);
    assert_eq!(edited["op"], "u");
    assert_eq!(edited["after"]["remarks"], "Edited 1 times");
    assert_ne!(edited["before"]["contacts"], edited["after"]["contacts"]);
    let deleted = by_id(ids[1]);
    assert_eq!(
        (&deleted["op"], &deleted["after"]),
        (&"d".into(), &Value::Null)
    );
    let moved = by_id(ids[2]);
    assert_eq!(
        (&moved["op"], &moved["source"]["created_date"]),
        (&"u".into(), &"2024-05-03".into())
    );
    assert!(changes(database, &["--until", "2024-05-01"]).is_empty());
    // The first of four runs kept no history.
    for (run, expected) in [("4", 3), ("3", 3), ("2", 18), ("1", 18)] {
        assert_eq!(
            changes(database, &["--since", run]).len(),
            expected,
            "{run}"
        );
    }
    let output = kapture(&["changes", database, "--since", "5"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("no run 5"), "{}", stderr(&output));

    let lines = changes(database, &["--since", &after, "--format", "csv"]);
    assert_eq!(lines[0], "seen,op,id,created_date,changed");
    let line = lines
        .iter()
        .find(|line| line.contains(&ids[0].to_string()))
        .unwrap();
    let expected = format!(
        "update,{},2024-05-02,contacts.phone lastModificationTime remarks",
        ids[0]
    );
    assert!(line.ends_with(&expected), "{line}");

    let held = status(std::path::Path::new(database));
    let ages = held["read_again"]["ages"].as_array().unwrap();
    let changed: u64 = ages
        .iter()
        .map(|age| age["changed"].as_u64().unwrap())
        .sum();
    // A customer that moves changes the day that it leaves and the one that it comes to, if the
    // first is read first.
    assert!((3..=4).contains(&changed), "{ages:?}");
    assert!(
        !held["read_again"]["schedule"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn fields_that_differ_at_every_reading_are_named_and_can_be_ignored() {
    let served = Served::new(around_may(PerDay::Fixed(5)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("customers.db");
    let database = database.to_str().unwrap();
    let sync = |further: &[&str]| sync_days(&served, database, further);
    let edit_all = || {
        let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
        let customers = served.tenant.truth(day("2024-05-01"), day("2024-05-03"));
        for customer in &customers {
            let edit = format!("edit {}", customer.id);
            served.tenant.edit(&edit.parse().unwrap());
        }
        assert_eq!(customers.len(), 15);
    };
    sync(&["--history"]);
    edit_all();
    let told = sync(&["--refresh", "3"]);
    let fields = "contacts.phone,lastModificationTime,remarks";
    assert!(told.contains("15 of 15 customers had changed"), "{told}");
    assert!(
        told.contains(&format!("--ignore-change {fields}:")),
        "{told}"
    );
    assert_eq!(changes(database, &[]).len(), 30);

    // Compared by other fields from now on, each customer counts as changed once more.
    sync(&["--refresh", "3", "--ignore-change", fields]);
    assert_eq!(changes(database, &[]).len(), 45);
    // The choice stays.
    edit_all();
    let told = sync(&["--refresh", "3"]);
    assert!(!told.contains("had changed"), "{told}");
    assert_eq!(changes(database, &[]).len(), 45);
    sync(&["--refresh", "3", "--ignore-change", "none"]);
    assert_eq!(changes(database, &[]).len(), 60);

    for (field, named) in [
        ("contacts.phon", "contacts.phone"),
        ("id", "`id`"),
        ("", "empty"),
    ] {
        let arguments = ["sync", database, "--ignore-change", field];
        let output = served.kapture(&arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let told = stderr(&output);
        assert!(
            told.contains("--ignore-change") && told.contains(named),
            "{told}"
        );
    }
}

/// The changes of a folder are files, which disturb nothing else in it.
#[test]
fn changes_of_a_folder_are_printed_once() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["parquet", "ndjson", "csv"] {
        let served = Served::new(around_may(PerDay::Fixed(5)), Behaviour::default());
        let out = format!("{}/{format}/", folder.path().display());
        let sync = |further: &[&str]| {
            let further = [&["--format", format][..], further].concat();
            sync_days(&served, &out, &further)
        };
        sync(&[]);
        let output = kapture(&["changes", &out]).output().unwrap();
        assert_eq!(code(&output), 6, "{}", stderr(&output));
        // What it holds is in its files, and no change.
        sync(&["--history", "--refresh", "3"]);
        assert_eq!(changes(&out, &[]), [""; 0], "{format}");
        assert!(!std::path::Path::new(&out).join("changes").exists());

        let ids = change_three(&served);
        // The choice stays.
        sync(&["--refresh", "3"]);
        sync(&["--refresh", "3"]);
        let lines = changes(&out, &["--format", "csv"]);
        let has = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
        assert_eq!(lines.len(), 5, "{format}: {lines:?}");
        assert_eq!(has(&format!("update,{},2024-05-02,", ids[0])), 1);
        assert_eq!(has("lastModificationTime"), 1, "{lines:?}");
        assert_eq!(has("remarks"), 1, "{lines:?}");
        assert_eq!(has(&format!("delete,{},2024-05-02,", ids[1])), 1);
        assert_eq!(has(&format!("delete,{},2024-05-02,", ids[2])), 1);
        assert_eq!(has(&format!("insert,{},2024-05-03,", ids[2])), 1);
        let edited = json(&changes(&out, &[]));
        let edited = edited.iter().find(|change| change["op"] == "u").unwrap();
        assert_eq!(edited["before"]["id"], ids[0]);
        assert_eq!(edited["after"]["remarks"], "Edited 1 times");
        let phone = |side: &str| edited[side]["contacts"][0]["phone"].clone();
        assert_ne!(phone("before"), phone("after"), "{format}");

        let held = status(std::path::Path::new(&out));
        assert_eq!(
            (&held["customers"], &held["stale"]),
            (&14.into(), &Value::Array(vec![]))
        );
        run(&served, &["verify", &out]);
        // A customer that differs in these alone did not change.
        let fields = "contacts.phone,lastModificationTime,remarks";
        sync(&["--refresh", "3", "--ignore-change", fields]);
        served
            .tenant
            .edit(&format!("edit {}", ids[3]).parse().unwrap());
        sync(&["--refresh", "3"]);
        assert_eq!(changes(&out, &["--format", "csv"]).len(), 5, "{format}");
    }
}
