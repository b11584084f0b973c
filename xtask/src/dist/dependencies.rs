//! What a crate is built from, with everything below it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use xshell::{Shell, cmd};

use super::TARGET;
use crate::Error;

/// A crate that the programs are built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX expression.
    pub(super) license: String,
    /// Where its sources are.
    pub(super) folder: PathBuf,
    /// Whether it is of this workspace.
    pub(super) is_own: bool,
    /// Whether the programs contain it; else it only runs while they are built.
    pub(super) is_contained: bool,
}

/// The crates that the program of `package` is built from, which `cargo tree --edges normal` lists, by
/// name and version.
pub(super) fn of(shell: &Shell, package: &str) -> Result<Vec<Dependency>, Error> {
    let all = tree(shell, package, "normal")?;
    let contained = tree(shell, package, "normal,no-proc-macro")?;
    let metadata = cmd!(shell, "cargo metadata --locked --format-version 1");
    let metadata: Value = serde_json::from_str(&metadata.quiet().read()?)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let mut found = BTreeMap::new();
    for (name, version) in &all {
        let is_it = |package: &&Value| package["name"] == **name && package["version"] == **version;
        let package = packages
            .iter()
            .find(is_it)
            .ok_or_else(|| format!("no {name} {version}"))?;
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let manifest = PathBuf::from(text("manifest_path"));
        let dependency = Dependency {
            name: name.clone(),
            version: version.clone(),
            license: text("license"),
            folder: manifest.parent().ok_or("no folder")?.to_owned(),
            is_own: package["source"].is_null(),
            is_contained: contained.contains(&(name.clone(), version.clone())),
        };
        found.insert((name, version), dependency);
    }
    Ok(found.into_values().collect())
}

/// The names and versions of the crates in a tree with these edges.
fn tree(shell: &Shell, package: &str, edges: &str) -> Result<BTreeSet<(String, String)>, Error> {
    let format = "{p}";
    let tree = cmd!(
        shell,
        "cargo tree --locked --package {package} --target {TARGET} --edges {edges} --prefix none --format {format}"
    );
    let listed = tree.quiet().read()?;
    let crates = listed.lines().filter_map(name_and_version);
    Ok(crates
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect())
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
