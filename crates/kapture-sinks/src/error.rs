//! Why a destination did not take what it was given.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use kapture_model::sanitize;

use crate::ledger::identity::contrasted;

/// Why a destination did not take what it was given.
///
/// What a place says of itself others may have written there: it is made safe for a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Whoever reads the stream has seen enough. Not a failure: a run ends quietly with it.
    #[error("nobody reads the output any more")]
    Closed,
    /// The stream cannot be written.
    #[error("cannot write to the output")]
    Stream(#[source] io::Error),
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The destination.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Records that wait for their day to be complete have no room in the temporary folder.
    #[error("cannot keep a day's records in the temporary folder until it is complete")]
    Spool(#[source] io::Error),
    /// The receipt of a day tells of more customers than came, or fewer. Nothing was written.
    #[error(
        "the receipt of {day} tells of another number of customers ({told}) than came ({given}): this is a bug of kapture"
    )]
    CountMismatch {
        /// The day.
        day: NaiveDate,
        /// How many came.
        given: u64,
        /// How many the receipt tells of.
        told: u64,
    },
    /// A database that is a file failed.
    #[error("the database {} failed", path.display())]
    DatabaseFile {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server of a database failed.
    #[error("the database {destination} failed")]
    Database {
        /// The database, without a password.
        destination: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Another run is writing to the same destination.
    #[error("another run is writing to {destination}{}", holder(process))]
    Locked {
        /// The destination.
        destination: String,
        /// The other run's process, where it says so.
        process: Option<String>,
    },
    /// There is something, but kapture did not make it.
    #[error("{destination} holds something else than customers of kapture: {what}")]
    NotKaptureData {
        /// The destination.
        destination: String,
        /// What was met.
        what: String,
    },
    /// There is nothing of kapture yet.
    #[error("there is nothing of kapture at {destination} yet")]
    NotFound {
        /// The destination.
        destination: String,
    },
    /// What kapture made there is no longer as it made it.
    #[error("{destination} is damaged: {what}")]
    Damaged {
        /// The destination.
        destination: String,
        /// What was met.
        what: String,
    },
    /// It was made by a later version of kapture.
    #[error(
        "{destination} was made by a later version of kapture (schema {}; this one knows {known})",
        sanitize(found)
    )]
    SchemaTooNew {
        /// The destination.
        destination: String,
        /// Its version.
        found: String,
        /// The version this one writes.
        known: usize,
    },
    /// It was made by an earlier version of kapture, and whoever only looks changes nothing.
    #[error(
        "{destination} was made by an earlier version of kapture (schema {found}; this one writes {known})"
    )]
    SchemaTooOld {
        /// The destination.
        destination: String,
        /// Its version.
        found: usize,
        /// The version this one writes.
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
        /// Whose customers it holds.
        held: String,
        /// Whose were asked for.
        asked: String,
    },
    /// It holds the customers of another account or other filters.
    #[error("{destination} holds the customers of {}", contrasted(held, asked))]
    OtherSelection {
        /// The destination.
        destination: String,
        /// Which customers it holds.
        held: String,
        /// Which were asked for.
        asked: String,
    },
    /// Its days were cut in another time zone.
    #[error(
        "{destination} holds days of the time zone {}, not of {asked}",
        sanitize(held)
    )]
    OtherZone {
        /// The destination.
        destination: String,
        /// The zone of the days it holds.
        held: String,
        /// The zone asked for.
        asked: String,
    },
    /// It has another form than was asked for.
    #[error("{destination} is a dataset of {held} files, not {asked}")]
    OtherFormat {
        /// The destination.
        destination: String,
        /// The form it has.
        held: String,
        /// The form asked for.
        asked: String,
    },
    /// What it holds was not made safe for spreadsheets, as was asked for.
    #[error("{destination} is a dataset of csv files that were not made safe for spreadsheets")]
    NotSpreadsheetSafe {
        /// The destination.
        destination: String,
    },
    /// It does not remember which days it holds, so there is nothing to look at.
    #[error("{destination} does not remember which days it holds")]
    NotIncremental {
        /// The destination.
        destination: String,
    },
    /// This program was built without what is needed.
    #[error("this build cannot write {what}: it lacks the feature `{feature}`")]
    FeatureDisabled {
        /// What was asked for.
        what: &'static str,
        /// The feature of the crate.
        feature: &'static str,
    },
}

fn holder(process: &Option<String>) -> String {
    let named = |process: &String| format!(" (process {})", sanitize(process));
    process.as_ref().map(named).unwrap_or_default()
}

impl SinkError {
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
