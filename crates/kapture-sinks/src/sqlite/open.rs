//! Opens the file of a SQLite database: read-write, or so that nothing changes.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::error::sink_error;
use crate::error::SinkError;
use crate::file::canonicalize::{canonicalize, is_link_to_itself};

/// How long to wait for the lock of another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens the database to write; creates it if it does not exist.
pub(super) fn read_write(path: &Path) -> Result<Connection, SinkError> {
    check_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sink_error(path))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(sink_error(path))?;
    Ok(connection)
}

/// Opens the database to read; its files stay as they are.
pub(super) fn read_only(path: &Path) -> Result<Connection, SinkError> {
    check_file(path)?;
    if let Err(error) = fs::File::open(path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => SinkError::NotFound {
                destination: path.display().to_string(),
            },
            _ => SinkError::read(path)(error),
        });
    }
    // The write-ahead log is beside the file itself, not beside a link to it. And a canonical path
    // is never taken for a URI.
    let file = canonicalize(path);
    let log_length = fs::metadata(with_suffix(&file, "-wal"))
        .map(|log| log.len())
        .ok();
    // The log of a killed run is part of the database; closing must not checkpoint it.
    let keep_log = log_length.is_some_and(|length| length > 0);
    // A read-only connection could not remove the files that it creates to read the log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> Result<Connection, Error> {
        let connection = Connection::open_with_flags(&file, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log)?;
        connection.execute_batch("PRAGMA query_only = ON; SELECT 1 FROM sqlite_schema")?;
        Ok(connection)
    };
    match open() {
        // On a read-only file system SQLite cannot create its shared-memory file. Without a log
        // there is no writer, and the file cannot change.
        Err(error) if is_read_only(&error) && log_length.is_none() => {
            immutable(&file).map_err(sink_error(path))
        }
        Err(error) if is_read_only(&error) => {
            let reason = "it has a write-ahead log, of a run that is writing or was killed, which cannot be read on a read-only file system: copy both files to a writable folder";
            Err(SinkError::read(path)(io::Error::other(reason)))
        }
        opened => opened.map_err(sink_error(path)),
    }
}

/// Fails if there is something else than a file: opening a named pipe waits for a writer.
fn check_file(path: &Path) -> Result<(), SinkError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(SinkError::NotKaptureData {
            destination: path.display().to_string(),
            what: "it is not a file".into(),
        }),
        Err(error) if is_link_to_itself(path) => Err(SinkError::read(path)(error)),
        _ => Ok(()),
    }
}

fn is_read_only(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

fn immutable(path: &Path) -> Result<Connection, Error> {
    let path = path
        .to_str()
        .ok_or_else(|| Error::InvalidPath(path.to_owned()))?;
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
