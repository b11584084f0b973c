//! Runs the `kapture` beside this program with a command before the arguments.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Runs `kapture COMMAND` with the arguments of this process, and ends as it does.
pub(crate) fn run(command: &str) -> ExitCode {
    let kapture = match beside() {
        Ok(kapture) => kapture,
        Err(error) => return failed("cannot find the folder of this program", &error),
    };
    let mut process = Command::new(&kapture);
    process.arg(command).args(env::args_os().skip(1));
    let error = match replace(&mut process) {
        Ok(code) => return code,
        Err(error) => error,
    };
    failed(&format!("cannot run {}", kapture.display()), &error)
}

/// The `kapture` in the folder of this program, links followed.
fn beside() -> io::Result<PathBuf> {
    let name = format!("kapture{}", env::consts::EXE_SUFFIX);
    Ok(env::current_exe()?.canonicalize()?.with_file_name(name))
}

/// Becomes the process, so that signals and exit codes are its own.
#[cfg(unix)]
fn replace(process: &mut Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(process.exec())
}

#[cfg(not(unix))]
fn replace(process: &mut Command) -> io::Result<ExitCode> {
    let status = process.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

fn failed(what: &str, error: &io::Error) -> ExitCode {
    eprintln!(
        "error: {what}: {error}\nhint: install kapture again: this program runs the kapture in its own folder"
    );
    ExitCode::from(1)
}
