//! The arrows between the crates, held by what cargo says of the workspace.

use std::collections::BTreeSet;

use xshell::{Shell, cmd};

use crate::workspace::{Crate, Workspace};
use crate::{Error, Faults};

/// The crates of ours that each crate may be built from. Dependencies of tests are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("kapture-model", &[]),
    ("kapture-transport", &["kapture-model"]),
    ("kapture-customers", &["kapture-model", "kapture-transport"]),
    ("kapture-sinks", &["kapture-model"]),
    // Behind the feature `transport` alone; see ABSENT.
    ("kapture-sandbox", &["kapture-transport"]),
    (
        "kapture-cli",
        &[
            "kapture-model",
            "kapture-transport",
            "kapture-customers",
            "kapture-sinks",
            "kapture-sandbox",
        ],
    ),
    ("xtask", &[]),
];
/// Crates that test or measure all others: they may use any, and none may use them.
const JUDGES: [&str; 3] = ["kapture-tests", "kapture-benches", "kapture-fuzz"];

/// A crate, the features it is built with, and the dependencies it must not bring then.
const ABSENT: [(&str, &str, &[&str]); 6] = [
    (
        "kapture-model",
        "--all-features",
        &["tokio", "reqwest", "async-trait"],
    ),
    (
        "kapture-transport",
        "--no-default-features",
        &["reqwest", "hyper", "rustls"],
    ),
    (
        "kapture-customers",
        "--no-default-features",
        &["reqwest", "hyper", "rustls"],
    ),
    (
        "kapture-sinks",
        "--no-default-features",
        &["reqwest", "hyper", "rustls"],
    ),
    (
        "kapture-sandbox",
        "--no-default-features",
        &["tokio", "axum", "hyper"],
    ),
    (
        "kapture-sandbox",
        "--features=http",
        &["kapture-transport", "kapture-model"],
    ),
];

/// A crate, the features it is built with, and the most crates that it may be built from, itself included: a program
/// that uses one crate alone builds all of them.
const MAX_CRATES: [(&str, &str, usize); 5] = [
    ("kapture-model", "--no-default-features", 25),
    ("kapture-transport", "--no-default-features", 65),
    ("kapture-customers", "--no-default-features", 75),
    ("kapture-sinks", "--no-default-features", 40),
    ("kapture-sandbox", "--no-default-features", 25),
];

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = wrong_arrows(&workspace.crates);
    for (name, features, absent) in ABSENT {
        let tree = cmd!(
            shell,
            "cargo tree --package {name} {features} --edges normal --target all --prefix none"
        );
        faults.extend(
            present(&tree.quiet().read()?, absent)
                .map(|found| format!("{name} brings {found} when built with {features}")),
        );
    }
    for (name, features, max) in MAX_CRATES {
        let tree = cmd!(
            shell,
            "cargo tree --package {name} {features} --edges normal --prefix none"
        );
        let crates = count(&tree.quiet().read()?);
        if crates > max {
            faults.push(format!(
                "{name} is built from {crates} crates with {features}, more than {max}"
            ));
        }
    }
    Ok(faults)
}

fn wrong_arrows(crates: &[Crate]) -> Faults {
    let member = |name: &String| crates.iter().any(|member| member.name == *name);
    let mut faults = Faults::new();
    for Crate {
        name, dependencies, ..
    } in crates
    {
        faults.extend(
            dependencies
                .iter()
                .filter(|dependency| member(dependency) && !may_use(name, dependency))
                .map(|dependency| format!("{name} must not use {dependency}")),
        );
    }
    faults
}

fn may_use(name: &str, other: &str) -> bool {
    if JUDGES.contains(&name) {
        return true;
    }
    // A crate that the table does not name uses no other and is used by none.
    let known = |name| ARROWS.iter().find(|(known, _)| *known == name);
    known(name).is_some_and(|(_, allowed)| allowed.contains(&other))
}

/// The crates in the output of `cargo tree --prefix none`: lines of `name vX.Y.Z` and more, repeated where several
/// crates use one.
fn count(tree: &str) -> usize {
    let crates: BTreeSet<Vec<_>> = tree
        .lines()
        .map(|line| line.split(' ').take(2).collect())
        .collect();
    crates.len()
}

/// Those of `names` that occur in the output of `cargo tree --prefix none`: lines of `name vX.Y.Z`.
fn present<'a>(tree: &str, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(move |name| {
        tree.lines()
            .any(|line| line.split(' ').next() == Some(*name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[&str]) -> Crate {
        Crate {
            name: name.into(),
            dependencies: dependencies.iter().copied().map(String::from).collect(),
            ..Crate::default()
        }
    }

    #[test]
    fn arrows_point_down_only() {
        let cases = [
            ("kapture-transport", "kapture-model", true),
            ("kapture-model", "kapture-transport", false),
            ("kapture-sinks", "kapture-model", true),
            ("kapture-customers", "kapture-sinks", false),
            ("kapture-sinks", "kapture-customers", false),
            ("kapture-sinks", "kapture-transport", false),
            ("kapture-cli", "kapture-sinks", true),
            ("kapture-cli", "kapture-sandbox", true),
            ("kapture-customers", "kapture-sandbox", false),
            ("kapture-tests", "kapture-sandbox", true),
            ("kapture-benches", "kapture-sinks", true),
            ("kapture-sandbox", "kapture-benches", false),
            ("kapture-sandbox", "kapture-model", false),
            ("kapture-sandbox", "kapture-transport", true),
            ("kapture-transport", "kapture-sandbox", false),
            ("xtask", "kapture-model", false),
            ("kapture-cli", "xtask", false),
            ("kapture-newcomer", "kapture-model", false),
        ];
        for (name, other, allowed) in cases {
            let crates = [member(name, &[other, "serde"]), member(other, &[])];
            let faults = wrong_arrows(&crates);
            assert_eq!(faults.is_empty(), allowed, "{name} → {other}: {faults:?}");
        }
    }

    #[test]
    fn each_version_of_a_crate_counts_once() {
        let tree = "kapture-model v0.1.0 (/somewhere)\n\
                    syn v2.0.119\n\
                    syn v3.0.10\n\
                    syn v3.0.10 (*)\n\
                    serde_derive v1.0.229 (proc-macro)\n\
                    serde_derive v1.0.229 (proc-macro) (*)\n";
        assert_eq!(count(tree), 4);
    }

    #[test]
    fn crate_is_found_in_a_tree_by_its_whole_name() {
        let tree = "kapture-customers v0.1.0 (/somewhere/tokio)\n\
                    tokio-macros v2.7.2 (proc-macro)\n\
                    reqwest v0.13.5 (*)\n";
        let found: Vec<_> = present(tree, &["tokio", "reqwest", "hyper"]).collect();
        assert_eq!(found, ["reqwest"]);
    }
}
