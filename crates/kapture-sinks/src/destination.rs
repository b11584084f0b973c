//! A destination by its address: what `-o WHERE` and `sync WHERE` name.

pub(crate) mod capabilities;
pub(crate) mod error;
pub(crate) mod opener;
pub(crate) mod parse;
pub(crate) mod redact;
mod registry;

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use kapture_model::CustomerId;

use crate::encoding::Encoding;
use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::file::FileDestination;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use crate::incremental::forget::Erased;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;
use crate::stream::StandardOutput;
use capabilities::Capabilities;
use opener::Opener;

/// Where records go, by its address.
///
/// | address | what |
/// |---|---|
/// | `-`, or a system path for it, such as `/dev/stdout` | standard output |
/// | `customers.ndjson`, `.csv`, `.parquet` or `.arrows`; the first two with a further `.gz` or `.zst` | one file |
/// | `out/` | a folder with one file for each day |
/// | `customers.db`, `.sqlite` or `.sqlite3`, or anything behind `sqlite:` | a SQLite database |
/// | `postgres://…` | a PostgreSQL database |
/// | `s3://bucket/prefix/`, `gs://…`, `az://…` | a dataset in an object store |
///
/// ```
/// use kapture_sinks::{Atomic, Destination};
///
/// let parse = |text: &str| Destination::parse(text, None);
/// assert!(parse("-")?.is_standard_output());
/// assert_eq!(parse("customers.csv.gz")?.capabilities().atomic, Some(Atomic::Run));
/// assert!(parse("out/")?.capabilities().incremental);
/// assert!(parse("customers").is_err());
/// # Ok::<(), kapture_sinks::DestinationError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Destination(Arc<dyn Opener>);

impl Destination {
    /// Standard output.
    pub(crate) fn standard_output() -> Self {
        Self(Arc::new(StandardOutput))
    }

    /// A single file of any name.
    pub fn file(path: &Path, format: Format, compression: Compression) -> Self {
        Self(Arc::new(FileDestination {
            path: path.to_owned(),
            format,
            compression,
        }))
    }

    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    /// Whether it is standard output.
    pub fn is_standard_output(&self) -> bool {
        self.capabilities().atomic.is_none()
    }

    /// Its file or folder, if it has one on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        self.0.local_path()
    }

    /// The format of its files: the one of its name, the one that it was created with, or the
    /// default. `None` for a database. If the destination cannot be read, opening it says why.
    pub async fn format(&self) -> Option<Format> {
        let format = self.0.format().await;
        format.or_else(|| self.capabilities().formats.first().copied())
    }

    /// The same dataset in an object store, written without a lock: for a store that does not honour
    /// conditional writes. Two runs at the same time would then overwrite each other's days. `None`
    /// for any other destination.
    pub fn unlocked(&self) -> Option<Self> {
        self.0.unlocked().map(Self)
    }

    /// The same destination, which remembers changed customers as asked from the next run on. `None`
    /// for one that cannot.
    pub fn tracking(&self, tracking: &Tracking) -> Option<Self> {
        self.0.tracking(tracking).map(Self)
    }

    /// Opens it to write. An incremental destination compares `identity` with its manifest, and
    /// takes the zone from it. A file takes format and compression from its name, not from
    /// `encoding`.
    ///
    /// # Errors
    /// When it cannot be written, holds something else or another identity, or another run is
    /// writing to it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, if it is incremental.
    pub async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        self.0.create(identity, encoding).await
    }

    /// Opens an incremental destination to read. `identity`, if given, is compared with its
    /// manifest.
    ///
    /// # Errors
    /// When it does not exist, kapture did not create it, its schema is older, or it holds another
    /// identity.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        self.0.open(identity).await
    }
}

/// The right to erasure.
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
impl Destination {
    /// Erases customers from an incremental destination, so that no byte of them is left in it, and
    /// keeps salted hashes of their ids, so that no run writes them again. Their days stay as proven
    /// as they were. Interrupted, it is completed by the same again.
    ///
    /// # Errors
    /// When the destination does not exist, is not incremental, cannot be written, or another run is
    /// writing to it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn forget(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
        self.0.open_to_forget().await?.forget(ids).await
    }

    /// Lets forgotten customers return with the next run that reads their days. Returns those that
    /// were forgotten.
    ///
    /// # Errors
    /// As [`forget`](Self::forget).
    ///
    /// # Panics
    /// As [`forget`](Self::forget).
    pub async fn allow_return(
        &self,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<BTreeSet<CustomerId>, SinkError> {
        self.0.open_to_forget().await?.allow_return(ids).await
    }
}

impl fmt::Display for Destination {
    /// Without the password in the address of a database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
