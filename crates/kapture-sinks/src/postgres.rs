//! Records to a PostgreSQL database.

mod address;
mod connection;
mod failure;
mod rows;
mod tls;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use futures_util::TryStreamExt;
use kapture_customers::Receipt;
use kapture_model::{CustomerId, Drift, RowReader};
use tokio_postgres::types::ToSql;

use crate::error::SinkError;
use crate::identity::customer_of;
use crate::ledger::Ledger;
use crate::sink::{DayWriter, Sink};
use crate::source::{knows, same_source};
use crate::spool::{Keeper, SpoolWriter, Spooled};
use crate::tables::{Dialect, RECEIPT, VERSION, receipt_of, receipt_row, schema_sql};
use connection::Connection;
use rows::{Fetched, Merge};

/// A PostgreSQL database with the tables `customers`, `contacts` and the ledger `kapture_days`
/// in its default schema, which is the first of the search path.
///
/// A day is one transaction: its records are copied into temporary tables and merged from there.
/// One session at a time writes to a schema; it holds a lock of the whole session, so the
/// connection must not go through a pool that hands sessions out by transaction.
///
/// Addresses are those of libpq, `postgres://user@host/database?sslmode=require`. A password
/// that is not in it is taken from the environment variable `PGPASSWORD`. Where there is TLS the
/// server's certificate and name are checked, against the authorities this machine believes or
/// those in the file `sslrootcert`.
pub struct Postgres {
    held: Arc<Held>,
}

struct Held {
    connection: Connection,
    reader: Mutex<RowReader<Tz>>,
    merge: Merge,
}

impl Postgres {
    /// Connects to write, and makes the tables if they are not there.
    ///
    /// `source` says whose customers the database holds; it is compared with what that says.
    /// Instants (epoch milliseconds) are seen in `zone`.
    ///
    /// # Errors
    /// When the database cannot be reached, holds tables of other makes under our names, or
    /// another run is writing to it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn create(url: &str, source: &str, zone: Tz) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, zone).await?;
        postgres.held.connection.take_lock().await?;
        postgres.held.prepare(source).await?;
        Ok(postgres)
    }

    /// Connects to look at what is there. `source` says whose customers are looked for, if that
    /// matters.
    ///
    /// # Errors
    /// When the database cannot be reached, is none of kapture's, or holds the customers of
    /// another source.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(url: &str, source: Option<&str>) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, Tz::UTC).await?;
        let held = &postgres.held;
        match held.setting("version").await? {
            Some(version) => held.agrees(&version, source).await?,
            None => return Err(held.foreign("it has no table kapture_settings".into())),
        }
        held.execute("SET default_transaction_read_only = on")
            .await?;
        Ok(postgres)
    }

    async fn connect(url: &str, zone: Tz) -> Result<Self, SinkError> {
        Ok(Self {
            held: Arc::new(Held {
                connection: Connection::open(url).await?,
                reader: Mutex::new(RowReader::new(zone)),
                merge: Merge::new(),
            }),
        })
    }
}

impl Held {
    fn reader(&self) -> MutexGuard<'_, RowReader<Tz>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> String {
        self.connection.place.clone()
    }

    fn foreign(&self, what: String) -> SinkError {
        let place = self.place();
        SinkError::Foreign { place, what }
    }

    /// Whether this is the place for the customers of `source`, made by a version that is known.
    async fn agrees(&self, version: &str, source: Option<&str>) -> Result<(), SinkError> {
        knows(&self.connection.place, version, VERSION)?;
        let held = self.setting("source").await?.unwrap_or_default();
        same_source(&self.connection.place, &held, source)
    }

    async fn execute(&self, statements: &str) -> Result<(), SinkError> {
        let client = self.connection.client().await;
        let done = client.batch_execute(statements).await;
        done.map_err(self.connection.failed())
    }

    /// What the database says of itself; `None` where it says nothing.
    async fn setting(&self, name: &str) -> Result<Option<String>, SinkError> {
        if self
            .connection
            .taken(&["kapture_settings"])
            .await?
            .is_empty()
        {
            return Ok(None);
        }
        let client = self.connection.client().await;
        let select = "SELECT value FROM kapture_settings WHERE name = $1";
        let row = client.query_opt(select, &[&name]).await;
        let row = row.map_err(self.connection.failed())?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Makes the tables, or finds that they are ours and for the same customers.
    async fn prepare(&self, source: &str) -> Result<(), SinkError> {
        if let Some(version) = self.setting("version").await? {
            self.agrees(&version, Some(source)).await?;
        } else {
            self.make(source).await?;
        }
        // Whoever holds a table for longer than this is not waited for.
        self.execute(
            "SELECT set_config('lock_timeout', '60s', false)
             WHERE current_setting('lock_timeout') = '0'",
        )
        .await?;
        // A server that can finds out early that this process is gone, and lets go of the lock.
        let check = "
            SELECT set_config(name, '1s', false)
            FROM pg_settings WHERE name = 'client_connection_check_interval'";
        let _ = self.execute(check).await;
        self.execute(self.merge.temporary_tables()).await
    }

    async fn make(&self, source: &str) -> Result<(), SinkError> {
        let ours = ["customers", "contacts", "kapture_days"];
        if let Some(table) = self.connection.taken(&ours).await?.first() {
            let what = format!("it has a table `{table}`, but no kapture_settings");
            return Err(self.foreign(what));
        }
        let mut client = self.connection.client().await;
        let made = async {
            let transaction = client.transaction().await?;
            transaction
                .batch_execute(&schema_sql(Dialect::Postgres))
                .await?;
            let insert = "INSERT INTO kapture_settings (name, value) VALUES ($1, $2)";
            let version = VERSION.to_string();
            for (name, value) in [("version", version.as_str()), ("source", source)] {
                transaction.execute(insert, &[&name, &value]).await?;
            }
            transaction.commit().await
        };
        made.await.map_err(self.connection.failed())
    }
}

#[async_trait]
impl Keeper for Held {
    async fn keep(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
        let failed = self.connection.failed();
        let mut client = self.connection.client().await;
        // Dropped before its end, it is rolled back.
        let transaction = client.transaction().await.map_err(&failed)?;
        loop {
            let batch = records.next_batch()?;
            if batch.is_empty() {
                break;
            }
            let mut contacts = Vec::new();
            let mut copy = Fetched::customers(&transaction).await.map_err(&failed)?;
            for record in &batch {
                let row = self.reader().read(record);
                copy.customer(&row).await.map_err(&failed)?;
                if !row.contacts.is_empty() {
                    contacts.push((row.id, row.contacts));
                }
            }
            copy.end().await.map_err(&failed)?;
            if contacts.is_empty() {
                continue;
            }
            let mut copy = Fetched::contacts(&transaction).await.map_err(&failed)?;
            for (customer, contacts) in &contacts {
                copy.contacts_of(*customer, contacts)
                    .await
                    .map_err(&failed)?;
            }
            copy.end().await.map_err(&failed)?;
        }
        self.merge
            .run(&transaction, receipt.day)
            .await
            .map_err(&failed)?;
        remember(&transaction, receipt).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }
}

/// Replaces the day's receipt.
async fn remember(
    transaction: &tokio_postgres::Transaction<'_>,
    receipt: &Receipt,
) -> Result<(), tokio_postgres::Error> {
    let value = |(place, name): (usize, &&str)| {
        let kind = match *name {
            "day" => "date",
            "customers" | "undated" => "bigint",
            _ => "text",
        };
        format!("CAST(${}::text AS {kind})", place + 1)
    };
    let values: Vec<_> = RECEIPT.iter().enumerate().map(value).collect();
    let anew = RECEIPT.map(|name| format!("{name} = excluded.{name}"));
    let replace = format!(
        "INSERT INTO kapture_days ({}) VALUES ({}) ON CONFLICT (day) DO UPDATE SET {}",
        RECEIPT.join(", "),
        values.join(", "),
        anew.join(", ")
    );
    // No text of the server can hold this character.
    let row = receipt_row(receipt).into_iter();
    let row: Vec<_> = row
        .map(|text| text.map(|text| text.replace('\0', "\u{fffd}")))
        .collect();
    let row: Vec<_> = row.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
    transaction.execute(&replace, &row).await?;
    Ok(())
}

#[async_trait]
impl Sink for Postgres {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.held))))
    }

    async fn finish(&self) -> Result<(), SinkError> {
        Ok(())
    }

    fn drift(&self) -> Drift {
        self.held.reader().drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let columns = RECEIPT.map(|name| match name {
            // How dates look otherwise is a setting.
            "day" => "to_char(day, 'YYYY-MM-DD')".into(),
            name => format!("CAST({name} AS text)"),
        });
        let select = format!("SELECT {} FROM kapture_days", columns.join(", "));
        let connection = &self.held.connection;
        let client = connection.client().await;
        let rows = client.query(&select, &[]).await;
        let receipts: Result<_, _> = rows
            .map_err(connection.failed())?
            .into_iter()
            .map(|row| receipt_of((0..RECEIPT.len()).map(|column| row.get(column)).collect()))
            .collect();
        receipts.map_err(|error| SinkError::database(&connection.place, error))
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        // Only a stand-in has its id elsewhere.
        let select = "
            SELECT id, CASE WHEN id < 0 THEN CAST(extra AS text) END
            FROM customers WHERE kapture_day = $1";
        let connection = &self.held.connection;
        let client = connection.client().await;
        let rows = client.query_raw(select, [day]).await;
        let mut rows = pin!(rows.map_err(connection.failed())?);
        let mut customers = BTreeSet::new();
        while let Some(row) = rows.try_next().await.map_err(connection.failed())? {
            customers.extend(customer_of(row.get(0), row.get(1)));
        }
        Ok(customers)
    }
}
