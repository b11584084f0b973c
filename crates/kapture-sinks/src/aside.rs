//! Files written aside, which take their name when they are complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// A file under way beside its destination. Dropped, it leaves no trace; killed, it leaves a
/// hidden file that the next one removes.
#[derive(Debug)]
pub(crate) struct Aside {
    /// Locked as long as it is open, so that nobody takes it for left over.
    file: File,
    path: TempPath,
    destination: PathBuf,
}

const SUFFIX: &str = ".partial";

impl Aside {
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
        file.try_lock().or_else(unsupported)?;
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
    pub(crate) fn put_in_place(self) -> io::Result<()> {
        self.sync()?;
        let folder = self.destination.parent().map(Path::to_owned);
        self.path
            .persist(&self.destination)
            .map_err(|error| error.error)?;
        folder.map_or(Ok(()), |folder| sync_folder(&folder))
    }

    /// Removes what killed runs have left in `folder` for a destination of this name.
    pub(crate) fn remove_left_over(folder: &Path, name: &str) {
        let prefix = format!(".{name}.");
        // What cannot be removed does no harm, and is met again the next time.
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            if found.starts_with(&prefix) && found.ends_with(SUFFIX) {
                let left_over = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
                if left_over {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// Some file systems know no locks. Then nothing is taken for left over either.
fn unsupported(error: fs::TryLockError) -> io::Result<()> {
    match error {
        fs::TryLockError::Error(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        error => Err(error.into()),
    }
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
        Err(error) if cfg!(windows) || error.kind() == io::ErrorKind::Unsupported => Ok(()),
        result => result,
    }
}
