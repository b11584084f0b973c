//! The one name of a file.

use std::path::{Path, PathBuf};

/// How many links lead on, at most, before the path counts as going round in circles.
const LINKS: usize = 40;

/// The one name of a file or folder, whichever of its names is given: through links, and also
/// where it is still to be made, as far as its folder is there.
pub fn canonicalize(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_of_a_file_is_one() {
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
        // What leads nowhere keeps a name, too.
        canonicalize(&root.join("circle"));
        assert_eq!(
            canonicalize(&root.join("none/a.db")),
            root.join("none/a.db")
        );
    }
}
