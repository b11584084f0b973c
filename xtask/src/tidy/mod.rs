//! Rules of this project that neither rustfmt nor clippy checks: for every file (`file_rules.rs`) and for what the
//! documents claim (`documents.rs`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;
use crate::{Error, Faults};

mod documents;
mod file_rules;

pub(crate) fn faults(workspace: &Workspace) -> Result<Faults, Error> {
    let root = &workspace.root;
    let mut faults = Faults::new();
    for path in files(root)? {
        // Files that are not text have no rules.
        if let Ok(text) = String::from_utf8(fs::read(&path)?) {
            let name = path.strip_prefix(root)?;
            let found = file_rules::faults(name, &text)
                .into_iter()
                .chain(documents::faults(root, name, &text));
            faults.extend(found.map(|fault| format!("{}: {fault}", name.display())));
        }
    }
    for member in &workspace.crates {
        faults.extend(file_rules::crowded_folders(&member.folder.join("src"))?);
    }
    for member in workspace.published() {
        if !member.folder.join("README.md").exists() {
            faults.push(format!("{} has no README.md", member.name));
        }
        // `cargo run`, as in README.md, fails otherwise.
        if member.programs.len() > 1 && member.default_program.is_none() {
            let name = &member.name;
            faults.push(format!("{name} has several programs and no default-run"));
        }
    }
    faults.extend(documents::missing(root));
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    for member in &workspace.crates {
        faults.extend(documents::rust_version(&readme, &member.rust_version));
    }
    faults.dedup();
    Ok(faults)
}

/// Every file of the project, sorted. Symbolic links are skipped: their target is checked where it is.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let built_or_git = entry.file_name() == "target" || entry.file_name() == ".git";
        if kind.is_dir() && !built_or_git {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
