//! Packages from npm, at pinned versions.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::Error;

/// Installs packages into `folder`, each a name and a version, unless they are there. Returns the
/// folder that has them.
pub(crate) fn packages(
    shell: &Shell,
    folder: &Path,
    packages: &[(&str, &str)],
) -> Result<PathBuf, Error> {
    let modules = folder.join("node_modules");
    let is_there = |(name, version): &(&str, &str)| {
        let manifest = fs::read_to_string(modules.join(name).join("package.json"));
        manifest.is_ok_and(|text| text.contains(&format!("\"version\": \"{version}\"")))
    };
    if !packages.iter().all(is_there) {
        let packages = packages
            .iter()
            .map(|(name, version)| format!("{name}@{version}"));
        // Without scripts: installing them runs no code.
        let install = cmd!(
            shell,
            "npm install --prefix {folder} --ignore-scripts --no-audit --no-fund --loglevel=error {packages...}"
        );
        println!("$ {install}");
        install.quiet().run()?;
    }
    Ok(modules)
}
