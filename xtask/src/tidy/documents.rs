//! What the documents claim: their links lead to files, the tests they name exist, and they stay short.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::Faults;

/// Files that every visitor, or the law, looks for in the root folder.
const REQUIRED: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// The largest number of words of a document.
const MAX_WORDS: [(&str, usize); 2] = [("README.md", 1_500), ("ARCHITECTURE.md", 2_500)];

/// Documents whose tests are checked by name: each follows the path of its file in the same line.
const NAME_TESTS: [&str; 2] = ["docs/exactness.md", "docs/invariants.md"];

/// `path` begins at the root of the workspace.
pub(super) fn faults(root: &Path, path: &Path, text: &str) -> Faults {
    if path.extension() != Some(OsStr::new("md")) {
        return Faults::new();
    }
    let folder = root
        .join(path)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let mut faults: Faults = links(text)
        .filter(|link| !folder.join(link).exists())
        .map(|link| format!("links to {link}, which does not exist"))
        .collect();
    let is = |name: &str| path == Path::new(name);
    if let Some((_, max)) = MAX_WORDS.iter().find(|(name, _)| is(name)) {
        faults.extend(too_many_words(text, *max));
    }
    if NAME_TESTS.into_iter().any(is) {
        let read = |file: &str| fs::read_to_string(root.join(file)).ok();
        faults.extend(text.lines().flat_map(|line| absent_tests(line, read)));
    }
    faults
}

pub(super) fn missing(root: &Path) -> Faults {
    let missing = REQUIRED
        .into_iter()
        .filter(|name| !root.join(name).exists());
    missing.map(|name| format!("{name} is missing")).collect()
}

pub(super) fn rust_version(readme: &str, rust_version: &str) -> Option<String> {
    let stated = format!("Rust {rust_version}");
    (!readme.contains(&stated))
        .then(|| format!("README.md must say {stated}, which is the rust-version of Cargo.toml"))
}

fn too_many_words(text: &str, max: usize) -> Option<String> {
    let words = text.split_whitespace().count();
    (words > max).then(|| format!("{words} words, at most {max} are allowed"))
}

/// The relative targets of the links in a text, without the part behind `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets
        .map(|behind| behind.split([')', '#', '\n']).next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

/// The files and tests that a line names in code spans (`path/to/file.rs`, `name_of_a_test`) and that do not exist.
fn absent_tests(line: &str, read: impl Fn(&str) -> Option<String>) -> Faults {
    let mut faults = Faults::new();
    let mut file: Option<(&str, String)> = None;
    for span in line.split('`').skip(1).step_by(2) {
        if span.ends_with(".rs") {
            let text = read(span);
            if text.is_none() {
                faults.push(format!("names {span}, which does not exist"));
            }
            file = Some((span, text.unwrap_or_default()));
        } else if let Some((path, text)) = &file
            && is_test_name(span)
            && !text.is_empty()
            && !text.contains(&format!("fn {span}("))
        {
            faults.push(format!("names the test {span}, which {path} does not have"));
        }
    }
    faults
}

fn is_test_name(span: &str) -> bool {
    let allowed = |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_';
    span.contains('_') && span.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_states_the_rust_version_of_the_manifest() {
        assert_eq!(rust_version("Needs Rust 1.95 or newer.", "1.95"), None);
        assert!(rust_version("Needs Rust 1.94 or newer.", "1.95").is_some());
    }

    #[test]
    fn links_are_relative_targets() {
        let text = "[a](b.md), [c](d/e.md#f), [g](https://example.com/), [h](#i), and [j](k\n";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "d/e.md", "k"]);
    }

    #[test]
    fn words_are_counted() {
        assert_eq!(too_many_words("one two\nthree", 3), None);
        assert!(
            too_many_words("one two\nthree", 2).is_some_and(|fault| fault.starts_with("3 words"))
        );
    }

    #[test]
    fn named_tests_are_looked_up_in_the_file_before_them() {
        let read = |file: &str| match file {
            "a/b.rs" => Some("fn first_test() {}\nasync fn second_test() {}\n".into()),
            "c.rs" => Some("fn third_test() {}".into()),
            _ => None,
        };
        let cases = [
            ("no code at all", vec![]),
            ("`cargo xtask layers`, `unsafe_code`", vec![]),
            (
                "`a/b.rs` `first_test`, `second_test`; `c.rs` `third_test`",
                vec![],
            ),
            ("`a/b.rs` `Event::DayFailed`, `Pull`", vec![]),
            (
                "`a/b.rs` `first_test`, `third_test`",
                vec!["names the test third_test, which a/b.rs does not have"],
            ),
            (
                "`d.rs` `first_test`; `c.rs` `first`, `third`",
                vec!["names d.rs, which does not exist"],
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(absent_tests(line, read), expected, "{line}");
        }
    }
}
