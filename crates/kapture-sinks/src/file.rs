//! Records to a single file, which is replaced atomically.

pub(crate) mod account;
mod address;
pub(crate) mod atomic_file;
mod beside;
pub(crate) mod canonicalize;
#[cfg(any(feature = "dataset", feature = "sqlite"))]
pub(crate) mod lock;
mod sync_early;

use std::fs::File;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt, Record};

use crate::encoding::Encoding;
use crate::error::SinkError;
use crate::file::atomic_file::AtomicFile;
use crate::file::canonicalize::{canonicalize, is_link_to_itself};
use crate::file::sync_early::SyncEarly;
use crate::sink::{DayWriter, Sink};
use crate::stream::StreamSink;

pub(crate) use address::{FileDestination, parse};

/// Writes records to a temporary file beside its target, and renames it when the sink is finished.
/// Until then the target is unchanged.
pub struct FileSink {
    path: PathBuf,
    stream: StreamSink,
    target: Mutex<Target>,
}

/// What [`commit`](Sink::commit) has to do.
enum Target {
    /// Nothing: a device or pipe, or a file that was renamed.
    Done,
    /// The temporary file is incomplete.
    Writing(AtomicFile),
    /// The temporary file is complete and on disk.
    Prepared(AtomicFile),
}

impl FileSink {
    /// Writes to `path`. Creates the temporary file now, so that a folder that is missing or not
    /// writable is an error before anything is pulled.
    ///
    /// # Errors
    /// When the file cannot be written, or this build lacks the format.
    pub fn create(path: &Path, encoding: &Encoding) -> Result<Self, SinkError> {
        let failed = SinkError::file(path);
        let (folder, temporary) = match temporary_file(path) {
            Ok(created) => created,
            Err(error) => return Err(failed(error)),
        };
        let writer = temporary.writer().map_err(failed)?;
        if let Some(name) = path.file_name() {
            AtomicFile::remove_stale(&folder, &name.to_string_lossy());
        }
        Ok(Self {
            path: path.to_owned(),
            stream: StreamSink::new(SyncEarly::new(writer), encoding)?,
            target: Mutex::new(Target::Writing(temporary)),
        })
    }

    /// Writes to the device or pipe at `path`.
    pub(crate) fn open_device(path: &Path, encoding: &Encoding) -> Result<Self, SinkError> {
        let failed = SinkError::file(path);
        let out = match File::options().write(true).open(path) {
            Ok(out) => out,
            Err(error) => return Err(failed(error)),
        };
        #[cfg(unix)]
        if is_block_device(&out) {
            // What is on it would be overwritten.
            return Err(failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a disk, not a file",
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            stream: StreamSink::new(out, encoding)?,
            target: Mutex::new(Target::Done),
        })
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates a temporary file beside `path`; with the folder in which both are.
fn temporary_file(path: &Path) -> io::Result<(PathBuf, AtomicFile)> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // The target of a link is replaced, not the link.
    let target = canonicalize(path);
    if is_link_to_itself(&target) {
        return Err(io::Error::other(
            "it is a link that leads to itself: remove it",
        ));
    }
    let folder = target.parent().unwrap_or(Path::new("/")).to_owned();
    if !folder.is_dir() {
        let missing = format!("the folder {} does not exist", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let file = AtomicFile::create(&folder, target)?;
    Ok((folder, file))
}

#[cfg(unix)]
fn is_block_device(file: &File) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let metadata = file.metadata();
    metadata.is_ok_and(|metadata| metadata.file_type().is_block_device())
}

/// Names the file in an error of its stream.
fn with_path(path: &Path, error: SinkError) -> SinkError {
    match error {
        SinkError::Stream(source) => SinkError::file(path)(source),
        error => error,
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(FileWriter {
            path: self.path.clone(),
            stream: self.stream.day(day).await?,
        }))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        let finished = self.stream.prepare().await;
        finished.map_err(|error| with_path(&self.path, error))?;
        let mut target = self.target();
        if let Target::Writing(file) = &*target {
            file.sync().map_err(SinkError::file(&self.path))?;
        }
        *target = match mem::replace(&mut *target, Target::Done) {
            Target::Writing(file) => Target::Prepared(file),
            target => target,
        };
        Ok(())
    }

    async fn commit(&self) -> Result<(), SinkError> {
        let mut target = self.target();
        match mem::replace(&mut *target, Target::Done) {
            Target::Done => Ok(()),
            Target::Prepared(file) => file.commit().map_err(SinkError::file(&self.path)),
            Target::Writing(file) => {
                *target = Target::Writing(file);
                let unprepared = io::Error::other("it was not prepared");
                Err(SinkError::file(&self.path)(unprepared))
            }
        }
    }

    fn drift(&self) -> Drift {
        self.stream.drift()
    }
}

struct FileWriter {
    path: PathBuf,
    stream: Box<dyn DayWriter>,
}

#[async_trait]
impl DayWriter for FileWriter {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let written = self.stream.write(records).await;
        written.map_err(|error| with_path(&self.path, error))
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        let Self { path, stream } = *self;
        let committed = stream.commit(receipt).await;
        committed.map_err(|error| with_path(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::format::Format;
    use bytes::Bytes;
    use kapture_model::DayState;
    use std::fs;

    fn sink(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::create(path, &Encoding::new(Format::Ndjson))
    }

    async fn write(sink: &FileSink, json: &'static str) {
        let day = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
        let record = Record::decode(Bytes::from_static(json.as_bytes())).unwrap();
        let mut writer = sink.day(day).await.unwrap();
        writer.write(&[record]).await.unwrap();
        writer.commit(&receipt(day)).await.unwrap();
    }

    fn receipt(day: NaiveDate) -> Receipt {
        let mut receipt = Receipt::new(day, chrono::DateTime::UNIX_EPOCH);
        receipt.customers = 1;
        receipt.state = DayState::Sealed;
        receipt
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn finish_replaces_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.ndjson");
        fs::write(&path, "before").unwrap();
        let sink = sink(&path).unwrap();
        write(&sink, r#"{"id":1}"#).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        sink.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"id\":1}\n");
        assert_eq!(names(folder.path()), ["customers.ndjson"]);
    }

    #[tokio::test]
    async fn dropped_sink_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(&folder.path().join("customers.ndjson")).unwrap();
        write(&sink, r#"{"id":1}"#).await;
        drop(sink);
        assert!(names(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn file_without_customers_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.ndjson");
        sink(&path).unwrap().finish().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[tokio::test]
    async fn temporary_file_of_a_killed_run_is_removed_and_of_a_live_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let left_over = folder.path().join(".customers.ndjson.killed.partial");
        fs::write(&left_over, "half").unwrap();
        let path = folder.path().join("customers.ndjson");
        let first = sink(&path).unwrap();
        assert!(!left_over.exists());
        let second = sink(&path).unwrap();
        write(&first, r#"{"id":1}"#).await;
        first.finish().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"id\":1}\n");
        drop(second);
        assert_eq!(names(folder.path()), ["customers.ndjson"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn permissions_of_the_replaced_file_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.ndjson");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        sink(&path).unwrap().finish().await.unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn target_of_a_link_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("there"), folder.path().join("here"));
        fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let sink = sink(&link).unwrap();
        write(&sink, r#"{"id":1}"#).await;
        sink.finish().await.unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "{\"id\":1}\n");
    }

    #[cfg(unix)]
    #[test]
    fn link_to_itself_is_refused_at_creation() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("round");
        std::os::unix::fs::symlink("round", &link).unwrap();
        let error = sink(&link).err().expect("refused");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("leads to itself"), "{source}");
        assert!(link.is_symlink());
    }

    #[test]
    fn unwritable_path_is_refused_at_creation() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sink(folder.path()).is_err());
        assert!(sink(&folder.path().join("no/such/folder.ndjson")).is_err());
    }
}
