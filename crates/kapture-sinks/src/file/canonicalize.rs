//! Canonical paths, also of files that do not exist yet.

use std::path::{Path, PathBuf};

/// How many links are followed; more are a loop.
const MAX_LINKS: usize = 40;

/// The canonical path of a file or folder: absolute, with links resolved. The file need not exist,
/// but its folder must, or the path is returned as it is.
pub fn canonicalize(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if let Ok(target) = path.read_link() {
            path = folder.join(target);
            continue;
        }
        if let (Ok(folder), Some(name)) = (folder.canonicalize(), path.file_name()) {
            return folder.join(name);
        }
        break;
    }
    path
}

/// Whether a path is a link that leads to itself, perhaps by way of others: it names no file.
pub(crate) fn is_link_to_itself(path: &Path) -> bool {
    canonicalize(path).is_symlink()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn all_names_of_a_file_have_one_canonical_path() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("deep")).unwrap();
        symlink("deep", root.join("link")).unwrap();
        symlink("link/b.db", root.join("a.db")).unwrap();
        symlink("round", root.join("circle")).unwrap();
        symlink("circle", root.join("round")).unwrap();
        let expected = root.join("deep/b.db");
        for made in [false, true] {
            for name in ["deep/b.db", "link/b.db", "a.db", "deep/../link/b.db"] {
                assert_eq!(canonicalize(&root.join(name)), expected, "{name}, {made}");
            }
            std::fs::write(&expected, "").unwrap();
        }
        // A loop ends, and a path without a folder stays.
        assert!(is_link_to_itself(&root.join("circle")));
        assert!(!is_link_to_itself(&root.join("a.db")));
        assert_eq!(
            canonicalize(&root.join("none/a.db")),
            root.join("none/a.db")
        );
    }
}
