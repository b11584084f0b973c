//! What a dataset needs of the place where its files are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Drift, Receipt};

use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::encoding::stored::Stored;
use crate::error::SinkError;
use crate::incremental::spool::Spooled;
pub(super) use crate::ledger::receipt_codec::Stamp;

/// A folder or a bucket. Names are those of the layout.
#[async_trait]
pub(crate) trait Files: Send + Sync + 'static {
    /// The folder or bucket, for messages.
    fn destination(&self) -> String;

    /// The content of a small file, if it exists.
    async fn read(&self, name: &str) -> Result<Option<Bytes>, SinkError>;

    /// Replaces a small file, atomically.
    async fn write(&self, name: &str, content: Vec<u8>) -> Result<(), SinkError>;

    /// The days that have a receipt, and those that have a file of this format.
    async fn list(&self, format: Format) -> Result<Listing, SinkError>;

    /// The names of the files that are [stray](super::layout::is_stray) among files of this format.
    async fn strays(&self, format: Format) -> Result<BTreeSet<String>, SinkError>;

    /// The names of what is there beside the files of a dataset, but for what file systems and tools
    /// [put everywhere](super::layout::is_ignored).
    async fn foreign(&self) -> Result<BTreeSet<String>, SinkError>;

    /// Locks it until this is dropped, and removes what a killed run left.
    async fn lock(&self) -> Result<(), SinkError>;

    /// Releases the lock, where dropping this cannot.
    async fn unlock(&self) {}

    /// Replaces the file of a day and its receipt. Whatever interrupts it, the file is wholly the
    /// old one or the new one, and a receipt that does not name it makes the day stale.
    async fn replace_day(&self, content: DayContent) -> Result<Drift, SinkError>;

    /// The file of a day to read, if it exists.
    async fn fetch(&self, name: &str) -> Result<Option<File>, SinkError>;

    /// Replaces a large file by the content of another, atomically.
    async fn put(&self, name: &str, content: File) -> Result<(), SinkError>;

    /// Renames a file. Interrupted, it is completed by the same again: until then both names may
    /// exist, with the same content.
    async fn rename(&self, from: &str, to: &str) -> Result<(), SinkError>;

    /// Removes a file, if it exists.
    async fn remove(&self, name: &str) -> Result<(), SinkError>;

    /// The names of all files below a folder, in order. None if there is no such folder.
    async fn names_below(&self, folder: &str) -> Result<BTreeSet<String>, SinkError>;

    /// The error of a file whose content cannot be decoded.
    fn unreadable(&self, name: &str, error: io::Error) -> SinkError;
}

/// What [`Files::list`] found.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) receipts: BTreeSet<NaiveDate>,
    pub(crate) days: BTreeMap<NaiveDate, Stamp>,
}

/// A complete day.
pub(crate) struct DayContent {
    pub(crate) receipt: Receipt,
    pub(crate) format: Format,
    pub(crate) customers: Customers,
}

/// The customers of a complete day.
pub(crate) enum Customers {
    /// Those that were pulled.
    Pulled {
        encoding: Encoding,
        records: Spooled,
    },
    /// Those in its file, without some.
    Without {
        file: File,
        stored: Stored,
        erased: BTreeSet<CustomerId>,
    },
    /// Those in a file that is encoded already.
    Encoded(File),
    /// None.
    None,
}

impl DayContent {
    /// The same, with its customers encoded in a temporary file, and their schema drift.
    pub(crate) fn encoded(self) -> Result<(Self, Drift), SinkError> {
        let (receipt, format) = (self.receipt.clone(), self.format);
        let create = || {
            let file = tempfile::tempfile()?;
            Ok((file.try_clone()?, file))
        };
        let (file, drift) = self.encode(create, SinkError::Spool)?;
        let content = Self {
            receipt,
            format,
            customers: file.map_or(Customers::None, Customers::Encoded),
        };
        Ok((content, drift))
    }

    /// A handle of its own on the file that is encoded already, if there is one.
    pub(crate) fn file(&self) -> io::Result<Option<File>> {
        match &self.customers {
            Customers::Encoded(file) => file.try_clone().map(Some),
            _ => Ok(None),
        }
    }

    /// Writes the customers to the file that `create` makes, in whatever it keeps that file. Without
    /// customers a file has its columns, and there is none if its format has no columns. `failed` says
    /// what an error of the file is.
    pub(crate) fn encode<T>(
        self,
        create: impl FnOnce() -> io::Result<(T, File)>,
        failed: impl Fn(io::Error) -> SinkError,
    ) -> Result<(Option<T>, Drift), SinkError> {
        let day = self.receipt.day;
        match self.customers {
            Customers::None => Ok((None, Drift::default())),
            Customers::Encoded(mut file) => {
                let (kept, mut out) = create().map_err(&failed)?;
                let copied = file.rewind().and_then(|()| io::copy(&mut file, &mut out));
                copied.map_err(&failed)?;
                Ok((Some(kept), Drift::default()))
            }
            Customers::Without {
                file,
                stored,
                erased,
            } => {
                let (kept, out) = create().map_err(&failed)?;
                let written = stored.copy_without(file, out, &erased);
                written.map_err(&failed)?;
                Ok((Some(kept), Drift::default()))
            }
            Customers::Pulled {
                encoding,
                mut records,
            } => {
                let mut batch = records.next_batch()?;
                if batch.is_empty() && !encoding.format.is_table() {
                    return Ok((None, Drift::default()));
                }
                let (kept, file) = create().map_err(&failed)?;
                let mut encoder = encoding.encoder(Box::new(BufWriter::new(file)))?;
                while !batch.is_empty() {
                    encoder.write(day, &batch).map_err(&failed)?;
                    batch = records.next_batch()?;
                }
                let drift = encoder.drift();
                encoder.finish().map_err(&failed)?;
                Ok((Some(kept), drift))
            }
        }
    }
}
