//! Destinations behind links and odd names, of other users, and on read-only folders.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, FaultKind, Faults, PerDay, Population};
use kapture_tests::{Running, Served, binary, code, run, stderr};
use rusqlite::Connection;

fn served(behaviour: Behaviour) -> Served {
    let day = |text: &str| -> NaiveDate { text.parse().expect("a date") };
    let days =
        Population::new(41).days(day("2024-04-01"), day("2024-06-30"), PerDay::Between(1, 9));
    Served::new(days, behaviour)
}

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-04"];

/// A link may be made before what it leads to.
#[test]
fn a_file_is_written_where_a_link_leads() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("deep")).unwrap();
    symlink("deep/customers.ndjson", at("link.ndjson")).unwrap();
    let pull = || {
        let mut command = served.kapture(&["pull", "-o", "link.ndjson"]);
        command.args(DAYS).current_dir(&folder);
        let output = command.output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    };
    for _ in ["made", "replaced"] {
        pull();
        assert!(at("link.ndjson").is_symlink());
        let written = fs::metadata(at("deep/customers.ndjson")).unwrap();
        assert!(written.len() > 0);
    }
}

/// A shell that appends has opened the file: what stands in it stays, under whatever name it is
/// written to.
#[test]
fn an_open_file_is_written_to_and_not_replaced() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().join("all.ndjson");
    let truth = {
        let day = |text: &str| text.parse().unwrap();
        let truth = served
            .tenant
            .truth_ids(day("2024-05-01"), day("2024-05-04"));
        truth.len()
    };
    let appending = |arguments: &[&str]| {
        fs::write(&all, "before\n").unwrap();
        let open = fs::File::options().append(true).open(&all).unwrap();
        let mut command = served.kapture(&[&["pull"], arguments, &DAYS[..]].concat());
        command.current_dir(&folder).stdout(open);
        let output = command.output().unwrap();
        (output, fs::read_to_string(&all).unwrap())
    };
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let (output, text) = appending(&["-o", name]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        assert!(text.starts_with("before\n"), "{name}");
        assert_eq!(text.lines().count(), truth + 1, "{name}");
    }
    for (arguments, sentence) in [
        (["--summary", "/dev/stdout"], "would be truncated"),
        (["--summary", "-"], "standard error has the summary"),
    ] {
        let (output, text) = appending(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
        assert_eq!(text, "before\n");
    }
    assert_eq!(kapture_tests::names(folder.path()), ["all.ndjson"]);

    // Under any other number it cannot be told who goes on with it.
    fs::write(&all, "before\n").unwrap();
    let mut command = served.kapture(&["pull", "-o", "/dev/fd/0", "--format", "ndjson"]);
    command.args(DAYS).stdin(fs::File::open(&all).unwrap());
    let output = command.output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let sentence = "is a file that is already open";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&all).unwrap(), "before\n");
}

#[test]
fn one_destination_under_two_names_is_one_destination() {
    let behaviour = Behaviour {
        faults: Faults::scheduled((5..1_000).map(|number| (number, FaultKind::Stall))),
        ..Behaviour::default()
    };
    let served = served(behaviour);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("deep")).unwrap();
    // Links that lead there before anything is there.
    symlink("deep/customers.db", at("link.db")).unwrap();
    symlink("deep/lines", at("link")).unwrap();
    fs::create_dir(at("deep/lines")).unwrap();
    for (name, other) in [
        ("deep/customers.db", "link.db"),
        ("link.db", "deep/../deep/customers.db"),
        ("deep/lines/", "link/"),
    ] {
        let before = served.tenant.request_count();
        let sync = |name: &str| {
            let mut command = served.kapture(&["sync", name]);
            command.args(DAYS).current_dir(&folder);
            command
        };
        let first = Running::start(&mut sync(name));
        served.tenant.wait_for_requests(before + 1, Duration::MAX);
        let second = sync(other).output().unwrap();
        assert_eq!(code(&second), 6, "{}", stderr(&second));
        let expected = format!("another run is writing to {other} (process {})", first.id());
        assert!(stderr(&second).contains(&expected), "{}", stderr(&second));
    }
}

#[test]
fn one_destination_holds_one_tenant() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    for name in ["customers.db", "out/"] {
        let destination = folder.path().join(name);
        let destination = destination.to_str().unwrap();
        run(&served, &[&["sync", destination], &DAYS[..]].concat());
        // The sandbox has an account of the same number.
        for command in ["sync", "verify"] {
            let arguments = [&[command, destination, "--sandbox"], &DAYS[..]].concat();
            let output = served.kapture(&arguments).output().unwrap();
            assert_eq!(code(&output), 6, "{}", stderr(&output));
            let sentence = "not of the one at sandbox";
            assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
            assert!(
                stderr(&output).contains("new address"),
                "{}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn a_folder_that_was_made_safe_for_spreadsheets_stays_so() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pull = |name: &str, more: &[&str]| {
        let destination = at(name);
        let form = ["pull", "-o", destination.as_str(), "--format", "csv"];
        let arguments = [&form[..], &DAYS, more].concat();
        served.kapture(&arguments).output().unwrap()
    };
    let is_safe = |name: &str| {
        let description = fs::read_to_string(at(name) + "_kapture/manifest.json").unwrap();
        description.contains("\"spreadsheet_safe\": true")
    };
    let output = pull("safe/", &["--spreadsheet-safe"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    run(&served, &["sync", &at("safe/"), "--to", "2024-05-05"]);
    assert!(is_safe("safe/"));
    assert_eq!(code(&pull("plain/", &[])), 0);
    assert!(!is_safe("plain/"));
    let output = pull("plain/", &["--spreadsheet-safe"]);
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    for words in [
        "are not safe for spreadsheets",
        "hint: omit --spreadsheet-safe",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// A user who may read a destination, and write nothing there.
struct Reader {
    binary: PathBuf,
    /// Who runs it where this user may write anywhere.
    user: Option<u32>,
}

impl Reader {
    fn new(folder: &Path) -> Self {
        let user = (fs::metadata(folder).expect("a folder").uid() == 0).then_some(65_534);
        let binary = if user.is_some() {
            let copy = folder.join("kapture");
            fs::copy(binary(), &copy).expect("copied");
            copy
        } else {
            binary()
        };
        allow(folder, 0o755);
        Self { binary, user }
    }

    fn run(&self, served: &Served, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        for (name, value) in served.kapture(arguments).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.output().expect("it runs")
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permitted");
}

/// Every file below a folder, with what is in it.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut content = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            content.extend(self::content(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            content.insert(path, bytes);
        }
    }
    content
}

fn each(folder: &Path, to_do: &impl Fn(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            each(&path, to_do);
        }
        to_do(&path);
    }
    to_do(folder);
}

#[test]
fn status_and_verify_work_read_only() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new(folder.path());
    let destinations = folder.path().join("destinations");
    fs::create_dir(&destinations).unwrap();
    let names = ["100%?#.db", "lines/"].map(|name| destinations.join(name));
    for destination in &names {
        let arguments = ["sync", destination.to_str().unwrap()];
        run(&served, &[&arguments[..], &DAYS].concat());
    }
    let before = content(&destinations);
    let look = |expected: &str| {
        for destination in &names {
            for command in ["status", "verify"] {
                let output = reader.run(&served, &[command, destination.to_str().unwrap()]);
                assert_eq!(
                    code(&output),
                    0,
                    "{expected}, {command}: {}",
                    stderr(&output)
                );
                assert_eq!(content(&destinations), before, "{expected}, {command}");
            }
        }
    };
    // Where only reading is allowed, and where all is.
    each(&destinations, &|path| {
        allow(path, if path.is_dir() { 0o555 } else { 0o444 })
    });
    look("read only");
    each(&destinations, &|path| {
        allow(path, if path.is_dir() { 0o777 } else { 0o666 })
    });
    look("writable");
}

/// A name that the library would take for an address.
#[test]
fn a_database_may_have_any_name() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = served.kapture(arguments);
        let output = command.current_dir(&folder).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&[&["sync", "file:customers.db"], &DAYS[..]].concat());
    run(&[
        "sync",
        "customers.db",
        "--from",
        "2024-06-01",
        "--to",
        "2024-06-02",
    ]);
    let shown = run(&["status", "file:customers.db"]);
    assert!(shown.contains("2024-05-01 to 2024-05-04"), "{shown}");
}

#[test]
fn a_database_that_others_have_open_is_whole_in_its_file_alone() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let sync = ["sync", destination.to_str().unwrap()];
    run(&served, &[&sync[..], &DAYS].concat());
    let count = |connection: &Connection| -> u32 {
        let select = "SELECT count(*) FROM customers";
        connection.query_row(select, [], |row| row.get(0)).unwrap()
    };
    let other = Connection::open(&destination).unwrap();
    let before = count(&other);
    run(&served, &[&sync[..], &["--to", "2024-05-31"]].concat());
    let alone = folder.path().join("alone.db");
    fs::copy(&destination, &alone).unwrap();
    let days = ("2024-05-01".parse().unwrap(), "2024-05-31".parse().unwrap());
    let truth = served.tenant.truth_ids(days.0, days.1);
    let truth = u32::try_from(truth.len()).unwrap();
    assert!(before < truth);
    assert_eq!(count(&Connection::open(&alone).unwrap()), truth);
    assert_eq!(count(&other), truth);
}

#[test]
fn the_log_of_a_killed_run_is_read_and_kept() {
    let served = served(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("customers.db");
    let text = destination.to_str().unwrap();
    run(&served, &[&["sync", text], &DAYS[..]].concat());
    let other = folder.path().join("copy");
    fs::create_dir(&other).unwrap();
    // A copy of both files while a change is only in the write-ahead log.
    let writer = Connection::open(&destination).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    writer
        .execute(
            "UPDATE kapture_days SET state = 'open' WHERE day = '2024-05-03'",
            [],
        )
        .unwrap();
    for ending in ["", "-wal"] {
        let name = format!("customers.db{ending}");
        fs::copy(folder.path().join(&name), other.join(&name)).unwrap();
    }
    let before = content(&other);
    let link = folder.path().join("link.db");
    symlink("copy/customers.db", &link).unwrap();
    for name in [other.join("customers.db"), link] {
        let found = kapture_tests::status(&name);
        assert_eq!(found["open"], serde_json::json!(["2024-05-03"]));
        let mut after = content(&other);
        // What the library coordinates readers and writers with, and makes anew as it likes.
        after.remove(&other.join("customers.db-shm"));
        assert_eq!(after, before, "{}", name.display());
    }

    // Where nothing can be written the library needs that file.
    let reader = Reader::new(folder.path());
    let look = || {
        let destination = other.join("customers.db");
        reader.run(&served, &["status", destination.to_str().unwrap()])
    };
    fs::remove_file(other.join("customers.db-shm")).unwrap();
    each(&other, &|path| {
        allow(path, if path.is_dir() { 0o555 } else { 0o444 });
    });
    let output = look();
    assert_eq!(code(&output), 6, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("copy both files"),
        "{}",
        stderr(&output)
    );
    allow(&other, 0o755);
    fs::copy(
        folder.path().join("customers.db-shm"),
        other.join("customers.db-shm"),
    )
    .unwrap();
    allow(&other.join("customers.db-shm"), 0o444);
    allow(&other, 0o555);
    let output = look();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("open: 2024-05-03"), "{shown}");
    allow(&other, 0o755);
}
