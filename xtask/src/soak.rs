//! One sync after another from a server that misbehaves at random, each compared with the truth.

use std::ffi::OsString;

use xshell::{Shell, cmd};

use crate::Error;
use crate::workspace::Workspace;

/// Builds what it needs, and runs the soak of `kapture-tests` with its own arguments.
pub(crate) fn run(shell: &Shell, arguments: &[OsString]) -> Result<(), Error> {
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    Workspace::build_binaries(shell)?;
    let soak = workspace.binary("debug", "kapture-soak");
    Ok(cmd!(shell, "{soak} {arguments...}").quiet().run()?)
}
