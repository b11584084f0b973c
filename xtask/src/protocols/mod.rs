//! The connectors, run by the programs that they are for: each part with the packages of one protocol.
//!
//! Packages are installed from PyPI into `target/protocols`, at pinned versions.

mod airbyte;
mod singer;

use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::python::environments::environment;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

/// A part of the step: what another program finds wrong.
type Part = fn(&Bench<'_>) -> Result<Faults, Error>;

const PARTS: &[Part] = &[singer::faults, airbyte::faults];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) {
        return system::skip("python3 with venv is missing: no connector was tried");
    }
    Workspace::build(shell)?;
    let bench = Bench {
        shell,
        sources: workspace.root.join("xtask/protocols"),
        folder: workspace.target.join("protocols"),
        kapture: workspace.binary("debug", "kapture"),
        guide: workspace.root.join("docs"),
        dockerfile: workspace.root.join("Dockerfile"),
    };
    let mut faults = Faults::new();
    for part in PARTS {
        faults.extend(part(&bench)?);
    }
    Ok(faults)
}

/// What each part works with.
pub(crate) struct Bench<'a> {
    pub(crate) shell: &'a Shell,
    /// `xtask/protocols`.
    sources: PathBuf,
    /// Everything that is installed and written.
    folder: PathBuf,
    /// The program, with its launchers beside it.
    pub(crate) kapture: PathBuf,
    /// The guide, which has the configuration to try.
    pub(crate) guide: PathBuf,
    /// What images are made by.
    pub(crate) dockerfile: PathBuf,
}

impl Bench<'_> {
    /// The Python of an environment with the packages of `NAME.txt`.
    pub(crate) fn environment(&self, name: &str) -> Result<PathBuf, Error> {
        let requirements = self.sources.join(format!("{name}.txt"));
        environment(self.shell, &self.folder.join(name), &requirements)
    }

    /// Runs a script of this step. `fault` says what is wrong if it fails.
    pub(crate) fn run(
        &self,
        python: PathBuf,
        script: &str,
        arguments: &[PathBuf],
        fault: &str,
    ) -> Result<Faults, Error> {
        let written = self.folder.join("written").join(script);
        self.shell.remove_path(&written)?;
        self.shell.create_dir(&written)?;
        let (script, kapture) = (self.sources.join(script), &self.kapture);
        let _written = self.shell.push_dir(&written);
        let checked = cmd!(self.shell, "{python} {script} {kapture} {arguments...}");
        println!("$ {checked}");
        Ok(
            match checked.env("PYTHONDONTWRITEBYTECODE", "1").quiet().run() {
                Ok(()) => Faults::new(),
                Err(_) => vec![format!("{fault}: see above")],
            },
        )
    }
}
