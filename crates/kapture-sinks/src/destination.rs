//! A destination by its address: what `-o WHERE` and `sync WHERE` name.

mod error;
pub(crate) mod parse;
pub(crate) mod redact;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::encoding::Encoding;
use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::file::FileSink;
use crate::ledger::identity::Identity;
use crate::sink::Sink;
use crate::stream::StreamSink;
pub use error::DestinationError;
use redact::without_password;

/// Where records go, by its address.
///
/// ```
/// use kapture_sinks::Destination;
///
/// let parse = |text: &str| Destination::parse(text, None);
/// assert_eq!(parse("-")?, Destination::StandardOutput);
/// assert!(matches!(parse("customers.csv.gz")?, Destination::File { .. }));
/// assert!(parse("customers.db")?.is_incremental());
/// assert!(parse("out/")?.is_incremental());
/// assert!(parse("customers").is_err());
/// # Ok::<(), kapture_sinks::DestinationError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `-`, or a system path for it, such as `/dev/stdout`.
    StandardOutput,
    /// `customers.ndjson`, `.csv` or `.parquet`, compressed with a further `.gz` or `.zst`.
    File {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: Format,
        /// Its compression.
        compression: Compression,
    },
    /// `out/`, or a folder that exists.
    Dataset(PathBuf),
    /// `customers.db`, `.sqlite` or `.sqlite3`, or anything behind `sqlite:`.
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(String),
}

impl Destination {
    /// Whether it has a ledger of the days it holds, so that it can be synced.
    pub fn is_incremental(&self) -> bool {
        match self {
            Self::StandardOutput | Self::File { .. } => false,
            Self::Dataset(_) | Self::Sqlite(_) | Self::Postgres(_) => true,
        }
    }

    /// Opens it to write. An incremental destination compares `identity` with its manifest, and
    /// takes the zone from it. A file takes format and compression from its name, not from
    /// `encoding`.
    ///
    /// # Errors
    /// When it cannot be written, holds something else, or another run is writing to it.
    pub async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        match self {
            Self::StandardOutput => Ok(Box::new(StreamSink::new(io::stdout(), encoding)?)),
            Self::File {
                path,
                format,
                compression,
            } => {
                let encoding = Encoding {
                    format: *format,
                    compression: *compression,
                    ..encoding.clone()
                };
                create_file(path, &encoding)
            }
            #[cfg(feature = "dataset")]
            Self::Dataset(path) => Ok(Box::new(crate::Dataset::create(
                path,
                identity,
                encoding.clone(),
            )?)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Box::new(crate::Sqlite::create(path, identity)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(crate::Postgres::create(url, identity).await?)),
            #[allow(unreachable_patterns)]
            other => {
                let _ = identity;
                Err(other.unsupported())
            }
        }
    }

    /// Opens an incremental destination to read. `identity`, if given, is compared with its
    /// manifest.
    ///
    /// # Errors
    /// When it does not exist, or holds another identity.
    pub async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        match self {
            #[cfg(feature = "dataset")]
            Self::Dataset(path) => Ok(Box::new(crate::Dataset::open(path, identity)?)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Ok(Box::new(crate::Sqlite::open(path, identity)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Ok(Box::new(crate::Postgres::open(url, identity).await?)),
            #[allow(unreachable_patterns)]
            other => {
                let _ = identity;
                Err(other.unsupported())
            }
        }
    }

    fn unsupported(&self) -> SinkError {
        let (what, feature) = match self {
            Self::StandardOutput | Self::File { .. } => {
                return SinkError::NotIncremental {
                    destination: self.to_string(),
                };
            }
            Self::Dataset(_) => ("a dataset folder", "dataset"),
            Self::Sqlite(_) => ("SQLite", "sqlite"),
            Self::Postgres(_) => ("PostgreSQL", "postgres"),
        };
        SinkError::FeatureDisabled { what, feature }
    }
}

/// A sink for a file; or, if `path` is a device or a pipe, for that.
fn create_file(path: &Path, encoding: &Encoding) -> Result<Box<dyn Sink>, SinkError> {
    let is_device = std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    let sink = match is_device {
        true => FileSink::open_device(path, encoding)?,
        false => FileSink::create(path, encoding)?,
    };
    Ok(Box::new(sink))
}

impl fmt::Display for Destination {
    /// Without the password in the address of a database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File { path, .. } | Self::Dataset(path) | Self::Sqlite(path) => {
                path.display().fmt(f)
            }
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}
