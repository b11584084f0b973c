//! Whether others read what kapture writes: DuckDB, PyArrow and Python's own libraries compare
//! every form of output with the lines of JSON of the same customers.
//!
//! They come from PyPI into `target/interop`, at the versions of `interop/requirements.txt`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::workspace::Workspace;
use crate::{Error, Faults};

/// What all others are compared with.
const REFERENCE: &str = "customers.ndjson";

/// Where the same customers go, and what has to be said for that; `check.py` tells by the name
/// what is there.
const DESTINATIONS: &[(&str, &[&str])] = &[
    ("customers.ndjson.gz", &[]),
    ("customers.ndjson.zst", &[]),
    ("customers.csv", &[]),
    ("customers.csv.gz", &[]),
    ("customers.csv.zst", &[]),
    ("customers.parquet", &[]),
    ("customers.db", &[]),
    ("lines/", &["--format", "ndjson"]),
    ("tables/", &["--format", "csv"]),
    ("columns/", &[]),
];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if cmd!(shell, "python3 --version").quiet().read().is_err() {
        let missing = "python3 is missing: nothing was read by another implementation";
        if env::var_os("CI").is_some_and(|value| value == "true") {
            return Err(missing.into());
        }
        println!("SKIPPED: {missing}");
        return Ok(Faults::new());
    }
    let folder = workspace.target.join("interop");
    let sources = workspace.root.join("xtask/interop");
    let python = readers(shell, &folder, &sources.join("requirements.txt"))?;
    let written = folder.join("written");
    write(shell, workspace, &written)?;

    let check = sources.join("check.py");
    let places = DESTINATIONS.iter().map(|(place, _)| place);
    let _written = shell.push_dir(&written);
    let compared = cmd!(shell, "{python} {check} {REFERENCE} {places...}");
    println!("$ {compared}");
    Ok(match compared.quiet().run() {
        Ok(()) => Faults::new(),
        Err(_) => vec!["what was written is not what others read; see above".into()],
    })
}

/// A Python that has the readers, made anew when other versions are asked for.
fn readers(shell: &Shell, folder: &Path, requirements: &Path) -> Result<PathBuf, Error> {
    let environment = folder.join("python");
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = environment.join(bin).join("python");
    let installed = environment.join("requirements.txt");
    let asked = fs::read_to_string(requirements)?;
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == asked) {
        return Ok(python);
    }
    shell.create_dir(folder)?;
    let steps = [
        cmd!(shell, "python3 -m venv --clear {environment}"),
        // Wheels alone: nothing is built, and no code is run while installing.
        cmd!(
            shell,
            "{python} -m pip install --quiet --disable-pip-version-check --only-binary :all: --requirement {requirements}"
        ),
    ];
    for step in steps {
        println!("$ {step}");
        step.quiet().run()?;
    }
    fs::write(installed, asked)?;
    Ok(python)
}

/// Writes a week of the sandbox in every form.
fn write(shell: &Shell, workspace: &Workspace, folder: &Path) -> Result<(), Error> {
    Workspace::build_binaries(shell)?;
    let kapture = workspace.binary("debug", "kapture");
    shell.remove_path(folder)?;
    shell.create_dir(folder)?;
    let _folder = shell.push_dir(folder);
    for &(place, said) in [(REFERENCE, &[][..])].iter().chain(DESTINATIONS) {
        let week = ["--from", "2024-05-01", "--to", "2024-05-07"];
        let pull = cmd!(
            shell,
            "{kapture} pull --sandbox {week...} --quiet -o {place} {said...}"
        );
        pull.run()?;
    }
    Ok(())
}
