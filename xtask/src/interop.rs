//! Reads the output of kapture with other libraries: DuckDB, PyArrow, polars, pandas, nanoarrow, openpyxl, LibreOffice and Python's own csv and
//! sqlite3 compare every format with the NDJSON of the same customers, and read customers whose records are no proper JSON.
//!
//! They are installed from PyPI into `target/interop`, at the versions of `interop/requirements.txt`.

use std::path::Path;

use xshell::{Shell, cmd};

use crate::python::environments::environment;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// All other outputs are compared with this one.
const REFERENCE: &str = "customers.ndjson";

/// Destinations for the same customers, with the arguments each needs; `check.py` derives the format from the name.
const DESTINATIONS: &[(&str, &[&str])] = &[
    ("customers.ndjson.gz", &[]),
    ("customers.ndjson.zst", &[]),
    ("customers.csv", &[]),
    ("customers.csv.gz", &[]),
    ("customers.csv.zst", &[]),
    ("customers.parquet", &[]),
    ("customers.arrows", &[]),
    ("customers.xlsx", &[]),
    ("customers.db", &[]),
    ("lines/", &["--format", "ndjson"]),
    ("tables/", &["--format", "csv"]),
    ("columns/", &[]),
];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) {
        return system::skip(
            "python3 with venv is missing: no output was read by another implementation",
        );
    }
    let folder = workspace.target.join("interop");
    let sources = workspace.root.join("xtask/interop");
    let python = environment(shell, &folder, &sources.join("requirements.txt"))?;
    let written = folder.join("written");
    write(shell, workspace, &written)?;

    let check = sources.join("check.py");
    let destinations = DESTINATIONS.iter().map(|(name, _)| name);
    let _written = shell.push_dir(&written);
    let compared = cmd!(shell, "{python} {check} {REFERENCE} {destinations...}");
    println!("$ {compared}");
    let mut faults = Faults::new();
    if compared.quiet().run().is_err() {
        faults.push("another library reads other values than were written: see above".into());
    }
    let odd = folder.join("odd");
    shell.remove_path(&odd)?;
    shell.create_dir(&odd)?;
    let (check, kapture) = (sources.join("odd.py"), workspace.binary("debug", "kapture"));
    let read = cmd!(shell, "{python} {check} {kapture} {odd}");
    println!("$ {read}");
    if read.quiet().run().is_err() {
        faults.push("another library does not read odd customers: see above".into());
    }
    Ok(faults)
}

/// Writes a week of the sandbox in every format.
fn write(shell: &Shell, workspace: &Workspace, folder: &Path) -> Result<(), Error> {
    Workspace::build(shell)?;
    let kapture = workspace.binary("debug", "kapture");
    shell.remove_path(folder)?;
    shell.create_dir(folder)?;
    let _folder = shell.push_dir(folder);
    for &(destination, arguments) in [(REFERENCE, &[][..])].iter().chain(DESTINATIONS) {
        let week = ["--from", "2024-05-01", "--to", "2024-05-07"];
        let pull = cmd!(
            shell,
            "{kapture} pull --sandbox {week...} --quiet -o {destination} {arguments...}"
        );
        pull.run()?;
    }
    Ok(())
}
