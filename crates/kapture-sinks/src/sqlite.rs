//! Records to a SQLite database with the tables `customers` and `contacts`, the ledger
//! `kapture_days` and the manifest `kapture_manifest`.
//!
//! A day is one transaction. Readers are not blocked: while a run writes, the database has a
//! write-ahead log. After the run it is one file, which any user with read permission can open.

mod address;
mod database;
mod day;
mod erase;
mod error;
mod history;
mod open;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{AttributeColumn, CustomerId, Drift, Receipt, RowHasher};

use crate::error::SinkError;
use crate::file::canonicalize::canonicalize;
use crate::incremental::DayStore;
use crate::incremental::blocking::{self, Blocking};
use crate::incremental::forget::Erased;
use crate::incremental::spool::Spooled;
use crate::ledger::Ledger;
use crate::ledger::change::{ChangeStream, SeenBetween};
use crate::ledger::identity::Identity;
use crate::ledger::manifest::Manifest;
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::RunLog;
use crate::ledger::stray::Stray;
use crate::ledger::tracking::Tracking;
use crate::sink::RowHashes;
use crate::sql::changes::{self, Position};
pub(crate) use address::parse;
use database::Database;

/// A SQLite database.
pub(crate) struct Sqlite {
    destination: String,
    database: Blocking<Database>,
    /// Once it is opened.
    keeps_history: OnceLock<bool>,
}

impl Sqlite {
    /// Opens the database at `path` to write to it. Creates an empty file if there is none.
    pub(crate) async fn writer(
        path: &Path,
        zone: Tz,
        columns: &[AttributeColumn],
        migrations: Vec<String>,
        tracking: Tracking,
    ) -> Result<Self, SinkError> {
        let named = path.to_owned();
        let open = move || open::read_write(&canonicalize(&named));
        let connection = blocking::run(open).await?;
        Ok(Self::new(
            path,
            Database::new(
                path,
                connection,
                zone,
                columns.to_vec(),
                migrations,
                tracking,
            ),
        ))
    }

    /// Opens the database at `path` to read it, without changing anything: it may be on a
    /// read-only file system.
    pub(crate) async fn reader(path: &Path, migrations: Vec<String>) -> Result<Self, SinkError> {
        let named = path.to_owned();
        let connection = blocking::run(move || open::read_only(&named)).await?;
        Ok(Self::new(
            path,
            Database::new(
                path,
                connection,
                Tz::UTC,
                Vec::new(),
                migrations,
                Tracking::default(),
            ),
        ))
    }

    fn new(path: &Path, database: Database) -> Self {
        Self {
            destination: path.display().to_string(),
            database: Blocking::new(database),
            keeps_history: OnceLock::new(),
        }
    }
}

#[async_trait]
impl DayStore for Sqlite {
    fn destination(&self) -> String {
        self.destination.clone()
    }

    async fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        self.database.run(Database::manifest).await
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let rows = manifest.rows();
        let write = move |database: &Database| database.write_manifest(rows);
        self.database.run(write).await
    }

    async fn lock(&self) -> Result<(), SinkError> {
        self.database.run(Database::lock).await
    }

    async fn initialize(
        &self,
        held: Option<Manifest>,
        identity: &Identity,
    ) -> Result<(), SinkError> {
        let identity = identity.clone();
        let migrate = move |database: &Database| {
            database.migrate(held, &identity)?;
            Ok(database.keeps_history())
        };
        let _ = self.keeps_history.set(self.database.run(migrate).await?);
        Ok(())
    }

    async fn prepare_to_read(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let _ = self.keeps_history.set(manifest.history);
        let manifest = manifest.clone();
        let check = move |database: &Database| database.check_latest(&manifest);
        self.database.run(check).await
    }

    async fn receipts(&self, ledger: Ledger) -> Result<Ledger, SinkError> {
        let read = move |database: &Database| database.receipts(ledger);
        self.database.run(read).await
    }

    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<Drift, SinkError> {
        let receipt = receipt.clone();
        let replace = move |database: &Database| database.replace_day(&receipt, records);
        self.database.run(replace).await
    }

    async fn row_hashes(&self, day: NaiveDate, hasher: RowHasher) -> Result<RowHashes, SinkError> {
        let read = move |database: &Database| database.row_hashes(day, &hasher);
        self.database.run(read).await
    }

    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        self.database.run(Database::strays).await
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        self.database.run(Database::runs).await
    }

    async fn store_last_run(&self, log: &RunLog) -> Result<(), SinkError> {
        let log = log.clone();
        let store = move |database: &Database| database.store_last_run(&log);
        self.database.run(store).await
    }

    fn changes(&self, span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        if !self.keeps_history.get().copied().unwrap_or_default() {
            return Err(SinkError::NoHistory {
                destination: self.destination(),
            });
        }
        Ok(changes::stream(Position::first(&span), move |position| {
            let read = move |database: &Database| database.changes(&span, &position);
            Box::pin(self.database.run(read))
        }))
    }

    async fn rereads(&self) -> Result<Rereads, SinkError> {
        self.database.run(Database::rereads).await
    }

    async fn end_run(&self) -> Result<(), SinkError> {
        self.database.run(Database::end_run).await
    }

    async fn erase(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
        let ids = ids.clone();
        let erase = move |database: &Database| erase::erase(database, &ids);
        self.database.run(erase).await
    }

    async fn check_present(&self) -> Result<(), SinkError> {
        self.database.run(Database::check_present).await
    }
}
