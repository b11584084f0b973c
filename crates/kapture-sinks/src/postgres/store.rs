//! The open database: its manifest and migrations, and the transaction that replaces a day.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono_tz::Tz;
use kapture_model::{Receipt, Record, RowReader};
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use super::copy::StagingCopy;
use super::upsert::DayUpsert;
use crate::error::SinkError;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::ledger::receipt_codec;
use crate::spool::{DayStore, Spooled};
use crate::sql::schema::migrations;
use crate::sql::tables::{self, Dialect, TABLES};

pub(super) const UPSERT_MANIFEST: &str = "
    INSERT INTO kapture_manifest (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

pub(super) struct Store {
    pub(super) connection: Connection,
    pub(super) reader: Mutex<RowReader<Tz>>,
    pub(super) upsert: DayUpsert,
}

impl Store {
    pub(super) fn reader(&self) -> MutexGuard<'_, RowReader<Tz>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn execute(&self, statements: &str) -> Result<(), SinkError> {
        let client = self.connection.client().await;
        self.connection.run(client.batch_execute(statements)).await
    }

    /// The manifest, or `None` if the schema has none of our tables.
    async fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        let connection = &self.connection;
        let destination = &connection.destination;
        if connection.existing(&["kapture_manifest"]).await?.is_empty() {
            return match connection.existing(&TABLES).await?.first() {
                Some(table) => Err(tables::no_manifest(destination, table)),
                None => Ok(None),
            };
        }
        let select = "
            SELECT name::text, value::text FROM kapture_manifest
            WHERE name IS NOT NULL AND value IS NOT NULL";
        let client = connection.client().await;
        let rows = match connection.within_timeout(client.query(select, &[])).await? {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
                return Err(tables::other_columns(destination));
            }
            rows => rows.map_err(|error| connection.error(&error))?,
        };
        let row = |row| Ok((connection.value(row, 0)?, connection.value(row, 1)?));
        let rows: Result<_, SinkError> = rows.iter().map(row).collect();
        let origin = Origin {
            destination,
            file_or_table: "its table kapture_manifest",
        };
        Manifest::from_rows(origin, rows?, migrations(Dialect::Postgres).len()).map(Some)
    }

    /// The manifest of a database that has one.
    pub(super) async fn latest_manifest(&self) -> Result<Manifest, SinkError> {
        self.manifest().await?.ok_or_else(|| SinkError::NotFound {
            destination: self.connection.destination.clone(),
        })
    }

    /// Applies the migrations that the database does not have yet, and sets the session up. A
    /// database that exists must hold the same identity.
    pub(super) async fn migrate(&self, identity: &Identity) -> Result<(), SinkError> {
        let migrations = migrations(Dialect::Postgres);
        let latest = migrations.len();
        let connection = &self.connection;
        let held = self.manifest().await?;
        let version = held.as_ref().map_or(0, |manifest| manifest.version);
        if let Some(manifest) = &held {
            manifest.identity.check(&connection.destination, identity)?;
            if version == latest {
                let present = connection.existing(&TABLES).await?;
                tables::check_present(&connection.destination, &present)?;
            }
        }
        if version < latest {
            let mut manifest = held.unwrap_or_else(|| Manifest::new(latest, identity));
            manifest.version = latest;
            let mut client = connection.client().await;
            let transaction = connection.run(client.transaction()).await?;
            for migration in &migrations[version..] {
                connection.run(transaction.batch_execute(migration)).await?;
            }
            for (name, value) in manifest.rows() {
                let row: [&(dyn ToSql + Sync); 2] = [&name, &value];
                connection
                    .run(transaction.execute(UPSERT_MANIFEST, &row))
                    .await?;
            }
            connection.run(transaction.commit()).await?;
        }
        self.set_up_session().await
    }

    async fn set_up_session(&self) -> Result<(), SinkError> {
        // A table that another session locks for longer than this is an error.
        self.execute(
            "SELECT set_config('lock_timeout', '60s', false)
             WHERE current_setting('lock_timeout') = '0'",
        )
        .await?;
        // A server that supports it notices early that this process was killed, and releases the
        // advisory lock.
        let check = "
            SELECT set_config(name, '1s', false)
            FROM pg_settings WHERE name = 'client_connection_check_interval'";
        let _ = self.execute(check).await;
        self.execute(self.upsert.temporary_tables()).await
    }

    /// Copies records and their contacts into the staging tables.
    async fn stage(
        &self,
        transaction: &Transaction<'_>,
        records: &[Record],
    ) -> Result<(), tokio_postgres::Error> {
        let mut contacts = Vec::new();
        let mut copy = StagingCopy::customers(transaction).await?;
        for record in records {
            let row = self.reader().read(record);
            copy.customer(&row).await?;
            if !row.contacts.is_empty() {
                contacts.push((row.id, row.contacts));
            }
        }
        copy.finish().await?;
        if contacts.is_empty() {
            return Ok(());
        }
        let mut copy = StagingCopy::contacts(transaction).await?;
        for (customer, contacts) in &contacts {
            copy.contacts_of(*customer, contacts).await?;
        }
        copy.finish().await
    }
}

#[async_trait]
impl DayStore for Store {
    async fn replace_day(&self, receipt: &Receipt, mut records: Spooled) -> Result<(), SinkError> {
        let connection = &self.connection;
        let mut client = connection.client().await;
        // A transaction that is dropped is rolled back.
        let transaction = connection.run(client.transaction()).await?;
        loop {
            let batch = records.next_batch()?;
            if batch.is_empty() {
                break;
            }
            connection.run(self.stage(&transaction, &batch)).await?;
        }
        let upserted = self.upsert.run(&transaction, receipt.day);
        connection.run(upserted).await?;
        connection
            .run(upsert_receipt(&transaction, receipt))
            .await?;
        connection.run(transaction.commit()).await
    }
}

async fn upsert_receipt(
    transaction: &Transaction<'_>,
    receipt: &Receipt,
) -> Result<(), tokio_postgres::Error> {
    // PostgreSQL refuses NUL in text.
    let row = receipt_codec::encode(receipt).into_iter();
    let row: Vec<_> = row
        .map(|text| text.map(|text| text.replace('\0', "\u{fffd}")))
        .collect();
    let row: Vec<_> = row.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
    let upsert = receipt_codec::upsert(Dialect::Postgres);
    transaction.execute(&upsert, &row).await?;
    Ok(())
}
