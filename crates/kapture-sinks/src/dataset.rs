//! Records to a dataset: one file for each day, which query engines read as it is, in a folder or
//! in an object store.
//!
//! ```text
//! out/
//!   created_date=2024-05-02/customers.parquet
//!   changes/seen_date=2024-06-01/…  what changed, with `sync --history`
//!   _kapture/manifest.json          the manifest
//!   _kapture/days/2024-05-02.json   the day's receipt
//!   _kapture/runs.json              the last runs
//!   _kapture/changes/               changes of days whose commit is under way
//!   _kapture/README.md              how to read the files
//!   _kapture/lock                   while a run writes; lock.json in an object store
//! ```
//!
//! The receipt names the file as it was committed, so that one that was changed or removed is
//! noticed without reading it. `layout.rs` has the names, `files.rs` what a dataset needs of the
//! place where its files are, `folder/` and `bucket/` are those places.

#[cfg(feature = "object-store")]
pub(crate) mod bucket;
mod changes;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod layout;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::OnceLock;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use futures_util::{StreamExt, TryStreamExt, stream};
use kapture_model::{AttributeColumn, CustomerId, Drift, Receipt, Record, RowHasher, sanitize};

use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::encoding::stored::Stored;
use crate::encoding::{Encoding, Rows};
use crate::error::SinkError;
use crate::incremental::forget::Erased;
use crate::incremental::spool::Spooled;
use crate::incremental::{DayStore, blocking};
use crate::ledger::change::{ChangeStream, SeenBetween};
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::ledger::receipt_codec::FileReceipt;
use crate::ledger::run_log::RunLog;
use crate::ledger::stray::Stray;
use crate::ledger::tracking::Tracking;
use crate::ledger::{Ledger, StaleReason};
use crate::sink::RowHashes;
use changes::Recording;
use files::{Customers, DayContent, Files, Stamp};

/// The version of the layout that this program writes.
const LAYOUT_VERSION: usize = 1;

/// How many receipts are read at the same time.
const RECEIPTS_AT_ONCE: usize = 32;

/// The files of a dataset, in the layout that Hive, Spark, DuckDB, Polars and Trino know.
pub(crate) struct Dataset<F> {
    files: F,
    /// How to write; `None` to read.
    encoding: Option<Encoding>,
    /// How changes are remembered from now on.
    tracking: Tracking,
    /// How the files are encoded, from the manifest.
    held: OnceLock<Held>,
    /// If it keeps its changes, once it is opened.
    recording: OnceLock<Recording>,
}

/// What the manifest says of the encoding of files.
#[derive(Debug, Clone)]
struct Held {
    format: Format,
    spreadsheet_safe: bool,
    csv_separator: u8,
    csv_bom: bool,
    columns: Vec<AttributeColumn>,
}

impl Held {
    fn of(format: Format, manifest: &Manifest) -> Self {
        let separator = manifest.csv_separator.map(u8::try_from);
        Self {
            format,
            spreadsheet_safe: manifest.spreadsheet_safe,
            csv_separator: separator.and_then(Result::ok).unwrap_or(b','),
            csv_bom: manifest.csv_bom,
            columns: manifest.columns.clone(),
        }
    }

    /// What an encoding asks for that the files are not, unless it is the default.
    fn difference(&self, asked: &Encoding) -> Option<&'static str> {
        let is_csv = self.format == Format::Csv;
        let other_separator =
            asked.csv_separator != b',' && asked.csv_separator != self.csv_separator;
        if is_csv && asked.spreadsheet_safe && !self.spreadsheet_safe {
            Some("csv files that are not safe for spreadsheets")
        } else if is_csv && other_separator {
            Some("csv files with another separator")
        } else if is_csv && asked.csv_bom && !self.csv_bom {
            Some("csv files without a byte order mark")
        } else if !asked.columns.is_empty() && asked.columns != self.columns {
            Some("files with other columns")
        } else {
            None
        }
    }
}

impl<F: Files> Dataset<F> {
    /// A dataset to read.
    pub(crate) fn reader(files: F) -> Self {
        Self {
            files,
            encoding: None,
            tracking: Tracking::default(),
            held: OnceLock::new(),
            recording: OnceLock::new(),
        }
    }

    /// A dataset to write. The format of `encoding` must be the dataset's, if there is one. A
    /// dataset that is safe for spreadsheets stays so; no other becomes it.
    pub(crate) fn writer(
        files: F,
        identity: &Identity,
        encoding: &Encoding,
        tracking: &Tracking,
    ) -> Result<Self, SinkError> {
        // Query engines detect compression by the file name, which has only the format.
        let encoding = Encoding {
            compression: Compression::None,
            rows: Rows::Customers,
            zone: identity.zone,
            raw: false,
            ..encoding.clone()
        };
        // Fails now, not with the first day, if this build lacks the format.
        encoding.encoder(Box::new(io::sink()))?;
        Ok(Self {
            encoding: Some(encoding),
            tracking: tracking.clone(),
            ..Self::reader(files)
        })
    }

    /// The format of the files, if there is a dataset.
    pub(crate) async fn format_held(files: F) -> Result<Option<Format>, SinkError> {
        let dataset = Self::reader(files);
        let manifest = dataset.manifest().await?;
        manifest
            .map(|manifest| dataset.format(&manifest))
            .transpose()
    }

    fn format(&self, manifest: &Manifest) -> Result<Format, SinkError> {
        let format = manifest.format.as_deref().unwrap_or_default();
        format.parse().map_err(|_| {
            let what = format!("files of the format `{}`", sanitize(format));
            self.not_kapture_data(what)
        })
    }

    fn not_kapture_data(&self, what: String) -> SinkError {
        SinkError::NotKaptureData {
            destination: self.destination(),
            what,
        }
    }

    /// The encoding to write with: the one that the manifest records, or `asked` for a new dataset.
    fn encoding_held(&self, asked: Encoding) -> Encoding {
        match self.held.get().cloned() {
            Some(held) => Encoding {
                format: held.format,
                spreadsheet_safe: held.spreadsheet_safe,
                csv_separator: held.csv_separator,
                csv_bom: held.csv_bom,
                columns: held.columns,
                ..asked
            },
            None => asked,
        }
    }

    /// The manifest of a dataset that this run begins.
    fn new_manifest(&self, identity: &Identity) -> Manifest {
        let mut manifest = Manifest::new(LAYOUT_VERSION, identity);
        if let Some(encoding) = &self.encoding {
            manifest.format = Some(encoding.format.to_string());
            let is_csv = encoding.format == Format::Csv;
            manifest.spreadsheet_safe = is_csv && encoding.spreadsheet_safe;
            let separator = encoding.csv_separator;
            manifest.csv_separator = (is_csv && separator != b',').then_some(char::from(separator));
            manifest.csv_bom = is_csv && encoding.csv_bom;
            if encoding.format.is_table() {
                manifest.columns = encoding.columns.clone();
            }
        }
        manifest
    }

    /// The ids of the customers in the file of a day.
    async fn ids(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        self.read_day(day, Stored::ids).await
    }

    /// What `read` makes of the file of a day, if there is one.
    async fn read_day<T: Default + Send + 'static>(
        &self,
        day: NaiveDate,
        read: impl FnOnce(Stored, File) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SinkError> {
        let key = layout::day(day, self.held_format());
        let Some(file) = self.files.fetch(&key).await? else {
            return Ok(T::default());
        };
        let stored = self.stored();
        let found = blocking::run(move || read(stored, file)).await;
        found.map_err(|error| self.files.unreadable(&key, error))
    }

    /// Fails unless the manifest has the format that is to be written.
    fn check_encoding(&self, manifest: &Manifest, encoding: &Encoding) -> Result<(), SinkError> {
        let destination = self.destination();
        let format = self.format(manifest)?;
        if format != encoding.format {
            return Err(SinkError::OtherFormat {
                destination,
                held: format.to_string(),
                asked: encoding.format.to_string(),
            });
        }
        match Held::of(format, manifest).difference(encoding) {
            Some(held) => Err(SinkError::OtherEncoding { destination, held }),
            None => Ok(()),
        }
    }

    /// Writes the file of a day anew without `erased`, of all customers that it holds.
    async fn rewrite(
        &self,
        receipt: Receipt,
        held: &BTreeSet<CustomerId>,
        erased: &BTreeSet<CustomerId>,
    ) -> Result<(), SinkError> {
        let format = self.held_format();
        let file = self.files.fetch(&layout::day(receipt.day, format)).await?;
        let customers = match file {
            Some(file) if held.len() > erased.len() || format.is_table() => Customers::Without {
                file,
                stored: self.stored(),
                erased: erased.clone(),
            },
            _ => Customers::None,
        };
        let content = DayContent {
            receipt: receipt.without(erased),
            format,
            customers,
        };
        self.files.replace_day(content).await.map(drop)
    }

    /// How the files are read back.
    fn stored(&self) -> Stored {
        Stored {
            format: self.held_format(),
            #[cfg(feature = "csv")]
            separator: self.held.get().map_or(b',', |held| held.csv_separator),
        }
    }

    fn held_format(&self) -> Format {
        self.held.get().map_or(Format::Ndjson, |held| held.format)
    }

    /// The receipt of a day, or why the day is stale. `stamp` is that of its file, if there is one.
    async fn receipt(
        &self,
        day: NaiveDate,
        stamp: Option<&Stamp>,
    ) -> Result<Result<Receipt, StaleReason>, SinkError> {
        let Some(json) = self.files.read(&layout::receipt(day)).await? else {
            return Ok(Err(StaleReason::MissingReceipt));
        };
        let stored = match serde_json::from_slice::<FileReceipt>(&json) {
            Ok(stored) if stored.receipt.day == day => stored,
            _ => return Ok(Err(StaleReason::UnreadableReceipt)),
        };
        Ok(match (stored.stamp(), stamp) {
            (None, None) => Ok(stored.receipt),
            (Some(_), None) => Err(StaleReason::MissingFile),
            (Some(named), Some(found)) if named.bytes != found.bytes => {
                Err(StaleReason::FileSizeChanged)
            }
            // A folder has no ETags.
            (Some(named), Some(found)) if found.etag.is_none() || named.etag == found.etag => {
                Ok(stored.receipt)
            }
            (Some(_), Some(_)) => Err(StaleReason::FileReplaced),
            (None, Some(_)) => Err(StaleReason::FileSizeChanged),
        })
    }
}

#[async_trait]
impl<F: Files> DayStore for Dataset<F> {
    fn destination(&self) -> String {
        self.files.destination()
    }

    async fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        let Some(json) = self.files.read(layout::MANIFEST).await? else {
            let foreign = self.files.foreign().await?;
            return match foreign.is_empty() {
                true => Ok(None),
                false => Err(self.not_kapture_data(layout::no_manifest(&foreign))),
            };
        };
        let origin = Origin {
            destination: &self.destination(),
            file_or_table: "its _kapture/manifest.json",
        };
        let manifest = Manifest::from_json(origin, &json, LAYOUT_VERSION)?;
        if let Some(encoding) = &self.encoding {
            self.check_encoding(&manifest, encoding)?;
        }
        Ok(Some(manifest))
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let json = layout::json(manifest).map_err(SinkError::Spool)?;
        self.files.write(layout::MANIFEST, json).await
    }

    async fn lock(&self) -> Result<(), SinkError> {
        self.files.lock().await
    }

    async fn unlock(&self) {
        self.files.unlock().await;
    }

    async fn initialize(
        &self,
        held: Option<Manifest>,
        identity: &Identity,
    ) -> Result<(), SinkError> {
        let mut manifest = match &held {
            Some(manifest) => manifest.clone(),
            None => self.new_manifest(identity),
        };
        manifest.track(&self.tracking);
        if held.as_ref() != Some(&manifest) {
            let readme = layout::readme(self.format(&manifest)?, manifest.history);
            self.files.write(layout::README, readme.into()).await?;
            self.write_manifest(&manifest).await?;
        }
        self.prepare_to_read(&manifest).await?;
        match self.recording.get() {
            Some(recording) => self.recover_changes(recording).await,
            None => Ok(()),
        }
    }

    async fn prepare_to_read(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let format = self.format(manifest)?;
        let _ = self.held.set(Held::of(format, manifest));
        if manifest.history {
            let _ = self.recording.set(Recording::new(manifest.row_hasher()));
        }
        Ok(())
    }

    async fn receipts(&self, mut ledger: Ledger) -> Result<Ledger, SinkError> {
        let listing = self.files.list(self.held_format()).await?;
        let days = listing.receipts.iter().chain(listing.days.keys());
        let days: BTreeSet<_> = days.copied().collect();
        let read = |day| {
            let stamp = listing.days.get(&day);
            async move { Ok::<_, SinkError>((day, self.receipt(day, stamp).await?)) }
        };
        let mut receipts = stream::iter(days)
            .map(read)
            .buffer_unordered(RECEIPTS_AT_ONCE);
        while let Some((day, receipt)) = receipts.try_next().await? {
            match receipt {
                Ok(receipt) => ledger.insert(receipt),
                Err(reason) => ledger.mark_stale(day, reason),
            }
        }
        Ok(ledger)
    }

    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<Drift, SinkError> {
        let Some(encoding) = &self.encoding else {
            return Err(self.not_kapture_data("it was opened to read".into()));
        };
        let encoding = self.encoding_held(encoding.clone());
        let content = DayContent {
            receipt: receipt.clone(),
            format: encoding.format,
            customers: Customers::Pulled { encoding, records },
        };
        match self.recording.get() {
            Some(recording) => self.replace_and_record(content, recording).await,
            None => self.files.replace_day(content).await,
        }
    }

    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        let strays = self.files.strays(self.held_format()).await?;
        let stray = |name: String| Stray::File {
            day: name
                .split_once('/')
                .and_then(|(folder, _)| layout::day_of_partition(folder)),
            name,
        };
        Ok(strays.into_iter().map(stray).collect())
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        let json = self.files.read(layout::RUNS).await?;
        let log = json.map(|json| serde_json::from_slice(&json).unwrap_or_default());
        Ok(log.unwrap_or_default())
    }

    async fn store_last_run(&self, log: &RunLog) -> Result<(), SinkError> {
        let json = layout::json(log).map_err(SinkError::Spool)?;
        self.files.write(layout::RUNS, json).await
    }

    fn changes(&self, span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        match self.recording.get() {
            Some(_) => Ok(self.changes_between(span)),
            None => Err(SinkError::NoHistory {
                destination: self.destination(),
            }),
        }
    }

    async fn row_hashes(&self, day: NaiveDate, hasher: RowHasher) -> Result<RowHashes, SinkError> {
        let read = move |stored: Stored, file| stored.row_hashes(file, &hasher);
        self.read_day(day, read).await
    }

    /// Those of a file with these customers.
    async fn row_hashes_of(
        &self,
        zone: Tz,
        day: NaiveDate,
        records: Vec<Record>,
        hasher: RowHasher,
    ) -> Result<RowHashes, SinkError> {
        let mut encoding = self.encoding_held(Encoding::new(self.held_format()));
        encoding.zone = zone;
        let stored = self.stored();
        let hashes = move || {
            let file = encoding.encode(day, &records)?;
            stored
                .row_hashes_in(file, &hasher)
                .map_err(SinkError::stream)
        };
        blocking::run(hashes).await
    }

    async fn erase(&self, ids: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
        let mut erased = Erased::default();
        let listing = self.files.list(self.held_format()).await?;
        for (day, stamp) in listing.days {
            let held = self.ids(day).await?;
            let found: BTreeSet<_> = held.intersection(ids).cloned().collect();
            if found.is_empty() {
                continue;
            }
            let receipt = match self.receipt(day, Some(&stamp)).await? {
                Ok(receipt) => receipt,
                Err(_) => of_stale_day(day, &held),
            };
            self.rewrite(receipt, &held, &found).await?;
            found.into_iter().for_each(|id| erased.add_listed(day, id));
        }
        self.erase_changes(ids, &mut erased).await?;
        Ok(erased)
    }
}

/// A receipt for a stale day, which claims nothing but what its file holds. The day is open, so that
/// it is pulled again, as a stale one is.
fn of_stale_day(day: NaiveDate, held: &BTreeSet<CustomerId>) -> Receipt {
    let mut receipt = Receipt::new(day, DateTime::UNIX_EPOCH);
    receipt.customers = held.len() as u64;
    held.iter().for_each(|id| receipt.checksum.add(id));
    receipt
}
