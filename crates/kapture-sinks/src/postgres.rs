//! Records to a PostgreSQL database.

mod address;
mod connection;
mod error;
mod tls;
mod upsert;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use futures_util::TryStreamExt;
use kapture_model::{CustomerId, Drift, Receipt, Record, RowReader};
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::encoding::surrogate_key::customer_of;
use crate::error::SinkError;
use crate::ledger::Ledger;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{self, Manifest};
use crate::ledger::receipt_codec;
use crate::sink::{DayWriter, Sink};
use crate::spool::{DayStore, SpoolWriter, Spooled};
use crate::sql::schema::migrations;
use crate::sql::tables::{Dialect, OF_DAY};
use address::Address;
use connection::Connection;
use error::Failure;
use upsert::{Fetched, Merge};

const PUT_SETTING: &str = "
    INSERT INTO kapture_manifest (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

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

/// Whether an address can be understood, or why not.
pub(crate) fn check_address(url: &str) -> Result<(), String> {
    match Address::parse(url, None) {
        Err(Failure::Address(reason)) => Err(reason),
        _ => Ok(()),
    }
}

struct Held {
    connection: Connection,
    reader: Mutex<RowReader<Tz>>,
    merge: Merge,
}

impl Postgres {
    /// Connects to write, makes the tables if they are not there, and brings those of an earlier
    /// version up to date.
    ///
    /// `identity` says whose customers the database holds, and in which zone instants are seen; it
    /// is compared with what that says.
    ///
    /// # Errors
    /// When the database cannot be reached, holds tables of other makes under our names, or
    /// another run is writing to it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn create(url: &str, identity: &Identity) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, identity.zone).await?;
        postgres.held.connection.take_lock().await?;
        postgres.held.initialize(identity).await?;
        Ok(postgres)
    }

    /// Connects to look at what is there. `identity` says whose customers are looked for, if that
    /// matters.
    ///
    /// # Errors
    /// When the database cannot be reached, is none of kapture's or of an earlier version, or holds
    /// the customers of another identity.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(url: &str, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let postgres = Self::connect(url, Tz::UTC).await?;
        let held = &postgres.held;
        let (settings, destination) = (held.settings().await?, &held.connection.destination);
        settings.is_current(destination, migrations(Dialect::Postgres).len())?;
        manifest::are_whole(destination, &held.connection.taken(&manifest::OURS).await?)?;
        if let Some(identity) = identity {
            settings.agree(destination, identity)?;
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

    async fn execute(&self, statements: &str) -> Result<(), SinkError> {
        let client = self.connection.client().await;
        self.connection.done(client.batch_execute(statements)).await
    }

    /// What the database says of itself.
    async fn settings(&self) -> Result<Manifest, SinkError> {
        let connection = &self.connection;
        if connection.taken(&["kapture_manifest"]).await?.is_empty() {
            return match connection.taken(&manifest::OURS).await?.first() {
                Some(table) => Err(manifest::taken(&connection.destination, table)),
                None => Ok(Manifest::default()),
            };
        }
        let select = "
            SELECT name::text, value::text FROM kapture_manifest
            WHERE name IS NOT NULL AND value IS NOT NULL";
        let client = connection.client().await;
        let rows = match connection.awaited(client.query(select, &[])).await? {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
                return Err(manifest::others(&connection.destination));
            }
            rows => rows.map_err(|error| connection.failed(&error))?,
        };
        let said = |row| Ok((connection.value(row, 0)?, connection.value(row, 1)?));
        let rows: Result<_, SinkError> = rows.iter().map(said).collect();
        Manifest::of_table(&connection.destination, rows?)
    }

    /// Makes the tables, or finds that they are ours and for the same customers.
    async fn initialize(&self, identity: &Identity) -> Result<(), SinkError> {
        let steps = migrations(Dialect::Postgres);
        let connection = &self.connection;
        let settings = self.settings().await?;
        let version = settings.version(&connection.destination, steps.len())?;
        settings.agree(&connection.destination, identity)?;
        if version == steps.len() {
            let present = connection.taken(&manifest::OURS).await?;
            manifest::are_whole(&connection.destination, &present)?;
        }
        let mut client = connection.client().await;
        let transaction = connection.done(client.transaction()).await?;
        for step in &steps[version..] {
            connection.done(transaction.batch_execute(step)).await?;
        }
        for (name, value) in settings.missing_rows(&steps.len().to_string(), identity) {
            let setting: [&(dyn ToSql + Sync); 2] = [&name, &value];
            connection
                .done(transaction.execute(PUT_SETTING, &setting))
                .await?;
        }
        connection.done(transaction.commit()).await?;
        drop(client);
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

    /// Copies records and their contacts into temporary tables.
    async fn copy(
        &self,
        transaction: &Transaction<'_>,
        records: &[Record],
    ) -> Result<(), tokio_postgres::Error> {
        let mut contacts = Vec::new();
        let mut copy = Fetched::customers(transaction).await?;
        for record in records {
            let row = self.reader().read(record);
            copy.customer(&row).await?;
            if !row.contacts.is_empty() {
                contacts.push((row.id, row.contacts));
            }
        }
        copy.end().await?;
        if contacts.is_empty() {
            return Ok(());
        }
        let mut copy = Fetched::contacts(transaction).await?;
        for (customer, contacts) in &contacts {
            copy.contacts_of(*customer, contacts).await?;
        }
        copy.end().await
    }
}

#[async_trait]
impl DayStore for Held {
    async fn replace_day(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
        let connection = &self.connection;
        let mut client = connection.client().await;
        // Dropped before its end, it is rolled back.
        let transaction = connection.done(client.transaction()).await?;
        loop {
            let batch = records.next_batch()?;
            if batch.is_empty() {
                break;
            }
            connection.done(self.copy(&transaction, &batch)).await?;
        }
        let merged = self.merge.run(&transaction, receipt.day);
        connection.done(merged).await?;
        connection.done(remember(&transaction, receipt)).await?;
        connection.done(transaction.commit()).await
    }
}

/// Replaces the day's receipt.
async fn remember(
    transaction: &Transaction<'_>,
    receipt: &Receipt,
) -> Result<(), tokio_postgres::Error> {
    // No text of the server can hold this character.
    let row = receipt_codec::row_of(receipt).into_iter();
    let row: Vec<_> = row
        .map(|text| text.map(|text| text.replace('\0', "\u{fffd}")))
        .collect();
    let row: Vec<_> = row.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
    let replace = receipt_codec::replace(Dialect::Postgres);
    transaction.execute(&replace, &row).await?;
    Ok(())
}

#[async_trait]
impl Sink for Postgres {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.held))))
    }

    fn drift(&self) -> Drift {
        self.held.reader().drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let connection = &self.held.connection;
        let client = connection.client().await;
        let select = receipt_codec::select(Dialect::Postgres);
        let rows = connection.done(client.query(&select, &[])).await?;
        let rows = rows.iter().map(|row| {
            (0..receipt_codec::WIDTH)
                .map(|column| connection.value(row, column))
                .collect()
        });
        let rows = rows.collect::<Result<_, _>>()?;
        let select = receipt_codec::select_contested(Dialect::Postgres);
        let contested = connection.done(client.query(&select, &[])).await?;
        let contested = contested.iter().map(|row| connection.value(row, 0));
        let contested = contested.collect::<Result<Vec<Option<_>>, _>>()?;
        drop(client);
        let ledger = self.held.settings().await?.ledger();
        let contested = contested.into_iter().flatten();
        receipt_codec::ledger_of(ledger, &connection.destination, rows, contested)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        let Some((name, value)) = self.held.settings().await?.start_row(day) else {
            return Ok(());
        };
        let connection = &self.held.connection;
        let client = connection.client().await;
        let setting: [&(dyn ToSql + Sync); 2] = [&name, &value];
        let put = client.execute(PUT_SETTING, &setting);
        connection.done(put).await.map(|_| ())
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let connection = &self.held.connection;
        let client = connection.client().await;
        let rows = connection.done(client.query_raw(OF_DAY, [day]));
        let mut rows = pin!(rows.await?);
        let mut customers = BTreeSet::new();
        while let Some(row) = connection.done(rows.try_next()).await? {
            let (number, extra) = (connection.value(&row, 0)?, connection.value(&row, 1)?);
            customers.extend(customer_of(number, extra));
        }
        Ok(customers)
    }
}
