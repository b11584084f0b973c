//! The licences of the crates that are in the programs: what their licences ask for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::dependencies::Dependency;
use crate::Error;

/// How the names of files with licences and notices begin, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Each text once, below the crates that it is the licence of. Our own crates have our licence.
pub(super) fn text(dependencies: &[Dependency]) -> Result<String, Error> {
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    let mut list = String::new();
    let others = dependencies.iter();
    for dependency in others.filter(|other| other.is_contained && !other.is_own) {
        let Dependency {
            name,
            version,
            license,
            folder,
            ..
        } = dependency;
        list += &format!("{name} {version}: {license}\n");
        let found = licences(folder)?;
        if found.is_empty() {
            list += "    (its package has no file with the licence)\n";
        }
        for text in found {
            texts
                .entry(text)
                .or_default()
                .push(format!("{name} {version}"));
        }
    }
    let mut all =
        format!("The programs of kapture contain these crates, under these licences:\n\n{list}");
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    let rule = "-".repeat(80);
    for (text, crates) in texts {
        all += &format!(
            "\n{rule}\n{}\n{rule}\n\n{}\n",
            crates.join(", "),
            text.trim_end()
        );
    }
    Ok(all)
}

/// The texts of the licences in a folder, by the names of their files.
fn licences(folder: &Path) -> Result<Vec<String>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_file() && NAMES.iter().any(|begin| name.starts_with(begin)) {
            files.push(entry.path());
        }
    }
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(file)?).replace("\r\n", "\n");
        texts.push(text);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_licences_are_printed_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let dependency = |name: &str| Dependency {
            name: name.into(),
            version: "1.0.0".into(),
            license: "MIT OR Apache-2.0".into(),
            folder: folder.clone(),
            is_own: name == "kapture-model",
            is_contained: name != "macros",
        };
        let listed = ["one", "other", "kapture-model", "macros"].map(dependency);
        let text = text(&listed).unwrap();
        assert!(
            !text.contains("kapture-model") && !text.contains("macros"),
            "{text}"
        );
        assert!(text.contains("one 1.0.0: MIT OR Apache-2.0\n"), "{text}");
        assert_eq!(text.matches("one 1.0.0, other 1.0.0").count(), 2);
        assert_eq!(text.matches("Permission is hereby granted").count(), 1);
    }
}
