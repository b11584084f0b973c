//! How the file of a SQLite database is opened: to write to it, or to change nothing.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::error::failed;
use crate::error::SinkError;
use crate::file::canonicalize::canonicalize;

/// How long a lock of another program is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens it to write, and makes it if nothing is there.
pub(super) fn to_write(path: &Path) -> Result<Connection, SinkError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed(path))?;
    // Other programs may write to it as well, and take their time.
    connection.busy_timeout(PATIENCE).map_err(failed(path))?;
    Ok(connection)
}

/// Opens it to look at it, such that all is afterwards as it was before.
pub(super) fn to_look(path: &Path) -> Result<Connection, SinkError> {
    if let Err(error) = fs::File::open(path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => SinkError::NotFound {
                destination: path.display().to_string(),
            },
            _ => SinkError::read(path)(error),
        });
    }
    // Its log lies beside the file itself, whatever links lead there; and what the library would
    // take for an address is none.
    let file = canonicalize(path);
    let log = fs::metadata(beside(&file, "-wal"))
        .map(|log| log.len())
        .ok();
    // What a killed run left in it is read as part of the database, and stays where it is.
    let keep = log.is_some_and(|length| length > 0);
    // Whoever may only read cannot remove the files that reading a log makes.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> Result<Connection, Error> {
        let connection = Connection::open_with_flags(&file, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)?;
        connection.execute_batch("PRAGMA query_only = ON; SELECT 1 FROM sqlite_schema")?;
        Ok(connection)
    };
    match open() {
        // In a place where nothing can be written the library cannot make the files that it
        // coordinates readers and writers with. Where there is no log, nobody writes.
        Err(error) if is_read_only(&error) && log.is_none() => {
            immutable(&file).map_err(failed(path))
        }
        Err(error) if is_read_only(&error) => {
            let reason = "it has a write-ahead log, left by a run that goes on or was killed, which cannot be read where nothing can be written: copy both files to another destination";
            Err(SinkError::read(path)(io::Error::other(reason)))
        }
        opened => opened.map_err(failed(path)),
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

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
