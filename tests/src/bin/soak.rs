//! Synchronises destinations for as long as asked, from a server that misbehaves at random, kills some
//! of the runs, and compares every destination with the truth after each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use chrono::{NaiveDate, TimeDelta};
use fastrand::Rng;
use kapture_sandbox::{
    Behaviour, EmptyForm, FaultKind, Faults, Limit, Order, PerDay, Population, Windows,
};
use kapture_tests::{Served, ids, status};
use rusqlite::Connection;
use tempfile::TempDir;

type Error = Box<dyn std::error::Error>;

const HELP: &str = "\
cargo xtask soak [--minutes N | --rounds N] [--seed N]   synchronises from a server that misbehaves

Each round is one run of `kapture sync` into one of several destinations, some of them killed. After
each, every day that the destination says it holds is compared with what the server really has.";

/// So many days are asked for at last.
const DAYS: i64 = 400;

struct Plan {
    minutes: Option<u64>,
    rounds: u64,
    seed: u64,
}

fn main() -> ExitCode {
    match plan().and_then(|plan| plan.map_or(Ok(()), |plan| soak(&plan))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `None` where only help is asked for.
fn plan() -> Result<Option<Plan>, Error> {
    use lexopt::prelude::*;
    let mut plan = Plan {
        minutes: None,
        rounds: 20,
        seed: 1,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("minutes") => plan.minutes = Some(arguments.value()?.parse()?),
            Long("rounds") => plan.rounds = arguments.value()?.parse()?,
            Long("seed") => plan.seed = arguments.value()?.parse()?,
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(None);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(plan))
}

/// Something that is synchronised for as long as the soak lasts.
struct Destination {
    name: &'static str,
    further: &'static [&'static str],
    /// How many days were asked for last.
    days: i64,
}

#[derive(Default)]
struct Told {
    rounds: u64,
    killed: u64,
    failed: u64,
    requests: u64,
    compared: u64,
}

fn soak(plan: &Plan) -> Result<(), Error> {
    let begun = Instant::now();
    let folder = tempfile::tempdir()?;
    let mut random = Rng::with_seed(plan.seed);
    let mut destinations = [
        ("lines/", &["--format", "ndjson"][..]),
        ("folder/", &[]),
        ("customers.db", &[]),
    ]
    .map(|(name, further)| Destination {
        name,
        further,
        days: 5,
    });
    let mut served = Served::new(population(plan.seed), Behaviour::default());
    let mut told = Told::default();
    let more = |told: &Told| match plan.minutes {
        Some(minutes) => begun.elapsed() < Duration::from_secs(60 * minutes),
        None => told.rounds < plan.rounds,
    };
    while more(&told) {
        let destination = &mut destinations[random.usize(..3)];
        destination.days = (destination.days + random.i64(0..30)).min(DAYS);
        served = served.with(behaviour(&mut random));
        round(destination, &folder, &served, &mut random, &mut told)?;
        if told.rounds.is_multiple_of(50) {
            println!("{}", told.line(begun));
        }
    }
    // In the end every destination is brought up to date, undisturbed.
    served = served.with(Behaviour::default());
    for destination in &destinations {
        let output = sync(destination, &folder, &served).output()?;
        if !output.status.success() {
            return Err(format!("{} cannot be brought up to date", destination.name).into());
        }
        let held = compare(destination, &folder, &served, &mut told)?;
        if held != destination.days {
            return Err(format!(
                "{} holds {held} days of {}",
                destination.name, destination.days
            )
            .into());
        }
    }
    println!("{}", told.line(begun));
    Ok(())
}

impl Told {
    fn line(&self, begun: Instant) -> String {
        format!(
            "{} rounds in {} s: {} killed, {} ended with an error; {} requests, {} days compared, all right; {} MiB at most",
            self.rounds,
            begun.elapsed().as_secs(),
            self.killed,
            self.failed,
            self.requests,
            self.compared,
            peak()
        )
    }
}

fn round(
    destination: &Destination,
    folder: &TempDir,
    served: &Served,
    random: &mut Rng,
    told: &mut Told,
) -> Result<(), Error> {
    let mut command = sync(destination, folder, served);
    if random.bool() {
        command.args(["--refresh", "3"]);
    }
    let mut child = command.spawn()?;
    let fatal = (random.u8(..3) == 0).then(|| random.u64(1..40));
    let ended = match fatal {
        Some(number) if served.runs_until_request(&mut child, number) => {
            child.kill()?;
            child.wait()?;
            None
        }
        _ => Some(child.wait()?),
    };
    told.rounds += 1;
    told.requests += served.tenant.request_count();
    let held = compare(destination, folder, served, told)?;
    match ended {
        None => told.killed += 1,
        Some(ended) if ended.success() && held < destination.days => {
            let name = destination.name;
            return Err(format!(
                "{name} holds {held} days of {}, and all went well",
                destination.days
            )
            .into());
        }
        Some(ended) if ended.success() => {}
        Some(_) => told.failed += 1,
    }
    Ok(())
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 1, 1).expect("a date")
}

fn population(seed: u64) -> Population {
    let last = first_day() + TimeDelta::days(DAYS + 10);
    Population::new(seed).days(first_day(), last, PerDay::Between(0, 60))
}

/// A server that the vendor's page allows, on a bad day.
fn behaviour(random: &mut Rng) -> Behaviour {
    let any = |random: &mut Rng| -> EmptyForm {
        match random.u8(..4) {
            0 => EmptyForm::EmptyList,
            1 => EmptyForm::Null,
            2 => EmptyForm::Failed("No customers found".into()),
            _ => EmptyForm::NotFound("No data found".into()),
        }
    };
    Behaviour {
        windows: Windows::ALL[random.usize(..Windows::ALL.len())],
        zone_shift_minutes: random.i32(-840..=840),
        limit: match random.u8(..3) {
            0 => Limit::Honoured,
            1 => Limit::CappedAt(random.u64(5..50)),
            _ => Limit::Ignored,
        },
        order: match random.u8(..3) {
            0 => Order::Id,
            1 => Order::IdDescending,
            _ => Order::Name,
        },
        empty_window: any(random),
        gzip: random.bool(),
        faults: Faults::random(random.f64() / 5.0, FaultKind::passing(), random.u64(..)),
        ..Behaviour::default()
    }
}

fn sync(destination: &Destination, folder: &TempDir, served: &Served) -> Command {
    let last = first_day() + TimeDelta::days(destination.days - 1);
    let mut command = served.kapture(&["sync", destination.name, "--quiet"]);
    command
        .args([
            "--from",
            &first_day().to_string(),
            "--to",
            &last.to_string(),
        ])
        .args(["--retry-for", "5s"])
        .args(destination.further)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Compares what a destination says it holds, and what it does hold, with the truth. Returns for how
/// many days it says so.
fn compare(
    destination: &Destination,
    folder: &TempDir,
    served: &Served,
    told: &mut Told,
) -> Result<i64, Error> {
    let path = folder.path().join(destination.name);
    if !path.exists() {
        return Ok(0);
    }
    let status = status(&path);
    let days = status["days"].as_array().ok_or("no days in the status")?;
    let content = content(destination, &path)?;
    for receipt in days {
        let day: NaiveDate = serde_json::from_value(receipt["day"].clone())?;
        let truth = served.tenant.truth_ids(day, day);
        let wrong = |what: &str| Err(format!("{}: {day} {what}", destination.name).into());
        if receipt["customers"].as_u64() != Some(truth.len() as u64) {
            return wrong(&format!("has a wrong receipt: {receipt}"));
        }
        if let Some(content) = &content
            && content.get(&day).cloned().unwrap_or_default() != truth
        {
            return wrong("holds other customers than the server");
        }
        told.compared += 1;
    }
    Ok(days.len() as i64)
}

type Content = BTreeMap<NaiveDate, BTreeSet<u64>>;

/// The ids of each day, where they can be read without kapture's own code.
fn content(destination: &Destination, path: &Path) -> Result<Option<Content>, Error> {
    let mut content = Content::new();
    match destination.name {
        "customers.db" => {
            let database = Connection::open(path)?;
            let mut rows = database.prepare("SELECT id, generation_date FROM customers")?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let (id, created): (i64, String) = (row.get(0)?, row.get(1)?);
                let day = created.get(..10).ok_or("no date")?.parse()?;
                content.entry(day).or_default().insert(id.try_into()?);
            }
        }
        "lines/" => {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(day) = name
                    .to_str()
                    .and_then(|name| name.strip_prefix("created_date="))
                else {
                    continue;
                };
                let mut held = BTreeSet::new();
                for file in fs::read_dir(entry.path())? {
                    let file = file?;
                    // A killed run may leave a file that no reader looks at, until the next run.
                    if !file.file_name().as_encoded_bytes().starts_with(b".") {
                        held.append(&mut ids(&fs::read(file.path())?));
                    }
                }
                content.insert(day.parse()?, held);
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(content))
}

#[cfg(unix)]
use kapture_tests::limits::peak;

/// Not told here.
#[cfg(not(unix))]
fn peak() -> u64 {
    0
}
