//! Atomic replacement of a file: written under a temporary name, then renamed.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{Builder, TempPath};

/// A temporary file that replaces its target when it is committed. Dropping it removes it; a killed
/// process leaves a hidden file, which the next run removes.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    /// Locked while it is open, so that no other run takes it for stale.
    file: File,
    path: TempPath,
    _open: OpenFile,
    target: PathBuf,
}

const SUFFIX: &str = ".partial";

/// The temporary files of this process.
static OPEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn open_files() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file that is listed as long as this value lives.
#[derive(Debug)]
struct OpenFile(PathBuf);

impl Drop for OpenFile {
    fn drop(&mut self) {
        open_files().remove(&self.0);
    }
}

/// Removes the temporary files of this process, which may hold customers. For a process that is about
/// to exit without dropping its sinks: from now on none can be created, and those in use fail.
pub fn remove_temporary_files() {
    let files = open_files();
    for path in files.iter() {
        let _ = fs::remove_file(path);
    }
    std::mem::forget(files);
}

impl AtomicFile {
    /// Creates a temporary file in `folder`, which must be on the file system of `target`.
    pub(crate) fn create(folder: &Path, target: PathBuf) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default();
        let prefix = format!(".{}.", name.to_string_lossy());
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        {
            // The mode of any new file, less the umask; temporary files are private by default.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let (file, path, open) = {
            let mut files = open_files();
            let (file, path) = builder.tempfile_in(folder)?.into_parts();
            files.insert(path.to_path_buf());
            let open = OpenFile(path.to_path_buf());
            (file, path, open)
        };
        // The new file has the permissions of the file that it replaces.
        if let Ok(replaced) = fs::metadata(&target) {
            refuse_mount_point(&target)?;
            #[cfg(unix)]
            refuse_immutable(&target, &replaced)?;
            #[cfg(unix)]
            refuse_file_of_another_user(&file.metadata()?, folder, &replaced)?;
            file.set_permissions(replaced.permissions())?;
        }
        // Another run may have locked it already, to remove it as stale.
        if try_lock(&file)? == LockAttempt::Held {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self {
            file,
            path,
            _open: open,
            target,
        })
    }

    /// A handle to write with.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Syncs the data to disk, which fails if the disk is full.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// The size in bytes.
    #[cfg(feature = "dataset")]
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|file| file.len())
    }

    /// Renames the file to its target. The data is synced before: a crash must not leave an empty
    /// file.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.sync()?;
        let folder = self.target.parent().map(Path::to_owned);
        self.path
            .persist(&self.target)
            .map_err(|error| error.error)?;
        folder.map_or(Ok(()), |folder| sync_folder(&folder))
    }

    /// Removes the temporary files of killed runs in `folder` for a target of this name.
    pub(crate) fn remove_stale(folder: &Path, name: &str) {
        let prefix = format!(".{name}.");
        // A file that cannot be removed does no harm; the next run tries again.
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && found.starts_with(&prefix) && found.ends_with(SUFFIX) {
                let locked = File::open(entry.path()).and_then(|file| try_lock(&file));
                // Without locks on this file system no file counts as stale.
                if matches!(locked, Ok(LockAttempt::Acquired)) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// Refuses a file that is a mount point, as where a container mounts a single file: it can be written,
/// and not replaced.
fn refuse_mount_point(target: &Path) -> io::Result<()> {
    // Linux lists them here; elsewhere single files are not mounted.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let target = fs::canonicalize(target)?;
    match is_mount_point(&mounts, &target) {
        true => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "it is mounted as a single file, which cannot be replaced: mount its folder",
        )),
        false => Ok(()),
    }
}

/// Refuses a file that is marked as immutable or append-only (`chattr +i`, `+a`), which can be neither
/// written nor replaced. Opening it to write is refused in another way than for want of permission,
/// which a file that is only replaced need not have.
#[cfg(unix)]
fn refuse_immutable(target: &Path, replaced: &fs::Metadata) -> io::Result<()> {
    const EPERM: i32 = 1;
    if !replaced.is_file() {
        return Ok(());
    }
    match fs::OpenOptions::new().write(true).open(target) {
        Err(error) if error.raw_os_error() == Some(EPERM) => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is marked as immutable or append-only and cannot be replaced: chattr -i -a takes the mark away",
        )),
        _ => Ok(()),
    }
}

/// Refuses a file of another user in a sticky folder such as `/tmp`, where only the owner of a file
/// may replace it. `own` is a file of this user.
#[cfg(unix)]
fn refuse_file_of_another_user(
    own: &fs::Metadata,
    folder: &Path,
    replaced: &fs::Metadata,
) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let folder = fs::metadata(folder)?;
    let user = own.uid();
    let may_replace = user == 0 || [folder.uid(), replaced.uid()].contains(&user);
    match folder.mode() & STICKY != 0 && !may_replace {
        true => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to another user, and in this folder only its owner may replace it",
        )),
        false => Ok(()),
    }
}

/// Whether a path is one of the mount points of `mountinfo` (proc(5)): the fifth field of a line.
fn is_mount_point(mountinfo: &str, path: &Path) -> bool {
    let path = path.to_string_lossy();
    let path = path.replace('\\', "\\134").replace(' ', "\\040");
    let path = path.replace('\t', "\\011").replace('\n', "\\012");
    let mut points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    points.any(|point| point == path)
}

/// The result of trying to lock a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LockAttempt {
    Acquired,
    /// Another open file holds the lock.
    Held,
    /// The file system does not support locks.
    Unsupported,
}

/// Locks a file, unless it is locked already.
pub(crate) fn try_lock(file: &File) -> io::Result<LockAttempt> {
    match file.try_lock() {
        Ok(()) => Ok(LockAttempt::Acquired),
        Err(TryLockError::WouldBlock) => Ok(LockAttempt::Held),
        Err(TryLockError::Error(error)) if is_locking_unsupported(&error) => {
            Ok(LockAttempt::Unsupported)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The error of network file systems that are mounted without locks.
const ENOLCK: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };

fn is_locking_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || cfg!(unix) && error.raw_os_error() == Some(ENOLCK)
}

/// Syncs a folder, so that the names of new files survive a crash.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Windows and some file systems cannot sync a folder.
        Err(error) if cfg!(windows) || is_folder_sync_unsupported(&error) => Ok(()),
        result => result,
    }
}

/// Some network file systems report `EINVAL`.
fn is_folder_sync_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), Unsupported | InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_by_their_path() {
        let mountinfo = "36 35 98:0 / / rw - ext4 /dev/root rw\n\
                         41 36 98:0 /x/a.csv /data/my\\040a.csv rw - ext4 /dev/root rw\n";
        assert!(is_mount_point(mountinfo, Path::new("/data/my a.csv")));
        assert!(!is_mount_point(mountinfo, Path::new("/data/a.csv")));
        assert!(!is_mount_point(mountinfo, Path::new("/x/a.csv")));
        assert!(!is_mount_point("", Path::new("/data/my a.csv")));
    }

    /// Where this user and this file system can mark files so.
    #[cfg(target_os = "linux")]
    #[test]
    fn immutable_file_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        fs::write(&target, "before").unwrap();
        let chattr = |mark: &str| {
            let mut command = std::process::Command::new("chattr");
            command.arg(mark).arg(&target);
            command.output().is_ok_and(|output| output.status.success())
        };
        for (mark, unmark) in [("+i", "-i"), ("+a", "-a")] {
            if !chattr(mark) {
                return;
            }
            let error = AtomicFile::create(folder.path(), target.clone());
            assert!(chattr(unmark));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("chattr -i -a"), "{error}");
        }
        // One that may not be written can be replaced.
        let mut permissions = fs::metadata(&target).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&target, permissions).unwrap();
        AtomicFile::create(folder.path(), target.clone()).unwrap();
    }

    #[test]
    fn file_is_locked_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let again = file.reopen().unwrap();
        assert_eq!(try_lock(file.as_file()).unwrap(), LockAttempt::Acquired);
        assert_eq!(try_lock(&again).unwrap(), LockAttempt::Held);
    }

    /// With the error numbers of Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_without_locks_or_folder_sync_are_supported() {
        let (io, invalid, no_locks, unsupported) = (5, 22, 37, 95);
        for (number, locks, folders) in [
            (io, true, true),
            (invalid, true, false),
            (no_locks, false, true),
            (unsupported, false, false),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(!is_locking_unsupported(&error), locks, "{error}");
            assert_eq!(!is_folder_sync_unsupported(&error), folders, "{error}");
        }
    }
}
