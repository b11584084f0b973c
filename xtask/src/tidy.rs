//! The rules of the house that neither rustfmt nor clippy knows.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;
use crate::{Error, Faults};

/// What a newcomer, or the law, looks for in the root folder.
const PAPERS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// Names that say nothing: a file is named by the concept it holds.
const VAGUE: [&str; 5] = ["util", "utils", "helpers", "common", "misc"];

pub(crate) fn faults(workspace: &Workspace) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    for path in files(&workspace.root)? {
        // Whatever is not text has no rules.
        if let Ok(text) = String::from_utf8(fs::read(&path)?) {
            let path = path.strip_prefix(&workspace.root)?;
            let found = faults_in_file(path, &text);
            faults.extend(found.map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    for paper in PAPERS {
        if !workspace.root.join(paper).exists() {
            faults.push(format!("{paper} is missing"));
        }
    }
    for member in workspace.published() {
        if !member.folder.join("README.md").exists() {
            faults.push(format!("{} has no README.md", member.name));
        }
    }
    let readme = fs::read_to_string(workspace.root.join("README.md")).unwrap_or_default();
    for member in &workspace.crates {
        faults.extend(fault_in_readme(&readme, &member.rust_version));
    }
    faults.dedup();
    Ok(faults)
}

/// Every file of the project, in order. A link is judged where it points to.
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

/// `path` begins at the root of the workspace.
fn faults_in_file(path: &Path, text: &str) -> impl Iterator<Item = &'static str> {
    let rust = path.extension() == Some(OsStr::new("rs"));
    // A crate may begin with its README instead: `#![doc = include_str!("../README.md")]`.
    let introduced = text.starts_with("//!") || text.starts_with("#![doc = include_str!");
    let vague = path.iter().any(|part| {
        VAGUE
            .iter()
            .any(|name| Path::new(part).file_stem() == Some(OsStr::new(name)))
    });
    let ignored = text
        .lines()
        .any(|line| line.trim_start().starts_with("#[ignore"));
    let home = ["home", "Users", "root"].iter().any(|folder| {
        text.contains(&format!("/{folder}/")) || text.contains(&format!("\\{folder}\\"))
    });
    [
        (
            rust && !introduced,
            "the first line must be a //! line that says what the file holds",
        ),
        (rust && vague, "name the file by the concept it holds"),
        (
            rust && ignored,
            "a test that is ignored tests nothing: mend or delete it",
        ),
        (home, "names a folder of one machine"),
    ]
    .into_iter()
    .filter_map(|(broken, rule)| broken.then_some(rule))
}

fn fault_in_readme(readme: &str, rust_version: &str) -> Option<String> {
    let stated = format!("Rust {rust_version}");
    (!readme.contains(&stated))
        .then(|| format!("README.md must say {stated}, which is the rust-version of Cargo.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_fault_and_nothing_else() {
        let fine = "//! Days.\n";
        let cases = [
            ("src/day.rs", "//! Days.\nfn day() {}\n", ""),
            ("src/day.rs", "\n//! Days.\n", "first line"),
            ("src/day.rs", "", "first line"),
            (
                "src/lib.rs",
                "#![doc = include_str!(\"../README.md\")]\n",
                "",
            ),
            ("docs/day.md", "Days.\n", ""),
            ("src/utils.rs", fine, "by the concept"),
            ("tests/common/day.rs", fine, "by the concept"),
            ("src/commonwealth.rs", fine, ""),
            (
                "src/day.rs",
                "//! Days.\n#[test]\n  #[ignore = \"slow\"]\n",
                "ignored",
            ),
            ("src/day.rs", "//! Days.\n// not #[ignore]d\n", ""),
            (
                "day.toml",
                &format!("path = \"/{}/me\"", "home"),
                "one machine",
            ),
            ("day.md", &format!("C:\\{}\\me", "Users"), "one machine"),
            ("day.md", "the home/office question, and /homely/", ""),
        ];
        for (path, text, expected) in cases {
            let faults: Vec<_> = faults_in_file(Path::new(path), text).collect();
            match expected {
                "" => assert!(faults.is_empty(), "{path} {text:?}: {faults:?}"),
                _ => assert!(
                    matches!(faults[..], [fault] if fault.contains(expected)),
                    "{path} {text:?}: {faults:?}"
                ),
            }
        }
    }

    #[test]
    fn readme_states_the_rust_version_of_the_manifest() {
        assert_eq!(fault_in_readme("Needs Rust 1.95 or newer.", "1.95"), None);
        assert!(fault_in_readme("Needs Rust 1.94 or newer.", "1.95").is_some());
    }
}
