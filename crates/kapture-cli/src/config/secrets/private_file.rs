//! Files that are their owner's alone: refused if others could read them, written so that others cannot.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use kapture_sinks::canonicalize;

/// Who can read what [`write()`] has written.
pub(crate) const PRIVACY: &str = match cfg!(unix) {
    true => "which only you can read",
    false => "which is as private as its folder",
};

/// Reads a file that holds a secret. One that others can read is refused.
pub(crate) fn read(path: &Path) -> Result<String> {
    let name = path.display();
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the token from {name}"))?;
    if others_may(path, 0o4) {
        bail!("{name} holds a secret and others can read it. Mend it with: chmod 600 {name}");
    }
    Ok(text)
}

/// Refuses a file into which others could write what is then run.
pub(crate) fn refuse_if_others_write(path: &Path) -> Result<()> {
    let name = path.display();
    if others_may(path, 0o2) {
        bail!(
            "others can write to {name}, which may name commands that are run. Mend it with: chmod go-w {name}"
        );
    }
    Ok(())
}

/// Writes a file that only its owner can read. It is there as a whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    // Where a link leads is what is replaced, not the link.
    let path = canonicalize(path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).with_context(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(&path).with_context(cannot)?;
    Ok(())
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether others than the owner may do this (4 read, 2 write). Pipes and the like pass. A file
/// of another owner may be there for a group to read, as secrets are mounted into containers.
#[cfg(unix)]
fn others_may(path: &Path, what: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    let mine = metadata.uid() == rustix::process::geteuid().as_raw();
    // Whoever may write may do so in the name of who reads.
    let whom = if mine || what == 0o2 {
        what * 0o11
    } else {
        what
    };
    metadata.is_file() && metadata.mode() & whom != 0
}

#[cfg(not(unix))]
fn others_may(_: &Path, _: u32) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_can_read_is_refused_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "YTpi").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path).unwrap(), "YTpi");
        for others in [0o640, 0o604, 0o644] {
            mode(others);
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
            assert!(!error.contains("YTpi"), "{error}");
        }
        assert!(refuse_if_others_write(&path).is_ok());
        for others in [0o620, 0o602] {
            mode(others);
            assert!(refuse_if_others_write(&path).is_err());
        }
    }

    #[test]
    fn what_is_written_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("token");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }
}
