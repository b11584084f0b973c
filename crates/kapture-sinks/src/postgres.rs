//! Records to a PostgreSQL database with the tables `customers` and `contacts`, the ledger
//! `kapture_days` and the manifest `kapture_manifest` in its default schema, which is the first of
//! the search path.
//!
//! A day is one transaction: its records are copied into staging tables and merged from there. One
//! session at a time writes to a schema. It holds a session-level advisory lock, so the connection
//! must not go through a pool in transaction mode.
//!
//! Addresses are those of libpq, `postgres://user@host/database?sslmode=require`. What they leave out
//! is taken from a service file, the environment and a password file. Where nothing names the
//! `sslmode`, TLS to another machine is required, with a certificate of a known authority for the
//! server's name.

mod connection;
mod copy;
mod day;
mod destination;
mod erase;
mod error;
mod history;
mod parameters;
mod pooling;
mod rows;
mod server;
mod session;
mod tls;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{AttributeColumn, CustomerId, Drift, Receipt, RowHasher};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Transaction};

use crate::error::SinkError;
use crate::incremental::DayStore;
use crate::incremental::forget::Erased;
use crate::incremental::seen::SeenTimes;
use crate::incremental::spool::Spooled;
use crate::ledger::Ledger;
use crate::ledger::change::{ChangeStream, SeenBetween};
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::ledger::receipt_codec::{self, RECEIPTS};
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::RunLog;
use crate::ledger::stray::Stray;
use crate::ledger::tracking::Tracking;
use crate::sink::RowHashes;
use crate::sql::attributes;
use crate::sql::changes::{self, Position};
use crate::sql::history::{History, select_last_seen};
use crate::sql::merge::{Merge, SELECT_REREADS};
use crate::sql::runs::{self, RUNS};
use crate::sql::schema::{SELECT_VERSION, migrations};
use crate::sql::stored_table::{StoredRow, StoredTable};
use crate::sql::tables::{self, Dialect, TABLES};
use crate::sql::upgrade::Upgrade;
use connection::Connection;
pub(crate) use destination::parse;
use parameters::address::Address;

const UPSERT_MANIFEST: &str = "
    INSERT INTO kapture_manifest (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// A PostgreSQL database.
struct Postgres {
    connection: Connection,
    /// The zone in which instants become local times.
    zone: Tz,
    /// Further columns of customers that a writer asks for.
    columns: Vec<AttributeColumn>,
    merge: Merge,
    migrations: Vec<String>,
    /// How changes are remembered, once it is opened to write.
    tracking: Tracking,
    /// What tells a changed row, once it is opened to write.
    hasher: OnceLock<RowHasher>,
    /// If it is kept.
    history: OnceLock<History>,
    seen: SeenTimes,
    /// Once it is opened.
    keeps_history: OnceLock<bool>,
}

impl Postgres {
    async fn connect(
        address: &Address,
        zone: Tz,
        columns: &[AttributeColumn],
        tracking: Tracking,
    ) -> Result<Self, SinkError> {
        Ok(Self {
            connection: Connection::open(address).await?,
            zone,
            columns: columns.to_vec(),
            merge: Merge::new(Dialect::Postgres),
            migrations: migrations(Dialect::Postgres),
            tracking,
            hasher: OnceLock::new(),
            history: OnceLock::new(),
            seen: SeenTimes::default(),
            keeps_history: OnceLock::new(),
        })
    }

    async fn execute(&self, statements: &str) -> Result<(), SinkError> {
        let client = self.connection.client().await;
        self.connection.run(client.batch_execute(statements)).await
    }

    async fn check_present(&self) -> Result<(), SinkError> {
        let present = self.connection.existing(&TABLES).await?;
        tables::check_present(&self.connection.destination, &present)
    }

    /// The version of tables that no run has written to yet; 0 without tables.
    async fn unused_version(&self) -> Result<usize, SinkError> {
        let connection = &self.connection;
        if connection.existing(&["kapture_manifest"]).await?.is_empty() {
            return Ok(0);
        }
        let client = connection.client().await;
        let row = connection
            .run(client.query_one(SELECT_VERSION, &[]))
            .await?;
        let version: String = connection.value(&row, 0)?;
        Ok(version.parse().unwrap_or_default())
    }

    /// Applies the migrations that the database does not have yet, adds columns, and begins the
    /// history.
    async fn migrate(&self, upgrade: &Upgrade) -> Result<(), SinkError> {
        let connection = &self.connection;
        let mut client = connection.client().await;
        let transaction = connection.run(client.transaction()).await?;
        for migration in &self.migrations[upgrade.version..] {
            connection.run(transaction.batch_execute(migration)).await?;
        }
        for column in &upgrade.missing {
            let add = attributes::add_column(Dialect::Postgres, column);
            connection.run(transaction.batch_execute(&add)).await?;
        }
        let history = History::new(Dialect::Postgres);
        if let Some(from) = upgrade.history_from {
            let from = self.seen.next(from);
            for statement in &history.begin {
                connection
                    .run(transaction.execute(statement, &[&from]))
                    .await?;
            }
        }
        if upgrade.manifest.history {
            let select = select_last_seen(Dialect::Postgres);
            let last = connection.run(transaction.query_one(&select, &[])).await?;
            let last: Option<String> = connection.value(&last, 0)?;
            if let Some(last) = last.and_then(|last| last.parse().ok()) {
                self.seen.note(last);
            }
            let _ = self.history.set(history);
        }
        let _ = self.keeps_history.set(upgrade.manifest.history);
        let _ = self.hasher.set(upgrade.manifest.row_hasher());
        let written = write_manifest(&transaction, &upgrade.manifest);
        connection.run(written).await?;
        connection.run(transaction.commit()).await
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
        self.execute(&self.merge.create).await
    }

    /// All rows of a table.
    async fn stored_rows(&self, table: &StoredTable) -> Result<Vec<StoredRow>, SinkError> {
        let connection = &self.connection;
        let client = connection.client().await;
        let select = table.select(Dialect::Postgres);
        let rows = connection.run(client.query(&select, &[])).await?;
        let row = |row| {
            let columns = 0..table.width();
            columns
                .map(|column| connection.value(row, column))
                .collect()
        };
        rows.iter().map(row).collect()
    }
}

/// Inserts a row, or replaces the one of its key.
async fn upsert(
    transaction: &Transaction<'_>,
    table: &StoredTable,
    row: StoredRow,
) -> Result<(), tokio_postgres::Error> {
    // PostgreSQL refuses NUL in text.
    let without_nul = |text: Option<String>| text.map(|text| text.replace('\0', "\u{fffd}"));
    let row: Vec<_> = row.into_iter().map(without_nul).collect();
    let row: Vec<_> = row.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
    let upsert = table.upsert(Dialect::Postgres);
    transaction.execute(&upsert, &row).await.map(drop)
}

async fn write_manifest(
    client: &impl GenericClient,
    manifest: &Manifest,
) -> Result<(), tokio_postgres::Error> {
    for (name, value) in manifest.rows() {
        client.execute(UPSERT_MANIFEST, &[&name, &value]).await?;
    }
    Ok(())
}

#[async_trait]
impl DayStore for Postgres {
    fn destination(&self) -> String {
        self.connection.destination.clone()
    }

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
        Manifest::from_rows(origin, rows?, self.migrations.len())
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let client = self.connection.client().await;
        let written = write_manifest(&*client, manifest);
        self.connection.run(written).await
    }

    async fn lock(&self) -> Result<(), SinkError> {
        self.connection.acquire_lock().await
    }

    async fn initialize(
        &self,
        held: Option<Manifest>,
        identity: &Identity,
    ) -> Result<(), SinkError> {
        let latest = self.migrations.len();
        let version = match &held {
            Some(manifest) => manifest.version,
            None => self.unused_version().await?,
        };
        let (columns, tracking) = (&self.columns, &self.tracking);
        let upgrade = Upgrade::new(version, held, identity, latest, columns, tracking);
        if upgrade.version == latest {
            self.check_present().await?;
        }
        self.migrate(&upgrade).await?;
        self.set_up_session().await
    }

    async fn prepare_to_read(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let _ = self.keeps_history.set(manifest.history);
        manifest.check_latest(&self.connection.destination, self.migrations.len())?;
        self.check_present().await?;
        self.execute("SET default_transaction_read_only = on").await
    }

    async fn receipts(&self, ledger: Ledger) -> Result<Ledger, SinkError> {
        let connection = &self.connection;
        let rows = self.stored_rows(&RECEIPTS).await?;
        let client = connection.client().await;
        let select = receipt_codec::select_sharing(Dialect::Postgres);
        let sharing = connection.run(client.query(&select, &[])).await?;
        let sharing = sharing.iter().map(|row| connection.value(row, 0));
        let sharing = sharing.collect::<Result<Vec<Option<_>>, _>>()?;
        let sharing = sharing.into_iter().flatten();
        receipt_codec::decode_ledger(ledger, &connection.destination, rows, sharing)
    }

    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<Drift, SinkError> {
        day::replace(self, receipt, records).await
    }

    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        rows::strays(&self.connection).await
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        self.stored_rows(&RUNS).await.map(runs::decode)
    }

    async fn store_last_run(&self, log: &RunLog) -> Result<(), SinkError> {
        let connection = &self.connection;
        let mut client = connection.client().await;
        let transaction = connection.run(client.transaction()).await?;
        if let Some(run) = log.last() {
            let upserted = upsert(&transaction, &RUNS, RUNS.encode(run));
            connection.run(upserted).await?;
        }
        let first = log.first_kept().to_string();
        let first: [&(dyn ToSql + Sync); 1] = [&first];
        let deleted = transaction.execute(runs::DELETE_OLDER, &first);
        connection.run(deleted).await?;
        connection.run(transaction.commit()).await
    }

    fn changes(&self, span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        if !self.keeps_history.get().copied().unwrap_or_default() {
            return Err(SinkError::NoHistory {
                destination: self.destination(),
            });
        }
        Ok(changes::stream(Position::first(&span), move |position| {
            Box::pin(async move { history::changes(&self.connection, &span, &position).await })
        }))
    }

    async fn rereads(&self) -> Result<Rereads, SinkError> {
        let connection = &self.connection;
        let client = connection.client().await;
        let mut rereads = Rereads::default();
        for row in connection.run(client.query(SELECT_REREADS, &[])).await? {
            let count = |column| -> Result<u64, SinkError> {
                let count: i64 = connection.value(&row, column)?;
                Ok(count.try_into().unwrap_or(0))
            };
            rereads.add(count(0)?, count(1)?, count(2)?);
        }
        Ok(rereads)
    }

    async fn end_run(&self) -> Result<(), SinkError> {
        let (Some(history), Some(seen)) = (self.history.get(), self.seen.after_last()) else {
            return Ok(());
        };
        let connection = &self.connection;
        let mut client = connection.client().await;
        let transaction = connection.run(client.transaction()).await?;
        let all: [&(dyn ToSql + Sync); 1] = [&seen];
        for statement in &history.end {
            let parameters = if statement.contains("$1") {
                &all[..]
            } else {
                &[]
            };
            connection
                .run(transaction.execute(statement, parameters))
                .await?;
        }
        connection.run(transaction.commit()).await
    }

    async fn row_hashes(&self, day: NaiveDate, hasher: RowHasher) -> Result<RowHashes, SinkError> {
        rows::row_hashes(&self.connection, day, &hasher).await
    }

    async fn erase(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
        erase::erase(self, ids).await
    }
}
