//! One run at a time writes to a destination.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::SinkError;
use crate::file::atomic_file::{Attempt, try_lock};

/// Held while a run writes. It is a lock on an open file, so the system lets go of it however
/// the run ends, and a file that a killed run left means nothing.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of `place` by the file at `path`, which tells who holds it.
    pub(crate) fn take(path: &Path, destination: &str) -> Result<Self, SinkError> {
        // A link could lead to any file of this user, which must not be written.
        if path.is_symlink() {
            let link = io::Error::other("it is a link, and no lock of kapture: remove it");
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
                // Where there are no locks one run at a time is the user's affair.
                Attempt::Locked | Attempt::NoLocks => {}
                Attempt::Taken => {
                    let mut process = String::new();
                    let _ = file.read_to_string(&mut process);
                    let process = process.trim();
                    return Err(SinkError::Locked {
                        destination: destination.to_owned(),
                        process: (!process.is_empty()).then(|| process.to_owned()),
                    });
                }
            }
            // Whoever held it before may have removed the file just now: then this is the lock of
            // a file that nobody else will find.
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
        // Before the lock goes, so that nobody can hold a lock of the file that goes.
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

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "left by a killed run").unwrap();
        let lock = Lock::take(&path, "there").unwrap();
        let error = Lock::take(&path, "there").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "another run is writing to there (process {})",
                std::process::id()
            )
        );
        drop(lock);
        drop(Lock::take(&path, "there").unwrap());
        assert!(!path.exists());
    }
}
