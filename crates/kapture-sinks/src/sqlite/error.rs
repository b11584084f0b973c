//! Errors of SQLite as sink errors.

use std::io;
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::error::SinkError;

/// Maps an error of the database at `path`.
pub(super) fn sink_error(path: &Path) -> impl Fn(Error) -> SinkError + '_ {
    |error| {
        let destination = path.display().to_string();
        let cannot_write = |source| SinkError::File {
            path: path.to_owned(),
            source,
        };
        match (
            error.sqlite_error_code(),
            error.sqlite_extended_error_code(),
        ) {
            (Some(ErrorCode::DiskFull), _) => cannot_write(io::ErrorKind::StorageFull.into()),
            (
                _,
                Some(
                    ffi::SQLITE_IOERR_WRITE
                    | ffi::SQLITE_IOERR_FSYNC
                    | ffi::SQLITE_IOERR_TRUNCATE
                    | ffi::SQLITE_IOERR_SHMSIZE,
                ),
            ) => cannot_write(io::Error::other(error)),
            (Some(ErrorCode::NotADatabase), _) => SinkError::NotKaptureData {
                destination,
                what: "it is not a SQLite database".into(),
            },
            (Some(ErrorCode::DatabaseCorrupt), _) => SinkError::Damaged {
                destination,
                what: "its pages are corrupt".into(),
            },
            _ => SinkError::DatabaseFile {
                path: path.to_owned(),
                source: error.into(),
            },
        }
    }
}
