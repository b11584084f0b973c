//! What a crate is built from, with everything below it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use xshell::{Shell, cmd};

use super::TARGET;
use crate::Error;

/// A crate from the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) license: String,
    /// Where its sources are.
    pub(super) folder: PathBuf,
}

/// The crates that are in the program of `package`, by name and version: without those that only run
/// while it is built or tested.
pub(super) fn of(shell: &Shell, package: &str) -> Result<Vec<Dependency>, Error> {
    let format = "{p}";
    let tree = cmd!(
        shell,
        "cargo tree --locked --package {package} --target {TARGET} --edges normal,no-proc-macro --prefix none --format {format}"
    );
    let listed = tree.quiet().read()?;
    let metadata = cmd!(shell, "cargo metadata --locked --format-version 1");
    let metadata: Value = serde_json::from_str(&metadata.quiet().read()?)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let mut found = BTreeMap::new();
    for line in listed.lines() {
        let Some((name, version)) = name_and_version(line) else {
            continue;
        };
        let is_it = |package: &&Value| package["name"] == name && package["version"] == version;
        let package = packages
            .iter()
            .find(is_it)
            .ok_or_else(|| format!("no {name} {version}"))?;
        // Our own crates have our licence.
        if package["source"].is_null() {
            continue;
        }
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let manifest = PathBuf::from(text("manifest_path"));
        let dependency = Dependency {
            name: name.to_owned(),
            version: version.to_owned(),
            license: text("license"),
            folder: manifest.parent().ok_or("no folder")?.to_owned(),
        };
        found.insert((name.to_owned(), version.to_owned()), dependency);
    }
    Ok(found.into_values().collect())
}

/// `tokio v1.52.0 (*)` is tokio 1.52.0.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tree_name_a_version() {
        assert_eq!(name_and_version("tokio v1.52.0"), Some(("tokio", "1.52.0")));
        assert_eq!(
            name_and_version("tokio v1.52.0 (*)"),
            Some(("tokio", "1.52.0"))
        );
        assert_eq!(name_and_version(""), None);
        assert_eq!(name_and_version("[build-dependencies]"), None);
    }
}
