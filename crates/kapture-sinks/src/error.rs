//! The errors of sinks.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use kapture_model::{Days, Receipt, sanitize};

#[cfg(feature = "object-store")]
pub use crate::dataset::bucket::StoreError;
use crate::ledger::identity::compared;

/// Why a sink failed.
///
/// Text that comes from a destination is escaped, so that it is safe to print to a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The reader of the stream closed it. A run ends quietly with this.
    #[error("the reader of the output closed it")]
    Closed,
    /// The stream cannot be written.
    #[error("cannot write to the output")]
    Stream(#[source] io::Error),
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The destination.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The spool cannot be written or read.
    #[error("cannot spool a day's records in the temporary folder")]
    Spool(#[source] io::Error),
    /// The receipt of a day states another number of customers than was written. Nothing was
    /// committed.
    #[error(
        "the receipt of {day} states {stated} customers, but {written} were written: this is a bug of kapture"
    )]
    CountMismatch {
        /// The day.
        day: NaiveDate,
        /// How many customers were written.
        written: u64,
        /// How many customers the receipt states.
        stated: u64,
    },
    /// Days were begun and not committed. Nothing was replaced.
    #[error("the output is incomplete: days without a commit: {}", list(days))]
    Incomplete {
        /// The days without a commit.
        days: Days,
    },
    /// Customers or a receipt came for a day that was not asked for, or that has a result.
    #[error(
        "received something of {day}, which was not asked for or has a result: this is a bug of kapture"
    )]
    UnexpectedDay {
        /// The day.
        day: NaiveDate,
    },
    /// A database in a file failed.
    #[error("the database {} failed", path.display())]
    DatabaseFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A database server failed.
    #[error("the database {destination} failed")]
    Database {
        /// The database, without a password.
        destination: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An object store failed.
    #[cfg(feature = "object-store")]
    #[error("the object store {destination} failed")]
    ObjectStore {
        /// The destination.
        destination: String,
        /// The cause.
        #[source]
        source: StoreError,
    },
    /// The object store ignores the conditions of a write, so that there can be no lock.
    #[error("{destination} cannot be locked: its store ignores the conditions of a write")]
    UnconditionalWrites {
        /// The destination.
        destination: String,
    },
    /// Another run took over the lock, since this one could not renew it in time.
    #[error("the lock of {destination} was lost: it could not be renewed in time")]
    LockLost {
        /// The destination.
        destination: String,
    },
    /// Another run is writing to the same destination.
    #[error("another run is writing to {destination}{}", lock_holder(process))]
    Locked {
        /// The destination.
        destination: String,
        /// The process of the other run, if it is known.
        process: Option<String>,
    },
    /// The destination has data that kapture did not write.
    #[error("{destination} holds data that kapture did not write: {what}")]
    NotKaptureData {
        /// The destination.
        destination: String,
        /// What was found.
        what: String,
    },
    /// The destination does not exist.
    #[error("{destination} does not exist, or holds no customers yet")]
    NotFound {
        /// The destination.
        destination: String,
    },
    /// The destination was changed by something else than kapture.
    #[error("{destination} is damaged: {what}")]
    Damaged {
        /// The destination.
        destination: String,
        /// What was found.
        what: String,
    },
    /// A later version of kapture created it.
    #[error(
        "{destination} was created by a later version of kapture (schema {}; this version knows {known})",
        sanitize(found)
    )]
    SchemaTooNew {
        /// The destination.
        destination: String,
        /// Its version.
        found: String,
        /// The version that this program writes.
        known: usize,
    },
    /// An earlier version of kapture created it, and it was opened to read, which never migrates.
    #[error(
        "{destination} was created by an earlier version of kapture (schema {found}; this version writes {known})"
    )]
    SchemaTooOld {
        /// The destination.
        destination: String,
        /// Its version.
        found: usize,
        /// The version that this program writes.
        known: usize,
    },
    /// It holds the customers of another tenant.
    #[error(
        "{destination} holds the customers of the tenant at {}, not of the one at {asked}",
        sanitize(held)
    )]
    OtherTenant {
        /// The destination.
        destination: String,
        /// The tenant of its customers.
        held: String,
        /// The tenant asked for.
        asked: String,
    },
    /// It holds the customers of another account or other filters.
    #[error("{destination} holds the customers of {}", compared(held, asked))]
    OtherSelection {
        /// The destination.
        destination: String,
        /// The selection of its customers.
        held: String,
        /// The selection asked for.
        asked: String,
    },
    /// Its days are days of another time zone.
    #[error(
        "{destination} holds days of the time zone {}, not of {asked}",
        sanitize(held)
    )]
    OtherZone {
        /// The destination.
        destination: String,
        /// The zone of its days.
        held: String,
        /// The zone asked for.
        asked: String,
    },
    /// Other fields of its customers are dropped or hashed.
    #[error("{destination} holds customers {held}, not {asked}")]
    OtherFields {
        /// The destination.
        destination: String,
        /// What is dropped and hashed in it.
        held: String,
        /// What this run asks for.
        asked: String,
    },
    /// Its hashes have another key.
    #[error("{destination} holds hashes of the key {held}, not of the key {asked}")]
    OtherHashKey {
        /// The destination.
        destination: String,
        /// The fingerprint of the key of its hashes.
        held: String,
        /// The fingerprint of the key asked for.
        asked: String,
    },
    /// Its files have another format.
    #[error("{destination} is a dataset of {held} files, not {asked}")]
    OtherFormat {
        /// The destination.
        destination: String,
        /// The format of its files.
        held: String,
        /// The format asked for.
        asked: String,
    },
    /// Its files are encoded in another way than was asked for.
    #[error("{destination} is a dataset of {held}")]
    OtherEncoding {
        /// The destination.
        destination: String,
        /// What its files are.
        held: &'static str,
    },
    /// It does not remember how its customers changed.
    #[error("{destination} keeps no history of its customers")]
    NoHistory {
        /// The destination.
        destination: String,
    },
    /// It has no ledger, so it cannot be opened to read.
    #[error("{destination} does not record which days it holds")]
    NotIncremental {
        /// The destination.
        destination: String,
    },
    /// This build lacks a feature.
    #[error("this build cannot write {what}: it lacks the feature `{feature}`")]
    FeatureDisabled {
        /// What was asked for.
        what: &'static str,
        /// The feature of the crate.
        feature: &'static str,
    },
}

/// How many days a message lists.
const MAX_LISTED: usize = 10;

fn list(days: &Days) -> String {
    let listed: Vec<_> = days
        .iter()
        .take(MAX_LISTED)
        .map(|day| day.to_string())
        .collect();
    match days.iter().count() - listed.len() {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

fn lock_holder(process: &Option<String>) -> String {
    let process = process.as_ref();
    let holder = process.map(|process| format!(" (process {})", sanitize(process)));
    holder.unwrap_or_default()
}

impl SinkError {
    /// Fails unless as many customers were written as the receipt states: another count would seal
    /// an incomplete day.
    pub(crate) fn check_count(receipt: &Receipt, written: u64) -> Result<(), Self> {
        match receipt.customers == written {
            true => Ok(()),
            false => Err(Self::CountMismatch {
                day: receipt.day,
                written,
                stated: receipt.customers,
            }),
        }
    }

    pub(crate) fn stream(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Stream(error)
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    #[cfg(any(feature = "dataset", feature = "sqlite"))]
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn database(
        destination: &str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Database {
            destination: destination.to_owned(),
            source: source.into(),
        }
    }
}
