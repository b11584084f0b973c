//! Lines to a file that is there when it is complete.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_customers::Receipt;
use kapture_model::{Drift, Record};
use tempfile::{Builder, NamedTempFile, TempPath};

use crate::error::SinkError;
use crate::lines::Lines;
use crate::sink::{DayWriter, Sink};
use crate::stream::StreamSink;

/// Writes lines to a file beside its destination, which takes its place once every day is
/// committed. Until then, and if that never happens, the destination stays what it was.
pub struct FileSink {
    path: PathBuf,
    stream: StreamSink<File>,
    /// `None` once it stands in its place.
    aside: Mutex<Option<TempPath>>,
}

impl FileSink {
    /// Lines to `path`. The file beside it is made at once, so that a folder that does not exist
    /// or cannot be written is found out before anything is fetched.
    pub fn create(path: &Path, lines: Lines) -> Result<Self, SinkError> {
        let failed = |source| named(path, SinkError::Stream(source));
        if path.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            let missing = format!("the folder {} does not exist", folder.display());
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, missing)));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (file, aside) = aside(folder, &name).map_err(failed)?.into_parts();
        Ok(Self {
            path: path.to_owned(),
            stream: StreamSink::new(file, lines),
            aside: Mutex::new(Some(aside)),
        })
    }
}

/// Names the file in what its stream met.
fn named(path: &Path, error: SinkError) -> SinkError {
    match error {
        SinkError::Stream(source) => SinkError::File {
            path: path.to_owned(),
            source,
        },
        error => error,
    }
}

fn aside(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        // Readable as any new file of this user is; a temporary file would be for its owner alone.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[async_trait]
impl Sink for FileSink {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(FileWriter {
            path: self.path.clone(),
            stream: self.stream.day(day).await?,
        }))
    }

    async fn finish(&self) -> Result<(), SinkError> {
        self.stream.finish().await?;
        let aside = self
            .aside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(aside) = aside {
            // The bytes have to be on disk before the name is: a crash must not leave an empty file.
            File::options()
                .write(true)
                .open(&aside)
                .and_then(|file| file.sync_all())
                .and_then(|()| aside.persist(&self.path).map_err(|error| error.error))
                .map_err(|error| named(&self.path, SinkError::Stream(error)))?;
        }
        Ok(())
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
        self.stream
            .write(records)
            .await
            .map_err(|error| named(&self.path, error))
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        let Self { path, stream } = *self;
        stream
            .commit(receipt)
            .await
            .map_err(|error| named(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::LineForm;
    use bytes::Bytes;
    use chrono_tz::Tz;
    use std::fs;

    fn sink(path: &Path) -> Result<FileSink, SinkError> {
        FileSink::create(path, Lines::new(LineForm::Normal, Tz::UTC))
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

    #[test]
    fn a_place_that_cannot_be_is_found_out_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sink(folder.path()).is_err());
        assert!(sink(&folder.path().join("no/such/folder.ndjson")).is_err());
    }
}
