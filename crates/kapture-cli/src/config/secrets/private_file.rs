//! Files that only their owner can read.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use kapture_sinks::canonicalize;

use crate::error::hinted;
use crate::text_file;

/// Who can read a file that [`write()`] has written.
pub(crate) const PRIVACY: &str = match cfg!(unix) {
    true => "which only you can read",
    false => "which is as private as its folder",
};

/// Reads a file with a secret, and refuses one that others can read. On a read-only file system,
/// where containers mount secrets, the mode cannot be changed and is not checked.
pub(crate) fn read(path: &Path) -> Result<String> {
    let name = path.display();
    let text =
        text_file::read(path).with_context(|| format!("cannot read the secret in {name}"))?;
    if others_may(path, 0o4) && !is_on_read_only_file_system(path) {
        let hint = match is_mine(path) {
            true => format!("chmod 600 {name}"),
            false => format!(
                "another user owns it: chmod 640 {name} with a group of this user, or mount it read-only"
            ),
        };
        return Err(hinted(
            format!("{name} contains a secret, and others can read it"),
            hint,
        ));
    }
    Ok(text)
}

/// Refuses a configuration file that others can write to, since it can name commands.
pub(crate) fn refuse_if_others_write(path: &Path) -> Result<()> {
    let name = path.display();
    if others_may(path, 0o2) {
        return Err(hinted(
            format!("others can write to {name}, which can name commands to run"),
            format!("chmod go-w {name}"),
        ));
    }
    Ok(())
}

/// Writes a file atomically that only its owner can read.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    // The target of a link is replaced, not the link.
    let path = canonicalize(path);
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).with_context(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(&path).with_context(cannot)?;
    Ok(())
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether others than the owner may read (4) or write (2). Only regular files are checked. A file
/// of another owner may be readable by its group, as with secrets that are mounted into containers.
#[cfg(unix)]
fn others_may(path: &Path, what: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    // A group that may write could change what this user runs.
    let whom = if is_mine(path) || what == 0o2 {
        what * 0o11
    } else {
        what
    };
    metadata.is_file() && metadata.mode() & whom != 0
}

/// Whether this user owns a file, and can change its mode.
#[cfg(unix)]
fn is_mine(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    fs::metadata(path).is_ok_and(|metadata| metadata.uid() == user)
}

#[cfg(not(unix))]
fn is_mine(_: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn others_may(_: &Path, _: u32) -> bool {
    false
}

/// Whether the mode of a file cannot be changed since its file system is mounted read-only.
#[cfg(unix)]
fn is_on_read_only_file_system(path: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(path).is_ok_and(|status| status.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(not(unix))]
fn is_on_read_only_file_system(_: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::CliError;

    #[test]
    fn a_file_that_others_can_read_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "YTpi").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path).unwrap(), "YTpi");
        for others in [0o640, 0o604, 0o644] {
            mode(others);
            let error = CliError::usage(read(&path).unwrap_err());
            let hint = error.hint_text().unwrap_or_default();
            assert!(hint.contains("chmod 600"), "{hint}");
            assert!(!error.one_line().contains("YTpi"));
        }
        assert!(refuse_if_others_write(&path).is_ok());
        for others in [0o620, 0o602] {
            mode(others);
            assert!(refuse_if_others_write(&path).is_err());
        }
    }

    #[test]
    fn a_file_of_another_owner_has_a_hint_that_works_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "YTpi").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        if std::os::unix::fs::chown(&path, Some(65_123), None).is_err() {
            eprintln!("skipped: only root gives files to others");
            return;
        }
        let error = CliError::usage(read(&path).unwrap_err());
        let hint = error.hint_text().unwrap_or_default();
        assert!(hint.starts_with("another user owns it"), "{hint}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path).unwrap(), "YTpi");
    }

    #[test]
    fn a_written_file_is_readable_by_its_owner_only() {
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
