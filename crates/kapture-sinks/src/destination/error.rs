//! Why a text is not a destination.

use crate::encoding::format::Format;

/// Why a text is not a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// The text is empty, as of a variable that is not set.
    #[error(
        "empty destination: expected a file (customers.csv), a folder (out/) or a database (customers.db, postgres://…)"
    )]
    Empty,
    /// The name does not tell the kind of destination.
    #[error(
        "cannot tell from its name what `{0}` is: end it in .ndjson, .csv, .xlsx, .parquet or .arrows for a file, in .db for a SQLite database, or in / for a folder with one file a day; or give the format with --format"
    )]
    Unclear(String),
    /// The text looks like the address of a database in another notation. It is not repeated.
    #[error(
        "the destination looks like the address of a database, and is not repeated here since it may contain a password: write it as postgres://user@host/database, with the password in PGPASSWORD; or, if it is a file, end its name in .ndjson, .csv, .parquet or .arrows"
    )]
    PerhapsDatabase,
    /// The scheme of the address is unknown.
    #[error(
        "unsupported destination `{0}`: this version writes files, folders, object stores (s3://…, gs://…, az://…), SQLite (customers.db) and PostgreSQL (postgres://…)"
    )]
    UnknownScheme(String),
    /// Only text is compressed as a whole.
    #[error(
        "`{destination}`: only ndjson and csv files are compressed as a whole: leave the last extension out"
    )]
    CompressedBinary {
        /// The text.
        destination: String,
        /// The format of its extension, or the one asked for.
        format: Format,
    },
    /// The name has the extension of another format than was asked for.
    #[error("`{destination}` has the extension of {named}, but the format asked for is {asked}")]
    OtherFormat {
        /// The text.
        destination: String,
        /// The format of its extension.
        named: Format,
        /// The format asked for.
        asked: Format,
    },
    /// A SQLite database has to be a file with a name.
    #[error("`{0}` names no file: give one behind sqlite:, for example sqlite:customers")]
    NoFile(String),
    /// The path is a file descriptor of a regular file. kapture would replace the file, and the
    /// process that has it open would go on with the old one.
    #[error(
        "`{0}` is a file that is already open: kapture would replace it, and the process that opened it would not see the new one. Name the file itself, or write to standard output (-)"
    )]
    OpenFile(String),
    /// The address of a PostgreSQL database has a delimiter inside of its user, password or options.
    /// It is not repeated.
    #[error(
        "the user, password or an option in the database address has a character that must be percent-encoded"
    )]
    Unescaped,
    /// The address of a database cannot be parsed.
    #[error("cannot parse the address {destination}: {reason}")]
    Address {
        /// The address, without its password and options.
        destination: String,
        /// Why not.
        reason: String,
    },
    /// This build lacks a feature.
    #[error("this build cannot write {what}: it lacks the feature `{feature}`")]
    FeatureDisabled {
        /// What was asked for.
        what: &'static str,
        /// The feature of the crate.
        feature: &'static str,
    },
    /// A dataset has a file for each day, and this format is for streams.
    #[error(
        "`{destination}` has a file for each day, and {format} is a format for a stream or one file: choose parquet, csv or ndjson, or write to customers.arrows"
    )]
    StreamFormat {
        /// The dataset.
        destination: String,
        /// The format asked for.
        format: Format,
    },
    /// A database has no file format.
    #[error("`{0}` is a database, which has no format: leave --format out")]
    DatabaseWithFormat(String),
}
