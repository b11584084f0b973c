//! Killed at any moment, and run again: nothing lost, nothing twice, nothing left over.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, PerDay, Population};
use kapture_tests::limits::with_room;
use kapture_tests::postgres::Schema;
use kapture_tests::scripted::{Scripted, customers};
use kapture_tests::{Served, stderr};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How many moments are tried for each sink.
const MOMENTS: u64 = 40;

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-14"];

fn served() -> Served {
    let day = |text: &str| -> NaiveDate { text.parse().expect("a date") };
    let days =
        Population::new(21).days(day("2024-04-20"), day("2024-06-01"), PerDay::Between(0, 40));
    // Long enough for most moments to come before the end.
    let behaviour = Behaviour {
        think_time: Duration::from_millis(5),
        ..Behaviour::default()
    };
    Served::new(days, behaviour)
}

/// Something that is synchronised, in a folder of its own.
struct Destination {
    folder: TempDir,
    /// What `sync` is given: a name in the folder, or the address of a database.
    address: String,
    /// The schema behind that address.
    schema: Option<Schema>,
    further: &'static [&'static str],
}

impl Destination {
    fn new(name: &str, further: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("temporary")).expect("a folder");
        Self {
            folder,
            address: name.into(),
            schema: None,
            further,
        }
    }

    /// A schema of its own on a PostgreSQL server, where there is one.
    fn in_postgres() -> Option<Self> {
        let schema = Schema::fresh()?;
        let destination = Self::new(&schema.url(), &[]);
        Some(Self {
            schema: Some(schema),
            ..destination
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(&self.address)
    }

    fn sync(&self, served: &Served) -> Command {
        let mut command = served.kapture(&["sync", &self.address]);
        command
            .args(DAYS)
            .args(self.further)
            .current_dir(&self.folder)
            .env("TMPDIR", self.folder.path().join("temporary"))
            .stderr(Stdio::piped());
        command
    }

    fn completed(&self, served: &Served) -> Output {
        let output = self.sync(served).output().expect("it runs");
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }

    /// The names of all files, without those of folders.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(&self.folder).expect("inside").to_owned());
                }
            }
        }
        files
    }
}

/// Kills a sync at many moments, each time into an empty destination, and runs it again.
fn survives<C: PartialEq + std::fmt::Debug>(
    fresh: impl Fn() -> Destination,
    content: impl Fn(&Destination, &Served) -> C,
) {
    let served = served();
    let undisturbed = fresh();
    undisturbed.completed(&served);
    let requests = served.tenant.request_count();
    let (files, expected) = (undisturbed.files(), content(&undisturbed, &served));
    let mut interrupted = 0;
    for moment in 0..MOMENTS {
        let destination = fresh();
        let before = served.tenant.request_count();
        // From the start to beyond the last request, where the last days are being written.
        let reached = before + moment * (requests + 4) / MOMENTS;
        let mut child = destination.sync(&served).spawn().expect("it runs");
        let mut runs = served.runs_until_request(&mut child, reached);
        // A little later, so that a day may be half written.
        let mut patience = 100 * (moment % 10);
        while runs && patience > 0 {
            patience -= 1;
            std::thread::yield_now();
            runs = child.try_wait().expect("a state").is_none();
        }
        interrupted += u64::from(runs);
        child.kill().expect("killed");
        child.wait().expect("gone");
        destination.completed(&served);
        assert_eq!(destination.files(), files, "moment {moment}");
        assert_eq!(content(&destination, &served), expected, "moment {moment}");
    }
    // How many were killed in time depends on the machine; the first one was, before it began.
    println!("{interrupted} of {MOMENTS} were killed before they had ended");
    assert!(interrupted > 0);
}

#[test]
fn a_dataset_of_lines_survives() {
    survives(
        || Destination::new("lines/", &["--format", "ndjson"]),
        |destination, _| {
            let mut content = BTreeMap::new();
            for file in destination.files() {
                if file.extension().is_some_and(|ending| ending == "ndjson") {
                    let text =
                        fs::read_to_string(destination.folder.path().join(&file)).expect("text");
                    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
                    lines.sort();
                    content.insert(file, lines);
                }
            }
            content
        },
    );
}

#[test]
fn a_dataset_of_parquet_survives() {
    survives(
        || Destination::new("out/", &[]),
        |destination, served| {
            let verify =
                ["verify", destination.path().to_str().expect("text"), "-q"].map(str::to_owned);
            let verify: Vec<_> = verify.iter().map(String::as_str).collect();
            let output = served.kapture(&verify).output().expect("it runs");
            assert!(output.status.success(), "{}", stderr(&output));
        },
    );
}

#[test]
fn a_database_survives() {
    survives(
        || Destination::new("customers.db", &[]),
        |destination, _| {
            let connection = Connection::open(destination.path()).expect("a database");
            let check: String = connection
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .expect("a check");
            assert_eq!(check, "ok");
            rows(&connection)
        },
    );
}

#[test]
fn a_postgres_database_survives() {
    // One server for all of it.
    let Some(_server) = Schema::fresh() else {
        return;
    };
    let runtime = Runtime::new().expect("a runtime");
    let fresh = || Destination::in_postgres().expect("a server");
    survives(fresh, |destination, _| {
        let schema = destination.schema.as_ref().expect("a schema");
        runtime.block_on(async {
            let client = schema.client().await;
            let mut all = Vec::new();
            for select in SELECTS {
                let select = format!("SELECT row_to_json(found)::text FROM ({select}) AS found");
                let rows = client.query(&select, &[]).await.expect("rows");
                all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
            }
            all
        })
    });
}

/// Every row of every table, but for the times at which days were fetched.
const SELECTS: [&str; 3] = [
    "SELECT * FROM customers ORDER BY id",
    "SELECT * FROM contacts ORDER BY customer_id, position",
    "SELECT day, customers, checksum, state FROM kapture_days ORDER BY day",
];

fn rows(connection: &Connection) -> Vec<Vec<rusqlite::types::Value>> {
    let mut all = Vec::new();
    for select in SELECTS {
        let mut select = connection.prepare(select).expect("a table");
        let columns = select.column_count();
        let rows = select.query_map([], |row| {
            (0..columns).map(|column| row.get(column)).collect()
        });
        all.extend(rows.expect("rows").map(|row| row.expect("a row")));
    }
    all
}

/// A run that may write no file larger than twenty KiB.
fn with_little_room(served: &Served, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = served.kapture(arguments);
    command.current_dir(folder);
    with_room(&command, 20).output().expect("it runs")
}

#[test]
fn a_full_disk_leaves_the_destination_as_it_was() {
    let day = |text: &str| -> NaiveDate { text.parse().expect("a date") };
    // Two small days, and then large ones.
    let days = [
        ("2024-05-01", 3),
        ("2024-05-02", 4),
        ("2024-05-03", 400),
        ("2024-05-04", 500),
    ];
    let days = days
        .map(|(text, customers)| (day(text), customers))
        .to_vec();
    let served = Served::new(
        Population::new(22).days(day("2024-04-20"), day("2024-06-01"), PerDay::Listed(days)),
        Behaviour::default(),
    );
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = served
            .kapture(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };

    for (destination, further) in [
        ("lines/", &["--format", "ndjson"][..]),
        ("out/", &[]),
        ("customers.db", &[]),
    ] {
        run(&[
            &[
                "sync",
                destination,
                "--from",
                "2024-05-01",
                "--to",
                "2024-05-02",
            ],
            further,
        ]
        .concat());
        let output = with_little_room(
            &served,
            folder.path(),
            &["sync", destination, "--to", "2024-05-04"],
        );
        assert_eq!(
            output.status.code(),
            Some(6),
            "{destination}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains("error: ") && stderr(&output).contains("hint: "),
            "{destination}: {}",
            stderr(&output)
        );
        // What was complete is there, and what was not can be pulled later.
        run(&["verify", destination, "--to", "2024-05-02"]);
        run(&["sync", destination, "--to", "2024-05-04"]);
        run(&[
            "verify",
            destination,
            "--from",
            "2024-05-01",
            "--to",
            "2024-05-04",
        ]);
    }

    fs::write(folder.path().join("customers.csv"), "before").unwrap();
    let pull = [
        "pull",
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-04",
        "-o",
        "customers.csv",
    ];
    let output = with_little_room(&served, folder.path(), &pull);
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("hint: free space"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("customers.csv")).unwrap(),
        "before"
    );
    let left_over = kapture_tests::names(folder.path());
    assert!(
        !left_over.iter().any(|name| name.ends_with(".partial")),
        "{left_over:?}"
    );
}

/// A receipt can be larger than its day: it repeats how the server says that there are none.
#[test]
fn no_room_for_a_receipt_leaves_the_day_as_it_was() {
    let sentence = "No customers found. ".repeat(80);
    let server = Scripted::bodies(move |asked| match asked.holds("2024-05-02") {
        true => {
            let row = r#"{"id":1,"generationDate":"2024-05-02 10:20:30"}"#;
            customers(asked.page(&[row.to_owned()]))
        }
        false => format!(r#"{{"message":"{sentence}","status":"failed"}}"#).into_bytes(),
    });
    let folder = tempfile::tempdir().unwrap();
    let day = ["--from", "2024-05-02", "--to", "2024-05-02"];
    let sync = ["sync", "lines/", "--format", "ndjson", "--refresh", "1"];
    let mut command = server.kapture(&[&sync[..], &day].concat());
    command.current_dir(&folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let content = || {
        let lines = folder.path().join("lines");
        [
            "_kapture/days/2024-05-02.json",
            "created_date=2024-05-02/customers.ndjson",
        ]
        .map(|name| fs::read(lines.join(name)).unwrap())
    };
    let before = content();
    assert!(before[0].len() > 1024 && before[1].len() < 1024);
    let output = with_room(&command, 1).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert_eq!(content(), before);
}
