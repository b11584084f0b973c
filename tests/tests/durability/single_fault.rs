//! One thing goes wrong, at each request of a sync in turn, and at each size at which there is no
//! room any more: the destination is right in the end, or was left alone and says why.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, FaultKind, Faults, Limit, PerDay, Population};
use kapture_tests::limits::with_room;
use kapture_tests::{Served, code, status, stderr};
use tempfile::TempDir;

const DAYS: [&str; 4] = ["--from", "2024-05-01", "--to", "2024-05-05"];

/// A name, and what `sync` is told beside it.
type Destination = (&'static str, &'static [&'static str]);

/// The destinations, in turn.
const PLACES: [Destination; 3] = [
    ("lines/", &["--format", "ndjson"]),
    ("folder/", &[]),
    ("customers.db", &[]),
];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn population() -> Population {
    let sizes = [("2024-05-01", 3), ("2024-05-02", 60), ("2024-05-04", 9)];
    let sizes = sizes.map(|(text, customers)| (day(text), customers));
    Population::new(23).days(
        day("2024-04-20"),
        day("2024-06-01"),
        PerDay::Listed(sizes.to_vec()),
    )
}

fn behaviour(faults: Faults) -> Behaviour {
    Behaviour {
        limit: Limit::CappedAt(25),
        faults,
        ..Behaviour::default()
    }
}

/// How many customers a destination has on each day that it says it holds.
fn held(path: &Path) -> Vec<(String, u64)> {
    let status = status(path);
    let days = status["days"].as_array().expect("days").clone();
    let day = |receipt: serde_json::Value| {
        let day = receipt["day"].as_str().expect("a day").to_owned();
        (day, receipt["customers"].as_u64().expect("a count"))
    };
    days.into_iter().map(day).collect()
}

fn truth(served: &Served) -> Vec<(String, u64)> {
    let days = day("2024-05-01").iter_days().take(5);
    days.map(|day| {
        let customers = served.tenant.truth_ids(day, day).len() as u64;
        (day.to_string(), customers)
    })
    .collect()
}

fn sync(served: &Served, folder: &TempDir, destination: Destination) -> Command {
    let (name, further) = destination;
    let mut command = served.kapture(&["sync", name]);
    command.args(DAYS).args(further).current_dir(folder);
    command
}

#[test]
fn at_any_request() {
    let kinds = FaultKind::passing().into_iter().chain([
        FaultKind::Stall,
        FaultKind::LoginRedirect,
        FaultKind::Failed("Invalid Auth Key".into()),
        FaultKind::Failed("No customers found".into()),
    ]);
    // Most of the time is spent on waits before a request is made again, so that the kinds are tried at the same time.
    let tried: Vec<_> = std::thread::scope(|scope| {
        let kinds = kinds.enumerate();
        let trials =
            kinds.map(|(number, kind)| scope.spawn(move || try_each_request(number, &kind)));
        let trials: Vec<_> = trials.collect();
        let counts = trials.into_iter().map(|trial| trial.join());
        counts
            .map(|counts| counts.expect("all are right"))
            .collect()
    });
    let ended: u32 = tried.iter().map(|(_, ended)| ended).sum();
    let tried: u32 = tried.iter().map(|(tried, _)| tried).sum();
    println!("{tried} single faults: {ended} named, all others mended");
    // Eleven requests that every run makes, each with any fault; what is asked ahead may come too late
    // to be counted.
    assert!(tried > 150, "{tried}");
}

/// Lets a fault happen at each request of a sync in turn. Returns how many were tried, and after how many the sync
/// ended with an error.
fn try_each_request(number: usize, kind: &FaultKind) -> (u32, u32) {
    let (mut tried, mut ended) = (0, 0);
    for request in 1.. {
        let destination = PLACES[(number + request as usize) % PLACES.len()];
        let told = format!("{kind:?} at request {request}, {}", destination.0);
        let folder = tempfile::tempdir().expect("a folder");
        let faults = Faults::scheduled([(request, kind.clone())]);
        let served = Served::new(population(), behaviour(faults));
        let mut first = sync(&served, &folder, destination);
        if *kind == FaultKind::Stall {
            first.args(["--timeout", "1"]);
        }
        let output = first.output().expect("it runs");
        if served.tenant.request_count() < request {
            break;
        }
        tried += 1;
        if code(&output) != 0 {
            ended += 1;
            assert!(
                stderr(&output).contains("error: "),
                "{told}: {}",
                stderr(&output)
            );
            let path = folder.path().join(destination.0);
            if path.exists() {
                let truth = truth(&served);
                assert!(held(&path).iter().all(|day| truth.contains(day)), "{told}");
            }
            // The fault is over: it is numbered, and numbers go on.
            let again = sync(&served, &folder, destination)
                .output()
                .expect("it runs");
            assert_eq!(code(&again), 0, "{told}: {}", stderr(&again));
        }
        let path = folder.path().join(destination.0);
        assert_eq!(held(&path), truth(&served), "{told}");
    }
    (tried, ended)
}

#[test]
fn at_any_size() {
    let served = Served::new(population(), behaviour(Faults::none()));
    let truth = truth(&served);
    let (mut tried, mut full) = (0, 0);
    for destination in PLACES {
        let mut room = 0;
        loop {
            let told = format!("{room} KiB, {}", destination.0);
            let folder = tempfile::tempdir().unwrap();
            let command = sync(&served, &folder, destination);
            let output = with_room(&command, room).output().unwrap();
            tried += 1;
            if code(&output) == 0 {
                break;
            }
            full += 1;
            assert_eq!(code(&output), 6, "{told}: {}", stderr(&output));
            let again = sync(&served, &folder, destination).output().unwrap();
            assert_eq!(code(&again), 0, "{told}: {}", stderr(&again));
            assert_eq!(held(&folder.path().join(destination.0)), truth, "{told}");
            room += 1 + room / 8;
        }
    }
    println!("{tried} sizes: {full} too small, each named");
    assert!(full > 20, "{full}");
}
