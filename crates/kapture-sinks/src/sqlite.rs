//! Records to a SQLite database.

mod address;
mod error;
mod open;
mod store;
#[cfg(test)]
mod tests;
mod upsert;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{CustomerId, Drift};

use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::file::canonicalize::canonicalize;
use crate::file::lock::Lock;
use crate::ledger::Ledger;
use crate::ledger::identity::Identity;
use crate::ledger::receipt_codec::{self, LedgerRow};
use crate::sink::{DayWriter, Sink};
use crate::spool::SpoolWriter;
use crate::sql::schema::migrations;
use crate::sql::tables::{Dialect, SELECT_IDS_OF_DAY, check_present};
pub(crate) use address::parse;
use store::{Store, UPSERT_MANIFEST};

/// A SQLite database with the tables `customers` and `contacts`, the ledger `kapture_days` and the
/// manifest `kapture_manifest`.
///
/// A day is one transaction. Readers are not blocked: the database has a write-ahead log.
pub struct Sqlite {
    store: Arc<Store>,
    /// Held by the writer.
    lock: Option<Lock>,
}

impl Drop for Sqlite {
    /// Checkpoints the write-ahead log into the database file, so that a copy of the file alone is
    /// complete. SQLite does so itself when the last connection closes, but a reader may stay open.
    /// Pages that a reader still needs stay in the log, and nothing is lost if this fails.
    fn drop(&mut self) {
        if self.lock.is_some() {
            let state = self.store.state();
            let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
            let _ = state.connection.query_row(checkpoint, [], |_| Ok(()));
        }
    }
}

impl Sqlite {
    /// Opens the database at `path` to write to it. Creates it if it does not exist, and migrates
    /// an older schema.
    ///
    /// `identity` says whose customers it holds, and in which zone instants become local times; it
    /// is compared with the manifest.
    ///
    /// # Errors
    /// When it has tables of our names that kapture did not create, holds another identity, or
    /// another run is writing to it.
    pub fn create(path: &Path, identity: &Identity) -> Result<Self, SinkError> {
        Self::create_with(&migrations(Dialect::Sqlite), path, identity)
    }

    fn create_with(
        migrations: &[String],
        path: &Path,
        identity: &Identity,
    ) -> Result<Self, SinkError> {
        // Two paths to one file have one lock.
        let file = canonicalize(path);
        let lock = Lock::acquire(&lock_file(&file), &path.display().to_string())?;
        let store = Store::new(path, open::read_write(&file)?, identity.zone);
        store.migrate(migrations, identity)?;
        Ok(Self {
            store: Arc::new(store),
            lock: Some(lock),
        })
    }

    /// Opens the database at `path` to read it, without changing anything: it may be on a
    /// read-only file system. `identity`, if given, is compared with the manifest.
    ///
    /// # Errors
    /// When it does not exist, kapture did not create it, its schema is older, or it holds another
    /// identity.
    pub fn open(path: &Path, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let store = Store::new(path, open::read_only(path)?, Tz::UTC);
        let destination = store.destination();
        let known = migrations(Dialect::Sqlite).len();
        let Some(manifest) = store.manifest(known)? else {
            return Err(SinkError::NotFound { destination });
        };
        manifest.check_latest(&destination, known)?;
        check_present(&destination, &store.tables()?)?;
        if let Some(identity) = identity {
            manifest.identity.check(&destination, identity)?;
        }
        Ok(Self {
            store: Arc::new(store),
            lock: None,
        })
    }
}

/// A hidden file beside the database.
fn lock_file(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

#[async_trait]
impl Sink for Sqlite {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.store))))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        // An open file that was removed takes writes, but has no name any more.
        match self.store.path().try_exists() {
            Ok(false) => Err(SinkError::Damaged {
                destination: self.store.destination(),
                what: "it was removed while this run wrote to it".into(),
            }),
            _ => Ok(()),
        }
    }

    fn drift(&self) -> Drift {
        self.store.state().reader.drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let state = self.store.state();
        let read = || -> rusqlite::Result<(Vec<LedgerRow>, Vec<String>)> {
            let mut select = state
                .connection
                .prepare(&receipt_codec::select(Dialect::Sqlite))?;
            let rows = select.query_map([], |row| {
                (0..receipt_codec::WIDTH)
                    .map(|column| row.get(column))
                    .collect()
            })?;
            let mut sharing = state
                .connection
                .prepare(&receipt_codec::select_sharing(Dialect::Sqlite))?;
            let sharing = sharing.query_map([], |row| row.get(0))?;
            Ok((
                rows.collect::<Result<_, _>>()?,
                sharing.collect::<Result<_, _>>()?,
            ))
        };
        let (rows, sharing) = read().map_err(self.store.error())?;
        drop(state);
        let manifest = self.store.latest_manifest()?;
        receipt_codec::decode_ledger(manifest.ledger(), &self.store.destination(), rows, sharing)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        let mut manifest = self.store.latest_manifest()?;
        if !manifest.extend_start(day) {
            return Ok(());
        }
        let state = self.store.state();
        for row in manifest.rows() {
            let upserted = state.connection.execute(UPSERT_MANIFEST, row);
            upserted.map_err(self.store.error())?;
        }
        Ok(())
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let state = self.store.state();
        let read = || -> rusqlite::Result<Vec<(i64, Option<String>)>> {
            let mut select = state.connection.prepare(SELECT_IDS_OF_DAY)?;
            let rows = select.query_map([day.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let rows = read().map_err(self.store.error())?;
        let customer = |(key, extra): (i64, Option<String>)| {
            customer_id(key, extra.as_deref()).ok_or_else(|| SinkError::Damaged {
                destination: self.store.destination(),
                what: format!("a customer of {day} has no id"),
            })
        };
        rows.into_iter().map(customer).collect()
    }
}
