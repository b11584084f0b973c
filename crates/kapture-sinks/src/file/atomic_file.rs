//! Files written aside, which take their name when they are complete.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// A file under way beside its destination. Dropped, it leaves no trace; killed, it leaves a
/// hidden file that the next one removes.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    /// Locked as long as it is open, so that nobody takes it for left over.
    file: File,
    path: TempPath,
    destination: PathBuf,
}

const SUFFIX: &str = ".partial";

impl AtomicFile {
    /// A file in `folder` that is to become `destination`, on the same file system.
    pub(crate) fn create(folder: &Path, destination: PathBuf) -> io::Result<Self> {
        let name = destination.file_name().unwrap_or_default();
        let prefix = format!(".{}.", name.to_string_lossy());
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        {
            // Readable as any new file of this user is; a temporary file would be for its owner alone.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let (file, path) = builder.tempfile_in(folder)?.into_parts();
        // Whoever may not read the file that is replaced may not read the new one either.
        if let Ok(replaced) = fs::metadata(&destination) {
            file.set_permissions(replaced.permissions())?;
        }
        // Whoever looks for what was left over may take a new file for that.
        if try_lock(&file)? == Attempt::Taken {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self {
            file,
            path,
            destination,
        })
    }

    /// What to write to.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Brings what was written to disk, which is where it may turn out that there is no room.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// How many bytes were written.
    #[cfg(feature = "dataset")]
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|file| file.len())
    }

    /// Puts the file in its place. Its bytes are on disk before its name is: a crash must not
    /// leave an empty file.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.sync()?;
        let folder = self.destination.parent().map(Path::to_owned);
        self.path
            .persist(&self.destination)
            .map_err(|error| error.error)?;
        folder.map_or(Ok(()), |folder| sync_folder(&folder))
    }

    /// Removes what killed runs have left in `folder` for a destination of this name.
    pub(crate) fn remove_stale(folder: &Path, name: &str) {
        let prefix = format!(".{name}.");
        // What cannot be removed does no harm, and is met again the next time.
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            if found.starts_with(&prefix) && found.ends_with(SUFFIX) {
                let locked = File::open(entry.path()).and_then(|file| try_lock(&file));
                // Where there are no locks nothing is taken for left over.
                if matches!(locked, Ok(Attempt::Locked)) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// What came of trying to lock a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Locked,
    /// Somebody else holds the lock.
    Taken,
    /// This file system knows no locks.
    NoLocks,
}

/// Locks a file, if nobody else has.
pub(crate) fn try_lock(file: &File) -> io::Result<Attempt> {
    match file.try_lock() {
        Ok(()) => Ok(Attempt::Locked),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Taken),
        Err(TryLockError::Error(error)) if knows_no_locks(&error) => Ok(Attempt::NoLocks),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// `ENOLCK`, as network file systems say it that are mounted without their locks.
const NO_LOCKS: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };

fn knows_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || cfg!(unix) && error.raw_os_error() == Some(NO_LOCKS)
}

/// Makes the names in a folder as lasting as the files they name.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Not every system can sync a folder; those that cannot need not.
        Err(error) if cfg!(windows) || syncs_no_folders(&error) => Ok(()),
        result => result,
    }
}

/// Some file systems, such as those of other machines, say so by calling the question invalid.
fn syncs_no_folders(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), Unsupported | InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_locked_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let again = file.reopen().unwrap();
        assert_eq!(try_lock(file.as_file()).unwrap(), Attempt::Locked);
        assert_eq!(try_lock(&again).unwrap(), Attempt::Taken);
    }

    /// As Linux numbers them.
    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_that_know_less_are_written_to_all_the_same() {
        let (io, invalid, no_locks, unsupported) = (5, 22, 37, 95);
        for (number, locks, folders) in [
            (io, true, true),
            (invalid, true, false),
            (no_locks, false, true),
            (unsupported, false, false),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(!knows_no_locks(&error), locks, "{error}");
            assert_eq!(!syncs_no_folders(&error), folders, "{error}");
        }
    }
}
