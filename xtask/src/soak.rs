//! Repeated syncs from a sandbox with random faults, each compared with the sandbox's own customers.

use std::ffi::OsString;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// Builds the binaries and runs `kapture-soak` with these arguments.
pub(crate) fn run(shell: &Shell, arguments: &[OsString]) -> Result<(), Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    Workspace::build(shell)?;
    let soak = workspace.binary("debug", "kapture-soak");
    Ok(cmd!(shell, "{soak} {arguments...}").quiet().run()?)
}
