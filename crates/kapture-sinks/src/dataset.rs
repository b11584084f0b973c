//! Records to a folder with one file for each day, which query engines read as it is.
//!
//! ```text
//! out/
//!   created_date=2024-05-02/customers.parquet
//!   _kapture/manifest.json          the manifest
//!   _kapture/days/2024-05-02.json   the day's receipt
//! ```
//!
//! A day is replaced in this order: the new file and the new receipt are written and synced under
//! temporary names, the old receipt is removed, the new file is renamed, the new receipt is
//! renamed. After a crash in between the day is complete, but stale: a file without a receipt. A
//! full disk leaves the day as it was. The receipt has the size of the file, so that a file that
//! was changed or removed is noticed without reading it.

mod address;
mod store;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Drift};

use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::encoding::{Encoding, Rows};
use crate::error::SinkError;
use crate::file::lock::Lock;
use crate::ledger::identity::Identity;
use crate::ledger::{Ledger, StaleReason};
use crate::sink::{DayWriter, Sink};
use crate::spool::SpoolWriter;
pub(crate) use address::parse;
use store::Store;

/// A folder with one file for each day, in the layout that Hive, Spark, DuckDB, Polars and Trino
/// know: `created_date=YYYY-MM-DD/`.
pub struct Dataset {
    store: Arc<Store>,
    /// Held by the writer.
    lock: Option<Lock>,
}

impl Dataset {
    /// Opens the dataset at `root` to write to it, and creates it if the folder is empty.
    ///
    /// `identity` says whose customers it holds, and in which zone instants become local times; it
    /// is compared with the manifest. The format of `encoding` must be the dataset's, if there is
    /// one. A dataset that is safe for spreadsheets stays so; no other becomes it.
    ///
    /// # Errors
    /// When the folder holds something else or another identity, or another run is writing to it.
    pub fn create(root: &Path, identity: &Identity, encoding: Encoding) -> Result<Self, SinkError> {
        // Query engines detect compression by the file name, which has only the format.
        let encoding = Encoding {
            compression: Compression::None,
            rows: Rows::Customers,
            zone: identity.zone,
            spreadsheet_safe: encoding.spreadsheet_safe && encoding.format == Format::Csv,
            ..encoding
        };
        // Fails now, not with the first day, if this build lacks the format.
        encoding.encoder(Box::new(io::sink()))?;
        let mut store = Store::new(root, encoding);
        match store.manifest()? {
            Some(manifest) => store.check(&manifest, identity)?,
            None if is_empty(root)? => {}
            None => return Err(store.no_manifest()),
        }
        fs::create_dir_all(store.days()).map_err(SinkError::file(root))?;
        let lock = Lock::acquire(&store.metadata("lock"), &store.destination())?;
        // Temporary files of a killed run.
        let _ = fs::remove_dir_all(store.partial());
        fs::create_dir_all(store.partial()).map_err(SinkError::file(root))?;
        store.encoding.spreadsheet_safe = store.initialize(identity)?.spreadsheet_safe;
        Ok(Self {
            store: Arc::new(store),
            lock: Some(lock),
        })
    }

    /// Opens the dataset at `root` to read it. `identity`, if given, is compared with the manifest.
    ///
    /// # Errors
    /// When there is none, or it holds another identity.
    pub fn open(root: &Path, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let mut store = Store::new(root, Encoding::new(Format::Ndjson));
        let Some(manifest) = store.manifest()? else {
            return Err(match is_empty(root)? {
                true => SinkError::NotFound {
                    destination: store.destination(),
                },
                false => store.no_manifest(),
            });
        };
        store.encoding.format = store.format(&manifest)?;
        if let Some(identity) = identity {
            manifest.identity.check(&store.destination(), identity)?;
        }
        Ok(Self {
            store: Arc::new(store),
            lock: None,
        })
    }

    /// The format of the files of the dataset at `root`, if there is one.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub fn format(root: &Path) -> Result<Option<Format>, SinkError> {
        let store = Store::new(root, Encoding::new(Format::Ndjson));
        let manifest = store.manifest()?;
        manifest.map(|manifest| store.format(&manifest)).transpose()
    }
}

/// Whether a folder is missing or empty, but for what a run began that was killed at once.
fn is_empty(folder: &Path) -> Result<bool, SinkError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries
            .flatten()
            .all(|entry| entry.file_name() == store::METADATA)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(SinkError::read(folder)(error)),
    }
}

#[async_trait]
impl Sink for Dataset {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.store))))
    }

    fn drift(&self) -> Drift {
        let drift = self.store.drift.lock();
        drift.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let days = self.store.days();
        let entries = fs::read_dir(&days).map_err(SinkError::read(&days))?;
        let mut ledger = match self.store.manifest()? {
            Some(manifest) => manifest.ledger(),
            None => Ledger::default(),
        };
        let mut listed = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(SinkError::read(&days))?.path();
            let day = path
                .file_stem()
                .and_then(|name| name.to_str()?.parse().ok());
            if let Some(day) = day
                && path == self.store.receipt_path(day)
            {
                listed.insert(day);
                match self.store.receipt(day)? {
                    Ok(receipt) => ledger.insert(receipt),
                    Err(reason) => ledger.mark_stale(day, reason),
                }
            }
        }
        for day in self.store.day_folders()? {
            // A receipt that was not listed may have been written meanwhile.
            if !listed.contains(&day)
                && self.store.day_file(day).exists()
                && !self.store.receipt_path(day).exists()
            {
                ledger.mark_stale(day, StaleReason::MissingReceipt);
            }
        }
        Ok(ledger)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        let Some(mut manifest) = self.store.manifest()? else {
            return Ok(());
        };
        match manifest.extend_start(day) {
            true => self.store.write_manifest(&manifest),
            false => Ok(()),
        }
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let path = self.store.day_file(day);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            file => file.map_err(SinkError::read(&path))?,
        };
        let ids = match self.store.encoding.format {
            Format::Ndjson => crate::encoding::ndjson::ids(file),
            #[cfg(feature = "csv")]
            Format::Csv => crate::encoding::csv::ids(file),
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::encoding::parquet::ids(file),
            #[cfg(not(all(feature = "csv", feature = "parquet")))]
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        ids.map_err(SinkError::read(&path))
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // Only if it is empty: the next run removes what a failed one left.
            let _ = fs::remove_dir(self.store.partial());
        }
    }
}
