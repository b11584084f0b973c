//! Builds what is measured and what measures it, and starts the latter.

use std::ffi::OsString;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// Runs the bench with these arguments, of which it knows more than xtask does. Returns whether it
/// succeeded.
///
/// A short one is no measurement, so it makes do with what the tests were built from.
pub(crate) fn run(shell: &Shell, arguments: &[OsString]) -> Result<bool, Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let profile = if arguments.iter().any(|argument| argument == "--short") {
        Workspace::build_binaries(shell)?;
        "debug"
    } else {
        cmd!(
            shell,
            "cargo build --release --package kapture-cli --package kapture-benches --bins"
        )
        .quiet()
        .run()?;
        "release"
    };
    let status = Command::new(workspace.binary(profile, "kapture-bench"))
        .args(arguments)
        .status()?;
    Ok(status.success())
}
