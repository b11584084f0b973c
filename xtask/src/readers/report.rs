//! `kapture report` in a real browser: Chromium opens the page of ten years, axe-core looks for
//! barriers, and each day is reached by keyboard.
//!
//! The packages come from npm into `target/report`, at pinned versions; Chromium is the one of the
//! system.

use std::path::PathBuf;

use xshell::{Shell, cmd};

use super::npm;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

const PACKAGES: [(&str, &str); 2] = [("playwright-core", "1.65.1"), ("axe-core", "4.14.1")];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let Some(chromium) = system::chromium().filter(|_| system::has_npm(shell)) else {
        return system::skip("chromium or npm is missing: no browser opened the report");
    };
    let pictures = workspace.target.join("report/pictures");
    let checked = check(shell, workspace, chromium, &pictures)?;
    println!("screenshots: {}", pictures.display());
    Ok(checked)
}

/// Writes the pictures that the README shows.
pub(crate) fn pictures(shell: &Shell, workspace: &Workspace) -> Result<(), Error> {
    let chromium = system::chromium().ok_or("chromium is missing: apt-get install chromium")?;
    let rendered = workspace.target.join("report/pictures");
    if let Some(fault) = check(shell, workspace, chromium, &rendered)?.first() {
        return Err(fault.as_str().into());
    }
    let folder = workspace.root.join("docs/pictures");
    shell.create_dir(&folder)?;
    for name in ["report.png", "status.png"] {
        shell.copy_file(rendered.join(name), &folder)?;
    }
    Ok(())
}

fn check(
    shell: &Shell,
    workspace: &Workspace,
    chromium: PathBuf,
    pictures: &PathBuf,
) -> Result<Faults, Error> {
    let folder = workspace.target.join("report");
    let modules = npm::packages(shell, &folder, &PACKAGES)?;
    Workspace::build(shell)?;
    let kapture = workspace.binary("debug", "kapture");
    shell.remove_path(pictures)?;
    shell.create_dir(pictures)?;
    let check = workspace.root.join("xtask/report/check.mjs");
    let checked = cmd!(
        shell,
        "node {check} {modules} {chromium} {kapture} {pictures}"
    );
    println!("$ {checked}");
    Ok(match checked.quiet().run() {
        Ok(()) => Faults::new(),
        Err(_) => vec!["the report is not as it should be in a browser: see above".into()],
    })
}
