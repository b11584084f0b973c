//! What a pull wrote: every customer once.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use serde::Deserialize;
use tempfile::tempdir;

use crate::Error;
use crate::pages::Asked;
use crate::place::Place;

/// Runs a pull and looks at what comes out.
///
/// # Errors
/// When that is not `customers` different ones.
pub(crate) fn checked(mut pull: Command, place: &Place, customers: u64) -> Result<Asked, Error> {
    let folder = tempdir()?;
    let summary = folder.path().join("summary.json");
    let mut process = pull
        .args(["-vv", "--log-format", "json", "--summary"])
        .arg(&summary)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut errors = process.stderr.take().ok_or("no standard error")?;
    let log = thread::spawn(move || {
        let mut log = String::new();
        errors.read_to_string(&mut log).map(|_| log)
    });
    let output = process.stdout.take().ok_or("no standard output")?;
    let mut seen = ids(BufReader::with_capacity(1 << 20, output))?;
    let status = process.wait()?;
    let log = log.join().map_err(|_| "the log could not be read")??;
    if !status.success() {
        return Err(format!("{pull:?} ended with {status}:\n{log}").into());
    }
    match place {
        Place::Stream => {}
        Place::Lines(path) => seen = ids(BufReader::new(File::open(path)?))?,
        Place::Path(_) | Place::Database(_) => {
            let Summary { customers } = serde_json::from_slice(&fs::read(&summary)?)?;
            seen = customers;
        }
    }
    if seen != customers {
        return Err(format!("{seen} customers came out, not {customers}").into());
    }
    Asked::from_log(&log)
}

/// What `kapture` itself says, where no line tells.
#[derive(Deserialize)]
struct Summary {
    customers: u64,
}

/// How many customers there are; twice the same one is an error.
fn ids(lines: impl BufRead) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Customer {
        id: u64,
    }
    let mut ids = HashSet::new();
    for line in lines.lines() {
        let Customer { id } = serde_json::from_str(&line?)?;
        if !ids.insert(id) {
            return Err(format!("customer {id} came twice").into());
        }
    }
    Ok(ids.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_counted_once() {
        assert_eq!(ids("{\"id\":1}\n{\"id\":2}\n".as_bytes()).unwrap(), 2);
        assert!(ids("{\"id\":1}\n{\"id\":1}\n".as_bytes()).is_err());
        assert!(ids("{\"id\":1}\n{\"id\"".as_bytes()).is_err());
    }
}
