//! A process between the bench and what it measures.
//!
//! The kernel counts what the children of a process have used together, and takes the memory of
//! whoever starts a process for that process's own. So each measurement has a small parent of its
//! own, which does nothing else.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Error;
use crate::usage::Usage;

/// `command`, such that it prints its [`Usage`] instead of what it has to say.
pub(crate) fn measured(command: &Command) -> Result<Command, Error> {
    let mut measured = Command::new(std::env::current_exe()?);
    measured.arg("measure").arg(command.get_program());
    measured.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    Ok(measured)
}

/// What `command` uses.
pub(crate) fn usage(command: &Command) -> Result<Usage, Error> {
    let output = measured(command)?.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a command, its output to nowhere, and prints what it used as JSON.
pub(crate) fn run(command: &[OsString]) -> Result<(), Error> {
    let (program, arguments) = command.split_first().ok_or("no command to measure")?;
    let begun = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()?;
    let wall = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    let (cpu, peak) = children();
    let usage = Usage { wall, cpu, peak };
    serde_json::to_writer(std::io::stdout(), &usage)?;
    std::io::stdout().flush()?;
    Ok(())
}

/// The processor time and the most memory of the children of this process that have ended.
#[cfg(unix)]
fn children() -> (f64, f64) {
    use nix::sys::resource::{UsageWho, getrusage};
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return (f64::NAN, f64::NAN);
    };
    let time = usage.user_time() + usage.system_time();
    let cpu = time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") {
        1.0
    } else {
        1024.0
    };
    (cpu, usage.max_rss() as f64 * unit)
}

/// Other systems do not tell in a way that is worth a dependency.
#[cfg(not(unix))]
fn children() -> (f64, f64) {
    (f64::NAN, f64::NAN)
}
