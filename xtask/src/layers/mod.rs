//! The dependency arrows of ARCHITECTURE.md: between crates (`crates.rs`) and between the modules of one crate
//! (`modules.rs`, which reads the source through `source.rs`).

use std::fs;
use std::path::Path;

use xshell::Shell;

use crate::workspace::Workspace;
use crate::{Error, Faults};

mod crates;
mod modules;
mod source;

use modules::{Rules, Sources};

/// Crates whose modules are layered.
const LAYERED: &[(&str, Rules)] = &[(
    "kapture-customers",
    Rules {
        layers: &[
            "api", "request", "evidence", "window", "engine", "driver", "pull",
        ],
        asynchronous: &["driver", "pull"],
    },
)];

/// A crate is checked as soon as it has this file in `src`. Before, its modules are not layered yet.
const LAYERED_SINCE: &str = "driver.rs";

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = crates::faults(shell, workspace)?;
    for (name, rules) in LAYERED {
        let member = workspace.crates.iter().find(|member| member.name == *name);
        let folder = member
            .ok_or_else(|| format!("no crate is called {name}"))?
            .folder
            .join("src");
        if folder.join(LAYERED_SINCE).exists() {
            let mut sources = Sources::new();
            read(&folder, &mut Vec::new(), &mut sources)?;
            let found = modules::faults(&sources, rules);
            faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
        }
    }
    Ok(faults)
}

/// The text of every module below a folder, by its path in the crate; `lib.rs` has the empty one.
fn read(folder: &Path, module: &mut Vec<String>, sources: &mut Sources) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            module.push(stem);
            read(&path, module, sources)?;
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut name = module.clone();
            if !matches!(stem.as_str(), "mod" | "lib" | "main") {
                name.push(stem);
            }
            sources.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
