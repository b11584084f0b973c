//! The course of the bench: each scenario checked once, then measured in turn.

use std::fs;
use std::process::Command;

use tempfile::tempdir;

use crate::Error;
use crate::arguments::Settings;
use crate::kapture::{Sandbox, pull};
use crate::place::Place;
use crate::report::{Measurement, json, text};
use crate::scenarios::{Against, SCENARIOS, Scenario};
use crate::{bare_client, measured, output, parse_pass};

/// Returns whether every pull wrote what it should. How fast it was decides nothing.
pub(crate) fn run(settings: &Settings) -> Result<bool, Error> {
    let wanted = |scenario: &&Scenario| {
        settings.only.is_empty() || settings.only.iter().any(|name| name == scenario.name)
    };
    let mut measurements = Vec::new();
    let mut right = true;
    for scenario in SCENARIOS.iter().filter(wanted) {
        match measure(scenario, settings) {
            Ok(None) => {}
            Ok(Some(measurement)) => {
                if !settings.json {
                    println!("{}", text(&measurement, !settings.short));
                }
                measurements.push(measurement);
            }
            Err(error) => {
                right = false;
                eprintln!("{}: {error}", scenario.name);
            }
        }
    }
    if settings.json {
        println!("{:#}", json(&measurements));
    }
    Ok(right)
}

/// `None` where this machine has no such place to write to.
fn measure(scenario: &'static Scenario, settings: &Settings) -> Result<Option<Measurement>, Error> {
    let size = if settings.short {
        scenario.short
    } else {
        scenario.size
    };
    let rounds = match settings.rounds {
        Some(rounds) => rounds,
        None if settings.short => 1,
        None => scenario.rounds,
    };
    let folder = tempdir()?;
    let sandbox = Sandbox::start(scenario, size)?;
    let empty_place = || Place::empty(scenario.destination, folder.path());

    let Some(place) = empty_place()? else {
        return Ok(None);
    };
    // Beside showing that it is right, this fills the cache of the sandbox.
    let first = pull(&sandbox, size, &place);
    let asked = output::checked(first, &place, size.customers())?;
    let mut measurement = Measurement::new(scenario, size, &asked);

    let bare = match scenario.against {
        Against::BareClient | Against::Latency => {
            let bodies = folder.path().join("bodies");
            fs::write(&bodies, asked.bodies.join("\n"))?;
            let mut bare = Command::new(std::env::current_exe()?);
            bare.arg("bare-client").arg(&sandbox.address).arg(bodies);
            if scenario.sandbox.contains(&"--gzip") {
                bare.arg("--gzip");
            }
            Some(bare)
        }
        Against::Rate(_) | Against::Memory => None,
    };
    let answers = match bare {
        Some(_) => bare_client::answers(&sandbox.address, &asked.bodies)?,
        None => Vec::new(),
    };
    measurement.bytes = answers.iter().map(Vec::len).sum();
    for _ in 0..rounds {
        if let Some(bare) = &bare {
            measurement.bare.push(measured::usage(bare)?);
            measurement.parse.push(parse_pass::seconds(&answers)?);
        }
        let place = empty_place()?.ok_or("the place is gone")?;
        let mut pull = pull(&sandbox, size, &place);
        pull.arg("--quiet");
        measurement.kapture.push(measured::usage(&pull)?);
    }
    if measurement.is_sound() {
        Ok(Some(measurement))
    } else {
        Err("what was measured cannot be".into())
    }
}
