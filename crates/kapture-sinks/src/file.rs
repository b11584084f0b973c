//! Records to a file that is there when it is complete.

pub(crate) mod atomic_file;
pub(crate) mod canonicalize;
#[cfg(any(feature = "dataset", feature = "sqlite"))]
pub(crate) mod lock;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt, Record};

use crate::encoding::Encoding;
use crate::error::SinkError;
use crate::file::atomic_file::AtomicFile;
use crate::file::canonicalize::canonicalize;
use crate::sink::{DayWriter, Sink};
use crate::stream::StreamSink;

/// Writes records to a file beside its destination, which takes its place once every day is
/// committed. Until then, and if that never happens, the destination stays what it was.
pub struct FileSink {
    path: PathBuf,
    stream: StreamSink,
    /// `None` once it stands in its place, and where nothing is replaced.
    aside: Mutex<Option<AtomicFile>>,
}

impl FileSink {
    /// Records to `path`. The file beside it is made at once, so that a folder that does not
    /// exist or cannot be written is found out before anything is fetched.
    ///
    /// # Errors
    /// When the place cannot be written, or this build lacks the form asked for.
    pub fn create(path: &Path, encoding: &Encoding) -> Result<Self, SinkError> {
        let failed = SinkError::file(path);
        let (folder, aside) = match aside(path) {
            Ok(aside) => aside,
            Err(error) => return Err(failed(error)),
        };
        let writer = aside.writer().map_err(failed)?;
        if let Some(name) = path.file_name() {
            AtomicFile::remove_stale(&folder, &name.to_string_lossy());
        }
        Ok(Self {
            path: path.to_owned(),
            stream: StreamSink::new(writer, encoding)?,
            aside: Mutex::new(Some(aside)),
        })
    }

    /// Records to the device or pipe at `path`, which stays what it is.
    pub(crate) fn onto(path: &Path, encoding: &Encoding) -> Result<Self, SinkError> {
        let out = File::options().write(true).open(path);
        let out = out.map_err(SinkError::file(path))?;
        Ok(Self {
            path: path.to_owned(),
            stream: StreamSink::new(out, encoding)?,
            aside: Mutex::new(None),
        })
    }

    fn aside(&self) -> MutexGuard<'_, Option<AtomicFile>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file beside `path`, and the folder in which both are.
fn aside(path: &Path) -> io::Result<(PathBuf, AtomicFile)> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // The file behind a link is replaced, not the link.
    let destination = canonicalize(path);
    let folder = destination.parent().unwrap_or(Path::new("/")).to_owned();
    if !folder.is_dir() {
        let missing = format!("the folder {} does not exist", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let aside = AtomicFile::create(&folder, destination)?;
    Ok((folder, aside))
}

/// Names the file in what its stream met.
fn named(path: &Path, error: SinkError) -> SinkError {
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
        let ended = self.stream.prepare().await;
        ended.map_err(|error| named(&self.path, error))?;
        let synced = self.aside().as_ref().map_or(Ok(()), AtomicFile::sync);
        synced.map_err(SinkError::file(&self.path))
    }

    async fn commit(&self) -> Result<(), SinkError> {
        let aside = self.aside().take();
        let placed = aside.map_or(Ok(()), AtomicFile::commit);
        placed.map_err(SinkError::file(&self.path))
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
        written.map_err(|error| named(&self.path, error))
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        let Self { path, stream } = *self;
        let committed = stream.commit(receipt).await;
        committed.map_err(|error| named(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::format::Format;
    use bytes::Bytes;
    use std::fs;

    fn sink(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::create(path, &Encoding::new(Format::Ndjson))
    }

    async fn write(sink: &FileSink, json: &'static str) {
        let day = NaiveDate::from_ymd_opt(2024, 5, 2).unwrap();
        let record = Record::decode(Bytes::from_static(json.as_bytes())).unwrap();
        sink.day(day).await.unwrap().write(&[record]).await.unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_file_is_there_when_it_is_complete() {
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
    async fn what_is_not_finished_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(&folder.path().join("customers.ndjson")).unwrap();
        write(&sink, r#"{"id":1}"#).await;
        drop(sink);
        assert!(names(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn no_customers_make_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.ndjson");
        sink(&path).unwrap().finish().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[tokio::test]
    async fn what_a_killed_run_left_goes_and_what_runs_stays() {
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
    async fn a_file_that_others_may_not_read_stays_so() {
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
    async fn a_link_stays_a_link() {
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

    #[test]
    fn a_place_that_cannot_be_is_found_out_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sink(folder.path()).is_err());
        assert!(sink(&folder.path().join("no/such/folder.ndjson")).is_err());
    }
}
