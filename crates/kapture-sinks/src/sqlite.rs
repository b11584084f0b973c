//! Records to a SQLite database.

mod error;
mod open;
mod upsert;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{CustomerId, Drift, Receipt, RowReader};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::encoding::surrogate_key::customer_of;
use crate::error::SinkError;
use crate::file::canonicalize::canonicalize;
use crate::file::lock::Lock;
use crate::ledger::Ledger;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{self, Manifest};
use crate::ledger::receipt_codec::{self, LedgerRow};
use crate::sink::{DayWriter, Sink};
use crate::spool::{DayStore, SpoolWriter, Spooled};
use crate::sql::schema::migrations;
use crate::sql::tables::{Dialect, OF_DAY};
use error::failed;
use upsert::{Day, TEMPORARY_TABLES};

const PUT_SETTING: &str = "INSERT OR REPLACE INTO kapture_manifest (name, value) VALUES (?1, ?2)";

/// A SQLite database with the tables `customers`, `contacts` and the ledger `kapture_days`.
///
/// A day is one transaction. Others can read meanwhile (write-ahead log).
pub struct Sqlite {
    held: Arc<Held>,
    /// Held by who writes.
    lock: Option<Lock>,
}

impl Drop for Sqlite {
    /// The last one to close the database folds its write-ahead log in. While another program has it
    /// open that is not who wrote, and a copy of the file alone would lack days. What a reader still
    /// needs stays in the log, as does everything if this fails: nothing is lost by that.
    fn drop(&mut self) {
        if self.lock.is_some() {
            let state = self.held.state();
            let fold = "PRAGMA wal_checkpoint(PASSIVE)";
            let _ = state.connection.query_row(fold, [], |_| Ok(()));
        }
    }
}

struct Held {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    reader: RowReader<Tz>,
}

impl Sqlite {
    /// Opens the database at `path` to write to it, makes it if nothing is there, and brings
    /// tables of an earlier version up to date.
    ///
    /// `identity` says whose customers it holds, and in which zone instants are seen; it is compared
    /// with what the database says.
    ///
    /// # Errors
    /// When it holds tables of other makes under our names, or another run is writing to it.
    pub fn create(path: &Path, identity: &Identity) -> Result<Self, SinkError> {
        Self::create_by(&migrations(Dialect::Sqlite), path, identity)
    }

    fn create_by(steps: &[String], path: &Path, identity: &Identity) -> Result<Self, SinkError> {
        // Whatever it is called, one run at a time writes to it.
        let file = canonicalize(path);
        let lock = Lock::take(&lock_of(&file), &path.display().to_string())?;
        let held = Held::new(path, open::to_write(&file)?, identity.zone);
        held.initialize(steps, identity)?;
        Ok(Self {
            held: Arc::new(held),
            lock: Some(lock),
        })
    }

    /// Opens the database at `path` to look at it, and changes nothing: it may be in a place where
    /// nothing can be written. `identity` says whose customers are looked for, if that matters.
    ///
    /// # Errors
    /// When there is none, it is none of kapture's or of an earlier version, or it holds the
    /// customers of another identity.
    pub fn open(path: &Path, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let held = Held::new(path, open::to_look(path)?, Tz::UTC);
        let (settings, destination) = (held.settings()?, held.destination());
        settings.is_current(&destination, migrations(Dialect::Sqlite).len())?;
        manifest::are_whole(&destination, &held.tables()?)?;
        if let Some(identity) = identity {
            settings.agree(&destination, identity)?;
        }
        Ok(Self {
            held: Arc::new(held),
            lock: None,
        })
    }
}

/// A hidden file beside the database.
fn lock_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

impl Held {
    fn new(path: &Path, connection: Connection, zone: Tz) -> Self {
        Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                connection,
                reader: RowReader::new(zone),
            }),
        }
    }

    fn destination(&self) -> String {
        self.path.display().to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> SinkError + '_ {
        failed(&self.path)
    }

    /// What the database says of itself.
    fn settings(&self) -> Result<Manifest, SinkError> {
        let state = self.state();
        let has = state.connection.table_exists(None, "kapture_manifest");
        if !has.map_err(self.failed())? {
            drop(state);
            return match self.tables()?.first() {
                Some(table) => Err(manifest::taken(&self.destination(), table)),
                None => Ok(Manifest::default()),
            };
        }
        let select = "
            SELECT CAST(name AS TEXT), CAST(value AS TEXT) FROM kapture_manifest
            WHERE name IS NOT NULL AND value IS NOT NULL";
        let mut select = match state.connection.prepare(select) {
            // A column that is not there.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                return Err(manifest::others(&self.destination()));
            }
            select => select.map_err(self.failed())?,
        };
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: rusqlite::Result<_> = rows.and_then(Iterator::collect);
        Manifest::of_table(&self.destination(), rows.map_err(self.failed())?)
    }

    /// Which of our tables are there.
    fn tables(&self) -> Result<Vec<&'static str>, SinkError> {
        let state = self.state();
        let mut present = Vec::new();
        for table in manifest::OURS {
            let there = state.connection.table_exists(None, table);
            if there.map_err(self.failed())? {
                present.push(table);
            }
        }
        Ok(present)
    }

    /// Makes the tables as `steps` have them, or finds that they are ours and for the same
    /// customers.
    fn initialize(&self, steps: &[String], identity: &Identity) -> Result<(), SinkError> {
        let settings = self.settings()?;
        let version = settings.version(&self.destination(), steps.len())?;
        settings.agree(&self.destination(), identity)?;
        if version == steps.len() {
            manifest::are_whole(&self.destination(), &self.tables()?)?;
        }
        let mut state = self.state();
        let mut prepare = || {
            let transaction = state
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for step in &steps[version..] {
                transaction.execute_batch(step)?;
            }
            for row in settings.missing_rows(&steps.len().to_string(), identity) {
                transaction.execute(PUT_SETTING, row)?;
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
        prepare().map_err(self.failed())
    }
}

#[async_trait]
impl DayStore for Held {
    async fn replace_day(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
        let mut state = self.state();
        let State { connection, reader } = &mut *state;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.failed())?;
        let mut day = Day::begin(&transaction, receipt.day).map_err(self.failed())?;
        loop {
            let batch = records.next_batch()?;
            if batch.is_empty() {
                break;
            }
            for record in &batch {
                day.put(&reader.read(record)).map_err(self.failed())?;
            }
        }
        day.end(receipt).map_err(self.failed())?;
        transaction.commit().map_err(self.failed())
    }
}

#[async_trait]
impl Sink for Sqlite {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.held))))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        // Whoever removes an open file leaves what is written to it without a name.
        match self.held.path.try_exists() {
            Ok(false) => Err(SinkError::Damaged {
                destination: self.held.destination(),
                what: "it was removed while this run wrote to it".into(),
            }),
            _ => Ok(()),
        }
    }

    fn drift(&self) -> Drift {
        self.held.state().reader.drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let state = self.held.state();
        let read = || -> rusqlite::Result<(Vec<LedgerRow>, Vec<String>)> {
            let mut select = state
                .connection
                .prepare(&receipt_codec::select(Dialect::Sqlite))?;
            let rows = select.query_map([], |row| {
                (0..receipt_codec::WIDTH)
                    .map(|column| row.get(column))
                    .collect()
            })?;
            let mut contested = state
                .connection
                .prepare(&receipt_codec::select_contested(Dialect::Sqlite))?;
            let contested = contested.query_map([], |row| row.get(0))?;
            Ok((
                rows.collect::<Result<_, _>>()?,
                contested.collect::<Result<_, _>>()?,
            ))
        };
        let (rows, contested) = read().map_err(self.held.failed())?;
        drop(state);
        let ledger = self.held.settings()?.ledger();
        receipt_codec::ledger_of(ledger, &self.held.destination(), rows, contested)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        let Some(row) = self.held.settings()?.start_row(day) else {
            return Ok(());
        };
        let state = self.held.state();
        let put = state.connection.execute(PUT_SETTING, row);
        put.map(|_| ()).map_err(self.held.failed())
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let state = self.held.state();
        let read = || -> rusqlite::Result<Vec<(i64, Option<String>)>> {
            let mut select = state.connection.prepare(OF_DAY)?;
            let rows = select.query_map([day.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let rows = read().map_err(self.held.failed())?;
        let customer = |(number, extra): (i64, Option<String>)| {
            customer_of(number, extra.as_deref()).ok_or_else(|| SinkError::Damaged {
                destination: self.held.destination(),
                what: format!("a customer of {day} has no id any more"),
            })
        };
        rows.into_iter().map(customer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kapture_model::{Checksum, DayState, EndBound, Proof, Record};
    use tempfile::TempDir;

    fn identity() -> Identity {
        Identity::new("acme.kapturecrm.com", "account 7", Tz::UTC)
    }

    fn at(folder: &TempDir) -> PathBuf {
        folder.path().join("a.db")
    }

    async fn commit(sink: &Sqlite, day: &str, name: &str, modified: u32) -> Result<(), SinkError> {
        let json = format!(
            r#"{{"id":1,"name":"{name}","lastModificationTime":"2024-05-{modified:02}T10:00:00"}}"#
        );
        let day = day.parse().unwrap();
        let mut writer = sink.day(day).await?;
        let record = Record::decode(json.into()).unwrap();
        writer.write(&[record]).await?;
        let receipt = Receipt {
            day,
            customers: 1,
            checksum: Checksum::default(),
            undated: 0,
            fetched: chrono::DateTime::UNIX_EPOCH,
            state: DayState::Sealed,
            end_bound: EndBound::Inclusive,
            proof: Proof::Contiguous,
            empty_response: None,
        };
        writer.commit(&receipt).await
    }

    fn text(connection: &Connection, select: &str) -> String {
        connection.query_row(select, [], |row| row.get(0)).unwrap()
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_database_that_is_removed_meanwhile_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
        commit(&sink, "2024-05-02", "Asha", 1).await.unwrap();
        sink.finish().await.unwrap();
        std::fs::remove_file(at(&folder)).unwrap();
        let error = sink.finish().await.unwrap_err();
        assert!(error.to_string().contains("it was removed"), "{error}");
    }

    #[tokio::test]
    async fn of_copies_from_two_days_the_one_modified_last_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
        let held = || {
            let select = "SELECT name || ' ' || kapture_day FROM customers";
            text(&sink.held.state().connection, select)
        };
        commit(&sink, "2024-05-02", "B", 5).await.unwrap();
        commit(&sink, "2024-05-03", "A", 4).await.unwrap();
        assert_eq!(held(), "B 2024-05-02");
        commit(&sink, "2024-05-03", "C", 6).await.unwrap();
        assert_eq!(held(), "C 2024-05-03");
    }

    /// Every version that ever was is brought up to the present one, with what it holds.
    #[tokio::test]
    async fn a_database_of_any_earlier_version_is_brought_up_to_date() {
        let steps = migrations(Dialect::Sqlite);
        for version in 1..steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = at(&folder);
            drop(Sqlite::create_by(&steps[..version], &path, &identity()).unwrap());
            let old = Connection::open(&path).unwrap();
            old.execute(
                "INSERT INTO customers (kapture_day, id, name) VALUES ('2024-05-02', 9, 'Kept')",
                [],
            )
            .unwrap();
            drop(old);
            // Whoever only looks says what is to be done, and does not do it.
            let error = Sqlite::open(&path, None).err().unwrap();
            assert!(
                matches!(error, SinkError::SchemaTooOld { found, .. } if found == version),
                "{error:?}"
            );
            let sink = Sqlite::create(&path, &identity()).unwrap();
            commit(&sink, "2024-05-03", "New", 5).await.unwrap();
            drop(sink);
            let sink = Sqlite::open(&path, Some(&identity())).unwrap();
            assert_eq!(sink.ledger().await.unwrap().len(), 1);
            let state = sink.held.state();
            let names = text(
                &state.connection,
                "SELECT group_concat(name, ' ') FROM (SELECT name FROM customers ORDER BY id)",
            );
            assert_eq!(names, "New Kept");
            let fresh = Connection::open_in_memory().unwrap();
            steps
                .iter()
                .for_each(|step| fresh.execute_batch(step).unwrap());
            let schema =
                "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
            assert_eq!(text(&state.connection, schema), text(&fresh, schema));
        }
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_the_version_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = at(&folder);
        let mut steps = migrations(Dialect::Sqlite);
        drop(Sqlite::create_by(&steps, &path, &identity()).unwrap());
        steps.push("CREATE TABLE kapture_further (id INTEGER)".into());
        steps.push("CREATE TABLE customers (id INTEGER)".into());
        let error = Sqlite::create_by(&steps, &path, &identity());
        let error = error.err().unwrap();
        assert!(matches!(error, SinkError::DatabaseFile { .. }), "{error:?}");
        let sink = Sqlite::open(&path, None).unwrap();
        let state = sink.held.state();
        assert!(
            !state
                .connection
                .table_exists(None, "kapture_further")
                .unwrap()
        );
        drop(state);
        // And a later version than is known is left alone.
        steps.pop();
        drop(Sqlite::create_by(&steps, &path, &identity()).unwrap());
        let error = Sqlite::create(&path, &identity()).err().unwrap();
        assert!(matches!(error, SinkError::SchemaTooNew { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_database_that_another_program_holds_is_no_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = at(&folder);
        let sink = Sqlite::create(&path, &identity()).unwrap();
        let at_once = "PRAGMA busy_timeout = 0";
        sink.held.state().connection.execute_batch(at_once).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = commit(&sink, "2024-05-02", "A", 5).await.unwrap_err();
        assert!(matches!(error, SinkError::DatabaseFile { .. }), "{error:?}");
        other.execute_batch("ROLLBACK").unwrap();
        commit(&sink, "2024-05-02", "A", 5).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sqlite::create(&at(&folder), &identity()).unwrap();
        commit(&sink, "2024-05-02", "A", 5).await.unwrap();
        let full = "PRAGMA max_page_count = 1";
        sink.held.state().connection.execute_batch(full).unwrap();
        let error = commit(&sink, "2024-05-03", &"B".repeat(100_000), 6)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, SinkError::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
            "{error:?}"
        );
        assert_eq!(sink.ledger().await.unwrap().len(), 1);
    }
}
