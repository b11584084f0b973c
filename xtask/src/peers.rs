//! Builds `kapture`, and measures it against what a user would do without it: `benches/peers`.
//!
//! The peers are installed from PyPI into `target/peers`, at the versions of `benches/peers/*.txt`.

use std::ffi::OsString;
use std::process::Command;

use xshell::{Shell, cmd};

use crate::python::environments::environment;
use crate::workspace::Workspace;
use crate::{Error, system};

/// Runs `peers.py` with these arguments and returns whether it succeeded.
pub(crate) fn run(shell: &Shell, arguments: &[OsString]) -> Result<bool, Error> {
    if !system::has_python(shell) {
        return Err("python3 with venv is missing".into());
    }
    let workspace = Workspace::read(shell)?;
    shell.change_dir(&workspace.root);
    cmd!(
        shell,
        "cargo build --release --package kapture-cli --package kapture-benches --bins"
    )
    .quiet()
    .run()?;
    let sources = workspace.root.join("benches/peers");
    let folder = workspace.target.join("peers");
    let python = |name: &str| {
        let requirements = sources.join(name).with_extension("txt");
        environment(shell, &folder.join(name), &requirements)
    };
    let status = Command::new(python("duckdb")?)
        .arg(sources.join("peers.py"))
        .arg("--kapture")
        .arg(workspace.binary("release", "kapture"))
        .arg("--sdk")
        .arg(python("singer-sdk")?)
        .arg("--cdk")
        .arg(python("airbyte-cdk")?)
        .arg("--folder")
        .arg(folder.join("written"))
        .args(arguments)
        .status()?;
    Ok(status.success())
}
