//! Records to a SQLite database.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_customers::Receipt;
use kapture_model::{Cell, CustomerId, CustomerRow, Drift, Row, RowReader};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Statement, Transaction, TransactionBehavior, params,
    params_from_iter,
};

use crate::error::SinkError;
use crate::identity::customer_of;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::sink::{DayWriter, Sink};
use crate::source::{knows, same_source};
use crate::spool::{Keeper, SpoolWriter, Spooled};
use crate::tables::{self, Dialect, RECEIPT, VERSION, receipt_of, receipt_row, schema_sql};

/// A SQLite database with the tables `customers`, `contacts` and the ledger `kapture_days`.
///
/// A day is one transaction. Others can read meanwhile (write-ahead log).
pub struct Sqlite {
    held: Arc<Held>,
    /// Held by who writes.
    _lock: Option<Lock>,
}

struct Held {
    place: String,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    reader: RowReader<Tz>,
}

impl Sqlite {
    /// Opens the database at `path` to write to it, and makes it if nothing is there.
    ///
    /// `source` says whose customers it holds; it is compared with what the database says.
    /// Instants (epoch milliseconds) are seen in `zone`.
    ///
    /// # Errors
    /// When it holds tables of other makes under our names, or another run is writing to it.
    pub fn create(path: &Path, source: &str, zone: Tz) -> Result<Self, SinkError> {
        let place = path.display().to_string();
        let lock = Lock::take(&beside(path, "lock"), &place)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let sqlite = Self::connect(path, flags, zone, Some(lock))?;
        sqlite.held.prepare(source)?;
        Ok(sqlite)
    }

    /// Opens the database at `path` to look at it. `source` says whose customers are looked for,
    /// if that matters.
    ///
    /// # Errors
    /// When there is none, it is none of kapture's, or it holds the customers of another source.
    pub fn open(path: &Path, source: Option<&str>) -> Result<Self, SinkError> {
        if !path.exists() {
            return Err(SinkError::read(path)(io::ErrorKind::NotFound.into()));
        }
        // Whoever may not write leaves the files of the write-ahead log behind.
        let sqlite = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, Tz::UTC, None)
            .or_else(|_| Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, Tz::UTC, None))?;
        match sqlite.held.setting("version")? {
            Some(version) => sqlite.held.agrees(&version, source)?,
            None => {
                return Err(SinkError::Foreign {
                    place: sqlite.held.place.clone(),
                    what: "it has no table kapture_settings".into(),
                });
            }
        }
        Ok(sqlite)
    }

    fn connect(
        path: &Path,
        flags: OpenFlags,
        zone: Tz,
        lock: Option<Lock>,
    ) -> Result<Self, SinkError> {
        let place = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| SinkError::database(&place, error))?;
        Ok(Self {
            held: Arc::new(Held {
                place,
                state: Mutex::new(State {
                    connection,
                    reader: RowReader::new(zone),
                }),
            }),
            _lock: lock,
        })
    }
}

/// A hidden file beside another one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

impl Held {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> SinkError + '_ {
        |error| SinkError::database(&self.place, error)
    }

    /// Whether this is the place for the customers of `source`, made by a version that is known.
    fn agrees(&self, version: &str, source: Option<&str>) -> Result<(), SinkError> {
        knows(&self.place, version, VERSION)?;
        let held = self.setting("source")?.unwrap_or_default();
        same_source(&self.place, &held, source)
    }

    /// What the database says of itself; `None` where it says nothing.
    fn setting(&self, name: &str) -> Result<Option<String>, SinkError> {
        let state = self.state();
        if !has_table(&state.connection, "kapture_settings").map_err(self.failed())? {
            return Ok(None);
        }
        let select = "SELECT value FROM kapture_settings WHERE name = ?1";
        let value = state.connection.query_row(select, [name], |row| row.get(0));
        value.optional().map_err(self.failed())
    }

    /// Makes the tables, or finds that they are ours and for the same customers.
    fn prepare(&self, source: &str) -> Result<(), SinkError> {
        if let Some(version) = self.setting("version")? {
            self.agrees(&version, Some(source))?;
        } else {
            self.make(source)?;
        }
        let settings = "
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA foreign_keys = ON;
            PRAGMA busy_timeout = 60000;
            PRAGMA cache_size = -8000;
            PRAGMA temp_store = FILE;
            CREATE TEMPORARY TABLE fetched (id INTEGER PRIMARY KEY);";
        let state = self.state();
        state
            .connection
            .execute_batch(settings)
            .map_err(self.failed())
    }

    fn make(&self, source: &str) -> Result<(), SinkError> {
        let mut state = self.state();
        for table in ["customers", "contacts", "kapture_days"] {
            if has_table(&state.connection, table).map_err(self.failed())? {
                return Err(SinkError::Foreign {
                    place: self.place.clone(),
                    what: format!("it has a table `{table}`, but no kapture_settings"),
                });
            }
        }
        let transaction = state.connection.transaction().map_err(self.failed())?;
        let made = || {
            transaction.execute_batch(&schema_sql(Dialect::Sqlite))?;
            let insert = "INSERT INTO kapture_settings (name, value) VALUES (?1, ?2)";
            transaction.execute(insert, params!["version", VERSION.to_string()])?;
            transaction.execute(insert, params!["source", source])
        };
        made().map_err(self.failed())?;
        transaction.commit().map_err(self.failed())
    }
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.table_exists(None, name)
}

#[async_trait]
impl Keeper for Held {
    async fn keep(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
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

/// A day under way, within its transaction.
struct Day<'a> {
    transaction: &'a Transaction<'a>,
    day: String,
    fetched: Statement<'a>,
    customer: Statement<'a>,
    forget_contacts: Statement<'a>,
    contact: Statement<'a>,
}

impl<'a> Day<'a> {
    fn begin(transaction: &'a Transaction<'_>, day: NaiveDate) -> rusqlite::Result<Self> {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let insert = |table: &tables::Table| {
            let marks = vec!["?"; table.column_names().count()].join(", ");
            format!(
                "INSERT INTO {} ({}) VALUES ({marks})",
                table.name,
                table.list()
            )
        };
        let customer = format!(
            "{} ON CONFLICT (id) DO {}",
            insert(&customers),
            customers.replace_older()
        );
        transaction.execute("DELETE FROM fetched", [])?;
        Ok(Self {
            transaction,
            day: day.to_string(),
            fetched: transaction.prepare("INSERT OR IGNORE INTO fetched (id) VALUES (?1)")?,
            customer: transaction.prepare(&customer)?,
            forget_contacts: transaction.prepare("DELETE FROM contacts WHERE customer_id = ?1")?,
            contact: transaction.prepare(&insert(&contacts))?,
        })
    }

    /// A customer with its contacts, unless a newer copy is there.
    fn put(&mut self, row: &CustomerRow<'_>) -> rusqlite::Result<()> {
        self.fetched.execute([row.id])?;
        let day = ToSqlOutput::from(self.day.as_str());
        if self.customer.execute(params_from_iter(
            [day].into_iter().chain(cells(&row.customer)),
        ))? == 0
        {
            return Ok(());
        }
        self.forget_contacts.execute([row.id])?;
        for (position, contact) in (0_i64..).zip(&row.contacts) {
            let key = [row.id, position].map(ToSqlOutput::from);
            self.contact
                .execute(params_from_iter(key.into_iter().chain(cells(contact))))?;
        }
        Ok(())
    }

    /// Customers of the day that did not come this time are gone.
    fn end(self, receipt: &Receipt) -> rusqlite::Result<()> {
        self.transaction.execute(
            "DELETE FROM customers WHERE kapture_day = ?1 AND id NOT IN (SELECT id FROM fetched)",
            [&self.day],
        )?;
        let marks = vec!["?"; RECEIPT.len()].join(", ");
        let replace = format!(
            "INSERT OR REPLACE INTO kapture_days ({}) VALUES ({marks})",
            RECEIPT.join(", ")
        );
        self.transaction
            .execute(&replace, params_from_iter(receipt_row(receipt)))?;
        Ok(())
    }
}

/// The cells of a row and its extra object.
fn cells<'r>(row: &'r Row<'_>) -> impl Iterator<Item = ToSqlOutput<'r>> {
    let value = |cell: &'r Cell<'_>| match cell {
        Cell::Nothing => ToSqlOutput::Owned(Value::Null),
        Cell::Integer(number) => ToSqlOutput::from(*number),
        Cell::Decimal(number) => ToSqlOutput::from(*number),
        Cell::Flag(flag) => ToSqlOutput::from(*flag),
        Cell::Time(time) => ToSqlOutput::Owned(Value::Text(format!("{time:?}"))),
        Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
    };
    let extra = match &row.extra {
        Some(json) => ToSqlOutput::Borrowed(ValueRef::Text(json.as_bytes())),
        None => ToSqlOutput::Owned(Value::Null),
    };
    row.cells.iter().map(value).chain([extra])
}

#[async_trait]
impl Sink for Sqlite {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.held))))
    }

    async fn finish(&self) -> Result<(), SinkError> {
        Ok(())
    }

    fn drift(&self) -> Drift {
        self.held.state().reader.drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let state = self.held.state();
        let columns = RECEIPT.map(|name| format!("CAST({name} AS TEXT)"));
        let select = format!("SELECT {} FROM kapture_days", columns.join(", "));
        let read = || -> rusqlite::Result<Vec<Vec<Option<String>>>> {
            let mut select = state.connection.prepare(&select)?;
            let rows = select.query_map([], |row| {
                (0..RECEIPT.len()).map(|column| row.get(column)).collect()
            })?;
            rows.collect()
        };
        let rows = read().map_err(self.held.failed())?;
        let receipts: Result<_, _> = rows.into_iter().map(receipt_of).collect();
        receipts.map_err(|error| SinkError::database(&self.held.place, error))
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let state = self.held.state();
        let read = || -> rusqlite::Result<Vec<(i64, Option<String>)>> {
            let select = "SELECT id, extra FROM customers WHERE kapture_day = ?1";
            let mut select = state.connection.prepare(select)?;
            let rows = select.query_map([day.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let rows = read().map_err(self.held.failed())?;
        let damaged = || SinkError::database(&self.held.place, "a customer without an id");
        let customer = |(number, extra): (i64, Option<String>)| {
            customer_of(number, extra.as_deref()).ok_or_else(damaged)
        };
        rows.into_iter().map(customer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kapture_customers::{Checksum, DayState, Joint, Reach};
    use kapture_model::Record;

    async fn commit(sink: &Sqlite, day: &str, name: &str, modified: u32) {
        let json = format!(
            r#"{{"id":1,"name":"{name}","lastModificationTime":"2024-05-{modified:02}T10:00:00"}}"#
        );
        let day = day.parse().unwrap();
        let mut writer = sink.day(day).await.unwrap();
        let record = Record::decode(json.into()).unwrap();
        writer.write(&[record]).await.unwrap();
        let receipt = Receipt {
            day,
            customers: 1,
            checksum: Checksum::default(),
            undated: 0,
            fetched: chrono::DateTime::UNIX_EPOCH,
            state: DayState::Sealed,
            reach: Reach::Inclusive,
            joint: Joint::Exact,
            empty_answer: None,
        };
        writer.commit(&receipt).await.unwrap();
    }

    #[tokio::test]
    async fn of_copies_from_two_days_the_one_modified_last_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sqlite::create(&folder.path().join("a.db"), "account 7", Tz::UTC).unwrap();
        let held = || {
            let select = "SELECT name || ' ' || kapture_day FROM customers";
            let row = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            let state = sink.held.state();
            state.connection.query_row(select, [], row).unwrap()
        };
        commit(&sink, "2024-05-02", "B", 5).await;
        commit(&sink, "2024-05-03", "A", 4).await;
        assert_eq!(held(), "B 2024-05-02");
        commit(&sink, "2024-05-03", "C", 6).await;
        assert_eq!(held(), "C 2024-05-03");
    }
}
