//! Builds `kapture` and `kapture-bench`, and runs the latter.

use std::ffi::OsString;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// Runs `kapture-bench` with these arguments and returns whether it succeeded.
///
/// `--short` measures nothing, so it uses the build of the tests.
pub(crate) fn run(shell: &Shell, arguments: &[OsString]) -> Result<bool, Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    let profile = if arguments.iter().any(|argument| argument == "--short") {
        Workspace::build(shell)?;
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
