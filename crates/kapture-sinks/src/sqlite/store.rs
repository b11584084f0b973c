//! The open database: its manifest and migrations, and the transaction that replaces a day.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono_tz::Tz;
use kapture_model::{Receipt, RowReader};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::error::sink_error;
use super::upsert::{DayUpsert, TEMPORARY_TABLES};
use crate::error::SinkError;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::spool::{DayStore, Spooled};
use crate::sql::schema::migrations;
use crate::sql::tables::{self, Dialect, TABLES};

pub(super) const UPSERT_MANIFEST: &str =
    "INSERT OR REPLACE INTO kapture_manifest (name, value) VALUES (?1, ?2)";

pub(super) struct Store {
    path: PathBuf,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) connection: Connection,
    pub(super) reader: RowReader<Tz>,
}

impl Store {
    pub(super) fn new(path: &Path, connection: Connection, zone: Tz) -> Self {
        Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                connection,
                reader: RowReader::new(zone),
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn destination(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn error(&self) -> impl Fn(rusqlite::Error) -> SinkError + '_ {
        sink_error(&self.path)
    }

    /// The manifest, or `None` if the database is empty. `known` is the latest version of the
    /// schema.
    pub(super) fn manifest(&self, known: usize) -> Result<Option<Manifest>, SinkError> {
        let destination = self.destination();
        let state = self.state();
        let exists = state.connection.table_exists(None, "kapture_manifest");
        if !exists.map_err(self.error())? {
            drop(state);
            return match self.tables()?.first() {
                Some(table) => Err(tables::no_manifest(&destination, table)),
                None => Ok(None),
            };
        }
        let select = "
            SELECT CAST(name AS TEXT), CAST(value AS TEXT) FROM kapture_manifest
            WHERE name IS NOT NULL AND value IS NOT NULL";
        let mut select = match state.connection.prepare(select) {
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
        Manifest::from_rows(origin, rows.map_err(self.error())?, known).map(Some)
    }

    /// The manifest of a database that has one.
    pub(super) fn latest_manifest(&self) -> Result<Manifest, SinkError> {
        let manifest = self.manifest(migrations(Dialect::Sqlite).len())?;
        manifest.ok_or_else(|| SinkError::NotFound {
            destination: self.destination(),
        })
    }

    /// Those of our tables that exist.
    pub(super) fn tables(&self) -> Result<Vec<&'static str>, SinkError> {
        let state = self.state();
        let mut present = Vec::new();
        for table in TABLES {
            let exists = state.connection.table_exists(None, table);
            if exists.map_err(self.error())? {
                present.push(table);
            }
        }
        Ok(present)
    }

    /// Applies the `migrations` that the database does not have yet, and sets the connection up. A
    /// database that exists must hold the same identity.
    pub(super) fn migrate(
        &self,
        migrations: &[String],
        identity: &Identity,
    ) -> Result<(), SinkError> {
        let latest = migrations.len();
        let held = self.manifest(latest)?;
        let version = held.as_ref().map_or(0, |manifest| manifest.version);
        if let Some(manifest) = &held {
            manifest.identity.check(&self.destination(), identity)?;
            if version == latest {
                tables::check_present(&self.destination(), &self.tables()?)?;
            }
        }
        let mut manifest = held.unwrap_or_else(|| Manifest::new(latest, identity));
        manifest.version = latest;
        let mut state = self.state();
        let mut migrate = || {
            // Also without migrations: a database that cannot be written fails here, before
            // anything is pulled.
            let transaction = state
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for migration in &migrations[version..] {
                transaction.execute_batch(migration)?;
            }
            if version < latest {
                for row in manifest.rows() {
                    transaction.execute(UPSERT_MANIFEST, row)?;
                }
            }
            transaction.commit()?;
            state.connection.execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA foreign_keys = ON;
                 PRAGMA cache_size = -4000;
                 PRAGMA temp_store = FILE;",
            )?;
            state.connection.execute_batch(TEMPORARY_TABLES)
        };
        migrate().map_err(self.error())
    }
}

#[async_trait]
impl DayStore for Store {
    async fn replace_day(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
        let mut state = self.state();
        let State { connection, reader } = &mut *state;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.error())?;
        let mut day = DayUpsert::begin(&transaction, receipt.day).map_err(self.error())?;
        loop {
            let batch = records.next_batch()?;
            if batch.is_empty() {
                break;
            }
            for record in &batch {
                day.upsert(&reader.read(record)).map_err(self.error())?;
            }
        }
        day.finish(receipt).map_err(self.error())?;
        transaction.commit().map_err(self.error())
    }
}
