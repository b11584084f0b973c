//! The open database: its manifest, migrations and ledger.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chrono_tz::Tz;
use kapture_model::{AttributeColumn, RowHasher};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params_from_iter};

use super::error::sink_error;
use crate::error::SinkError;
use crate::file::canonicalize::canonicalize;
use crate::file::lock::Lock;
use crate::incremental::seen::SeenTimes;
use crate::ledger::Ledger;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::ledger::receipt_codec::{self, RECEIPTS};
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::RunLog;
use crate::ledger::tracking::Tracking;
use crate::sql::attributes;
use crate::sql::history::{History, select_last_seen};
use crate::sql::merge::{Merge, SELECT_REREADS};
use crate::sql::runs::{self, RUNS};
use crate::sql::schema::SELECT_VERSION;
use crate::sql::stored_table::{StoredRow, StoredTable};
use crate::sql::tables::{self, Dialect, TABLES};
use crate::sql::upgrade::Upgrade;

const UPSERT_MANIFEST: &str =
    "INSERT OR REPLACE INTO kapture_manifest (name, value) VALUES (?1, ?2)";

/// An open database. Its methods block.
pub(super) struct Database {
    path: PathBuf,
    /// How to create the schema.
    migrations: Vec<String>,
    pub(super) merge: Merge,
    /// How changes are remembered, once it is opened to write.
    tracking: Tracking,
    /// What tells a changed row, once it is opened to write.
    pub(super) hasher: OnceLock<RowHasher>,
    /// If it is kept.
    pub(super) history: OnceLock<History>,
    pub(super) seen: SeenTimes,
    /// The zone in which instants become local times.
    pub(super) zone: Tz,
    /// Further columns of customers that a writer asks for.
    columns: Vec<AttributeColumn>,
    connection: Mutex<Connection>,
    /// Held by a writer.
    lock: Mutex<Option<Lock>>,
}

impl Drop for Database {
    /// Makes the database one file again, without a write-ahead log: a user who may only read the
    /// file could not open a database with a log, and a copy of the file alone would not be
    /// complete. While a reader is connected the log stays, with the pages that the reader still
    /// needs; nothing is lost if this fails.
    fn drop(&mut self) {
        let lock = self.lock.get_mut().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            let connection = self.connection();
            let _ = connection.busy_timeout(Duration::ZERO);
            for pragma in ["wal_checkpoint(PASSIVE)", "journal_mode = DELETE"] {
                let pragma = format!("PRAGMA {pragma}");
                let _ = connection.query_row(&pragma, [], |_| Ok(()));
            }
        }
    }
}

impl Database {
    pub(super) fn new(
        path: &Path,
        connection: Connection,
        zone: Tz,
        columns: Vec<AttributeColumn>,
        migrations: Vec<String>,
        tracking: Tracking,
    ) -> Self {
        Self {
            path: path.to_owned(),
            migrations,
            merge: Merge::new(Dialect::Sqlite),
            tracking,
            hasher: OnceLock::new(),
            history: OnceLock::new(),
            seen: SeenTimes::default(),
            zone,
            columns,
            connection: Mutex::new(connection),
            lock: Mutex::default(),
        }
    }

    pub(super) fn destination(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        let connection = self.connection.lock();
        connection.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn error(&self) -> impl Fn(rusqlite::Error) -> SinkError + '_ {
        sink_error(&self.path)
    }

    /// Locks the database by a hidden file beside it. Two paths to one file have one lock.
    pub(super) fn lock(&self) -> Result<(), SinkError> {
        let file = canonicalize(&self.path);
        let mut name = OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(".lock");
        let lock = Lock::acquire(&file.with_file_name(name), &self.destination())?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        Ok(())
    }

    /// The manifest, or `None` if the database is empty.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        let destination = self.destination();
        let connection = self.connection();
        let exists = connection.table_exists(None, "kapture_manifest");
        if !exists.map_err(self.error())? {
            drop(connection);
            return match self.tables()?.first() {
                Some(table) => Err(tables::no_manifest(&destination, table)),
                None => Ok(None),
            };
        }
        let select = "
            SELECT CAST(name AS TEXT), CAST(value AS TEXT) FROM kapture_manifest
            WHERE name IS NOT NULL AND value IS NOT NULL";
        let mut select = match connection.prepare(select) {
            // A column does not exist.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                return Err(tables::other_columns(&destination));
            }
            select => select.map_err(self.error())?,
        };
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: rusqlite::Result<_> = rows.and_then(Iterator::collect);
        let origin = Origin {
            destination: &destination,
            file_or_table: "its table kapture_manifest",
        };
        let rows = rows.map_err(self.error())?;
        Manifest::from_rows(origin, rows, self.migrations.len())
    }

    pub(super) fn write_manifest(&self, rows: Vec<(String, String)>) -> Result<(), SinkError> {
        let connection = self.connection();
        for row in rows {
            let upserted = connection.execute(UPSERT_MANIFEST, row);
            upserted.map_err(self.error())?;
        }
        Ok(())
    }

    /// Those of our tables that exist.
    fn tables(&self) -> Result<Vec<&'static str>, SinkError> {
        let connection = self.connection();
        let mut present = Vec::new();
        for table in TABLES {
            let exists = connection.table_exists(None, table);
            if exists.map_err(self.error())? {
                present.push(table);
            }
        }
        Ok(present)
    }

    /// Fails unless the schema is the latest one and complete.
    pub(super) fn check_latest(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let destination = self.destination();
        manifest.check_latest(&destination, self.migrations.len())?;
        tables::check_present(&destination, &self.tables()?)
    }

    /// Fails if the file was removed: it takes writes while it is open, but has no name any more.
    pub(super) fn check_present(&self) -> Result<(), SinkError> {
        match self.path.try_exists() {
            Ok(false) => Err(SinkError::Damaged {
                destination: self.destination(),
                what: "it was removed while this run wrote to it".into(),
            }),
            _ => Ok(()),
        }
    }

    /// The version of tables that no run has written to yet; 0 without tables.
    fn unused_version(&self) -> Result<usize, SinkError> {
        let connection = self.connection();
        let read = || match connection.table_exists(None, "kapture_manifest")? {
            true => connection.query_row(SELECT_VERSION, [], |row| row.get::<_, String>(0)),
            false => Ok(String::new()),
        };
        let version = read().map_err(self.error())?;
        Ok(version.parse().unwrap_or_default())
    }

    /// Applies the migrations that the database does not have yet, and sets the connection up.
    pub(super) fn migrate(
        &self,
        held: Option<Manifest>,
        identity: &Identity,
    ) -> Result<(), SinkError> {
        let latest = self.migrations.len();
        let version = match &held {
            Some(manifest) => manifest.version,
            None => self.unused_version()?,
        };
        let (columns, tracking) = (&self.columns, &self.tracking);
        let upgrade = Upgrade::new(version, held, identity, latest, columns, tracking);
        if upgrade.version == latest {
            tables::check_present(&self.destination(), &self.tables()?)?;
        }
        let mut connection = self.connection();
        let mut migrate = || {
            // Also without migrations: a database that cannot be written fails here, before
            // anything is pulled.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for migration in &self.migrations[upgrade.version..] {
                transaction.execute_batch(migration)?;
            }
            for column in &upgrade.missing {
                transaction.execute_batch(&attributes::add_column(Dialect::Sqlite, column))?;
            }
            let history = History::new(Dialect::Sqlite);
            if let Some(from) = upgrade.history_from {
                let from = self.seen.next(from);
                for statement in &history.begin {
                    transaction.execute(statement, [&from])?;
                }
            }
            if upgrade.manifest.history {
                let select = select_last_seen(Dialect::Sqlite);
                let last: Option<String> = transaction.query_row(&select, [], |row| row.get(0))?;
                if let Some(last) = last.and_then(|last| last.parse().ok()) {
                    self.seen.note(last);
                }
                let _ = self.history.set(history);
            }
            for row in upgrade.manifest.rows() {
                transaction.execute(UPSERT_MANIFEST, row)?;
            }
            transaction.commit()?;
            let _ = self.hasher.set(upgrade.manifest.row_hasher());
            // Whatever happens, a day is there with its receipt or not at all; that all days are on disk
            // is seen to once, at the end of the run.
            connection.execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA wal_autocheckpoint = 4000;
                 PRAGMA synchronous = NORMAL;
                 PRAGMA foreign_keys = ON;
                 PRAGMA cache_size = -4000;
                 PRAGMA temp_store = FILE;",
            )?;
            connection.execute_batch(&self.merge.create)
        };
        migrate().map_err(self.error())
    }

    /// Whether it keeps its history, once it is opened to write.
    pub(super) fn keeps_history(&self) -> bool {
        self.history.get().is_some()
    }

    pub(super) fn receipts(&self, ledger: Ledger) -> Result<Ledger, SinkError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<(Vec<StoredRow>, Vec<String>)> {
            let rows = stored_rows(&connection, &RECEIPTS)?;
            let sharing = receipt_codec::select_sharing(Dialect::Sqlite);
            let mut sharing = connection.prepare(&sharing)?;
            let sharing = sharing.query_map([], |row| row.get(0))?;
            Ok((rows, sharing.collect::<Result<_, _>>()?))
        };
        let (rows, sharing) = read().map_err(self.error())?;
        receipt_codec::decode_ledger(ledger, &self.destination(), rows, sharing)
    }

    pub(super) fn runs(&self) -> Result<RunLog, SinkError> {
        let rows = stored_rows(&self.connection(), &RUNS);
        Ok(runs::decode(rows.map_err(self.error())?))
    }

    pub(super) fn store_last_run(&self, log: &RunLog) -> Result<(), SinkError> {
        let mut connection = self.connection();
        let mut store = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(run) = log.last() {
                let upsert = RUNS.upsert(Dialect::Sqlite);
                transaction.execute(&upsert, params_from_iter(RUNS.encode(run)))?;
            }
            transaction.execute(runs::DELETE_OLDER, [log.first_kept().to_string()])?;
            transaction.commit()
        };
        store().map_err(self.error())
    }

    pub(super) fn rereads(&self) -> Result<Rereads, SinkError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Rereads> {
            let mut select = connection.prepare(SELECT_REREADS)?;
            let mut rows = select.query([])?;
            let mut rereads = Rereads::default();
            while let Some(row) = rows.next()? {
                let [age, customers, changed] = [0, 1, 2].map(|index| row.get::<_, i64>(index));
                let counts =
                    [age?, customers?, changed?].map(|count| count.try_into().unwrap_or(0));
                rereads.add(counts[0], counts[1], counts[2]);
            }
            Ok(rereads)
        };
        read().map_err(self.error())
    }
}

/// All rows of a table.
fn stored_rows(connection: &Connection, table: &StoredTable) -> rusqlite::Result<Vec<StoredRow>> {
    let mut select = connection.prepare(&table.select(Dialect::Sqlite))?;
    let row = |row: &rusqlite::Row<'_>| (0..table.width()).map(|index| row.get(index)).collect();
    select.query_map([], row)?.collect()
}

impl Database {
    /// Deletes from the history what no day of this run showed, and syncs the days that were committed.
    pub(super) fn end_run(&self) -> Result<(), SinkError> {
        let mut connection = self.connection();
        let mut end = || {
            // From here on each commit is synced, and what was committed before.
            connection.execute_batch("PRAGMA synchronous = FULL")?;
            if let (Some(history), Some(seen)) = (self.history.get(), self.seen.after_last()) {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                for statement in &history.end {
                    let mut statement = transaction.prepare(statement)?;
                    let seen = (statement.parameter_count() > 0).then_some(&seen);
                    statement.execute(params_from_iter(seen))?;
                }
                transaction.commit()?;
            }
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        };
        end().map_err(self.error())
    }
}
