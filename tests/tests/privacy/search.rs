//! Searches the bytes of all files below a folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The files below a folder that hold one of `texts`, each with the first one found.
pub(crate) fn holding(folder: &Path, texts: &[String]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        let Ok(bytes) = fs::read(path) else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes);
        if let Some(held) = texts.iter().find(|held| text.contains(held.as_str())) {
            found.push((path.to_owned(), held.clone()));
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
