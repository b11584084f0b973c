//! Rules for a single file, and for how many stand beside each other.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::{Error, Faults};

/// Names that say nothing about the content of a file.
const VAGUE: [&str; 5] = ["util", "utils", "helpers", "common", "misc"];

/// The largest number of lines of a source file.
const MAX_LINES: usize = 600;

/// The largest number of files beside each other in a folder of a crate's `src`.
const MAX_FILES: usize = 15;

/// `path` begins at the root of the workspace.
pub(super) fn faults(path: &Path, text: &str) -> Faults {
    let rust = path.extension() == Some(OsStr::new("rs"));
    let source = rust || path.extension() == Some(OsStr::new("py"));
    // A crate may begin with its README instead: `#![doc = include_str!("../README.md")]`.
    let introduced = text.starts_with("//!") || text.starts_with("#![doc = include_str!");
    let vague = path.iter().any(|part| {
        let stem = Path::new(part).file_stem();
        VAGUE.iter().any(|name| stem == Some(OsStr::new(name)))
    });
    let ignored = text
        .lines()
        .any(|line| line.trim_start().starts_with("#[ignore"));
    let home = ["home", "Users", "root"].iter().any(|folder| {
        text.contains(&format!("/{folder}/")) || text.contains(&format!("\\{folder}\\"))
    });
    let rules = [
        (
            rust && !introduced,
            "the first line must be a //! line that says what the file contains",
        ),
        (
            source && vague,
            "name the file after the concept it contains",
        ),
        (
            rust && ignored,
            "an ignored test tests nothing: repair or delete it",
        ),
        (home, "contains a path that exists on one machine only"),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    let long = too_long(text, MAX_LINES).filter(|_| source);
    broken
        .map(|(_, rule)| rule.to_owned())
        .chain(long)
        .collect()
}

fn too_long(text: &str, max: usize) -> Option<String> {
    let lines = text.lines().count();
    (lines > max).then(|| format!("{lines} lines, at most {max} are allowed: split it by concept"))
}

/// The folders below `folder` that have more files than `MAX_FILES`.
pub(super) fn crowded_folders(folder: &Path) -> Result<Faults, Error> {
    let mut faults = Faults::new();
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            faults.extend(crowded_folders(&entry.path())?);
        } else {
            count += 1;
        }
    }
    if count > MAX_FILES {
        let folder = folder.display();
        faults.push(format!(
            "{folder}: {count} files, at most {MAX_FILES} are allowed: group them in folders"
        ));
    }
    Ok(faults)
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
            ("src/utils.rs", fine, "after the concept"),
            ("tests/common/day.rs", fine, "after the concept"),
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
            let faults = faults(Path::new(path), text);
            match expected {
                "" => assert!(faults.is_empty(), "{path} {text:?}: {faults:?}"),
                _ => assert!(
                    matches!(&faults[..], [fault] if fault.contains(expected)),
                    "{path} {text:?}: {faults:?}"
                ),
            }
        }
    }

    #[test]
    fn length_is_counted_in_lines() {
        assert_eq!(too_long("a\nb\n", 2), None);
        assert!(too_long("a\nb\nc", 2).is_some_and(|fault| fault.starts_with("3 lines")));
    }
}
