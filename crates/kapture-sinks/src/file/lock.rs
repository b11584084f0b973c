//! The lock of a destination: one run at a time writes to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::SinkError;
use crate::file::atomic_file::{LockAttempt, try_lock};

/// Held while a run writes. It is a lock on an open file, which the system releases however the
/// process ends; a lock file without a lock means nothing.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Locks `destination` by the file at `path`, and writes the id of this process to the file.
    pub(crate) fn acquire(path: &Path, destination: &str) -> Result<Self, SinkError> {
        // A symbolic link could overwrite any file of this user.
        if path.is_symlink() {
            let link = io::Error::other("it is a symbolic link, not a lock of kapture: remove it");
            return Err(SinkError::file(path)(link));
        }
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(SinkError::file(path))?;
            match try_lock(&file).map_err(SinkError::file(path))? {
                // Without locks on this file system the user has to run one process at a time.
                LockAttempt::Acquired | LockAttempt::Unsupported => {}
                LockAttempt::Held => {
                    let mut process = String::new();
                    let _ = file.read_to_string(&mut process);
                    let process = process.trim();
                    return Err(SinkError::Locked {
                        destination: destination.to_owned(),
                        process: (!process.is_empty()).then(|| process.to_owned()),
                    });
                }
            }
            // The previous holder may have removed the file since it was opened. Then other runs
            // would lock a new file; try again with that.
            if is_at(&file, path) {
                let _ = file.set_len(0).and_then(|()| file.rewind());
                let _ = write!(file, "{}", std::process::id());
                return Ok(Self {
                    path: path.to_owned(),
                    _file: file,
                });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held, so that no other run locks a file that is removed.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => identity(file) == identity(path),
        _ => false,
    }
}

/// On other systems an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_is_refused_and_no_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "left by a killed run").unwrap();
        let lock = Lock::acquire(&path, "out/").unwrap();
        let error = Lock::acquire(&path, "out/").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "another run is writing to out/ (process {})",
                std::process::id()
            )
        );
        drop(lock);
        drop(Lock::acquire(&path, "out/").unwrap());
        assert!(!path.exists());
    }
}
