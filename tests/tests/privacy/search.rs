//! Searches the bytes of all files below a folder.

use std::fs;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

/// The files below a folder that hold one of `texts`, each with the first one found.
pub(crate) fn holding(folder: &Path, texts: &[String]) -> Vec<(PathBuf, String)> {
    // The folder of a database has tens of megabytes, and there are hundreds of texts.
    let searched = AhoCorasick::new(texts).expect("texts can be searched");
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        let Ok(bytes) = fs::read(path) else {
            return;
        };
        if let Some(held) = searched.find(&bytes) {
            found.push((path.to_owned(), texts[held.pattern().as_usize()].clone()));
        }
    });
    found
}

fn walk(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() && !path.is_symlink() {
            true => walk(&path, each),
            false => each(&path),
        }
    }
}
