//! Records to a folder of files, one for each day, that query engines read as it is.
//!
//! ```text
//! out/
//!   created_date=2024-05-02/customers.parquet
//!   _kapture/manifest.json           what this is
//!   _kapture/days/2024-05-02.json   the day's receipt
//! ```
//!
//! A receipt stands only beside the file that it was written for: the old one goes before the new
//! file comes, and the new one comes after. So a crash leaves a day whole, if perhaps to be asked
//! again: a file without a receipt is in doubt. Both are on disk before, under other names, so that
//! a full disk leaves the day as it was. The receipt tells the size of that file, so that a
//! file that was changed or removed since is noticed at a glance.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Drift, Receipt};
use serde::{Deserialize, Serialize};

use crate::encoding::compression::Compression;
use crate::encoding::format::Format;
use crate::encoding::{Encoding, Rows};
use crate::error::SinkError;
use crate::file::atomic_file::{AtomicFile, sync_folder};
use crate::file::lock::Lock;
use crate::ledger::identity::{Identity, StoredIdentity};
use crate::ledger::{Ledger, StaleReason};
use crate::sink::{DayWriter, Sink};
use crate::spool::{DayStore, SpoolWriter, Spooled};

/// What the name of a day's folder begins with.
const FOLDER: &str = "created_date=";

/// The layout that this version writes.
const VERSION: usize = 1;

/// A folder with one file for each day, in the layout that Hive, Spark, DuckDB, Polars and Trino
/// know: `created_date=YYYY-MM-DD/`.
pub struct Dataset {
    held: Arc<Held>,
    /// Held by who writes.
    lock: Option<Lock>,
}

struct Held {
    root: PathBuf,
    encoding: Encoding,
    drift: Mutex<Drift>,
}

/// What the folder says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct DatasetManifest {
    version: usize,
    format: String,
    /// Whether text in it that a spreadsheet would run as a formula begins with an apostrophe.
    #[serde(default, skip_serializing_if = "is_false")]
    spreadsheet_safe: bool,
    tenant: String,
    selection: String,
    /// The zone in which instants are seen. Folders that were made before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// The first day that it is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
}

// The signature that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// What is remembered of a day.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    #[serde(flatten)]
    receipt: Receipt,
    /// The size of its file; `None` where a day without customers has none.
    bytes: Option<u64>,
}

impl DatasetManifest {
    fn identity(&self) -> StoredIdentity<'_> {
        StoredIdentity {
            tenant: Some(&self.tenant),
            selection: Some(&self.selection),
            zone: self.time_zone.as_deref(),
        }
    }
}

impl Dataset {
    /// Opens the dataset at `root` to write to it, and makes it if nothing is there.
    ///
    /// `identity` says whose customers it holds, and in which zone instants are seen; it is compared
    /// with what the dataset says. Of `encoding` the format must be the dataset's, if there is one.
    /// A dataset that was made safe for spreadsheets stays so, asked or not; no other becomes it.
    ///
    /// # Errors
    /// When the folder holds something else, or another run is writing to it.
    pub fn create(root: &Path, identity: &Identity, encoding: Encoding) -> Result<Self, SinkError> {
        // Query engines read the files by their ending, so these are what it says.
        let encoding = Encoding {
            compression: Compression::None,
            rows: Rows::Customers,
            zone: identity.zone,
            spreadsheet_safe: encoding.spreadsheet_safe && encoding.format == Format::Csv,
            ..encoding
        };
        // What this build cannot write is said now, and not when the first day is complete.
        encoding.encoder(Box::new(io::sink()))?;
        let mut held = Held::new(root, encoding);
        match held.description()? {
            Some(description) => held.agrees(&description, identity)?,
            None if is_empty(root)? => {}
            None => {
                return Err(held.foreign("there are files in it, but no _kapture/manifest.json"));
            }
        }
        fs::create_dir_all(held.days()).map_err(SinkError::file(root))?;
        let lock = Lock::take(&held.own("lock"), &held.destination())?;
        // Whatever is in there was left by a run that was killed.
        let _ = fs::remove_dir_all(held.partial());
        fs::create_dir_all(held.partial()).map_err(SinkError::file(root))?;
        held.encoding.spreadsheet_safe = held.initialize(identity)?.spreadsheet_safe;
        Ok(Self {
            held: Arc::new(held),
            lock: Some(lock),
        })
    }

    /// Opens the dataset at `root` to look at it. `identity` says whose customers are looked for, if
    /// that matters.
    ///
    /// # Errors
    /// When there is none, or it holds the customers of another identity.
    pub fn open(root: &Path, identity: Option<&Identity>) -> Result<Self, SinkError> {
        let mut held = Held::new(root, Encoding::new(Format::Ndjson));
        let Some(description) = held.description()? else {
            return Err(match is_empty(root)? {
                true => SinkError::NotFound {
                    destination: held.destination(),
                },
                false => held.foreign("there are files in it, but no _kapture/manifest.json"),
            });
        };
        held.encoding.format = held.format(&description)?;
        if let Some(identity) = identity {
            description
                .identity()
                .agrees(&held.destination(), identity)?;
        }
        Ok(Self {
            held: Arc::new(held),
            lock: None,
        })
    }

    /// The form of the files of a dataset, if there is one at `root`.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn format(root: &Path) -> Result<Option<Format>, SinkError> {
        let held = Held::new(root, Encoding::new(Format::Ndjson));
        let description = held.description()?;
        description
            .map(|description| held.format(&description))
            .transpose()
    }
}

/// Whether nothing is in a folder, but for what a run has begun that was killed at once.
fn is_empty(folder: &Path) -> Result<bool, SinkError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries
            .flatten()
            .all(|entry| entry.file_name() == "_kapture")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(SinkError::read(folder)(error)),
    }
}

impl Held {
    fn new(root: &Path, encoding: Encoding) -> Self {
        Self {
            root: root.to_owned(),
            encoding,
            drift: Mutex::default(),
        }
    }

    fn destination(&self) -> String {
        self.root.display().to_string()
    }

    fn foreign(&self, what: &str) -> SinkError {
        SinkError::NotKaptureData {
            destination: self.destination(),
            what: what.to_owned(),
        }
    }

    fn own(&self, name: &str) -> PathBuf {
        self.root.join("_kapture").join(name)
    }

    fn days(&self) -> PathBuf {
        self.own("days")
    }

    fn partial(&self) -> PathBuf {
        self.own("partial")
    }

    fn receipt(&self, day: NaiveDate) -> PathBuf {
        self.days().join(format!("{day}.json"))
    }

    fn file(&self, day: NaiveDate) -> PathBuf {
        let file = format!("customers.{}", self.encoding.format.ending());
        self.root.join(format!("{FOLDER}{day}")).join(file)
    }

    /// What the folder says of itself, if it does.
    fn description(&self) -> Result<Option<DatasetManifest>, SinkError> {
        let path = self.own("manifest.json");
        let Some(json) = read(&path)? else {
            return Ok(None);
        };
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|error| SinkError::Damaged {
                destination: self.destination(),
                what: format!("{} does not say what it should: {error}", path.display()),
            })
    }

    /// Makes the folder say whose customers it holds, or finds that it is for the same; gives what
    /// it says then. What another run made meanwhile counts.
    fn initialize(&self, identity: &Identity) -> Result<DatasetManifest, SinkError> {
        let time_zone = Some(identity.zone.name().to_owned());
        let description = match self.description()? {
            None => DatasetManifest {
                version: VERSION,
                format: self.encoding.format.to_string(),
                spreadsheet_safe: self.encoding.spreadsheet_safe,
                tenant: identity.tenant.clone(),
                selection: identity.selection.clone(),
                time_zone,
                from: None,
            },
            Some(description) => {
                self.agrees(&description, identity)?;
                if description.time_zone == time_zone {
                    return Ok(description);
                }
                DatasetManifest {
                    time_zone,
                    ..description
                }
            }
        };
        self.describe(&description)?;
        Ok(description)
    }

    fn describe(&self, description: &DatasetManifest) -> Result<(), SinkError> {
        self.put_json(&self.own("manifest.json"), description)
    }

    fn format(&self, description: &DatasetManifest) -> Result<Format, SinkError> {
        if description.version > VERSION {
            return Err(SinkError::SchemaTooNew {
                destination: self.destination(),
                found: description.version.to_string(),
                known: VERSION,
            });
        }
        let format = description.format.parse();
        format.map_err(|_| {
            let form = kapture_model::sanitize(&description.format);
            self.foreign(&format!("files of the form `{form}`"))
        })
    }

    fn agrees(&self, description: &DatasetManifest, identity: &Identity) -> Result<(), SinkError> {
        let held = self.format(description)?;
        if held != self.encoding.format {
            return Err(SinkError::OtherFormat {
                destination: self.destination(),
                held: held.to_string(),
                asked: self.encoding.format.to_string(),
            });
        }
        if self.encoding.spreadsheet_safe && !description.spreadsheet_safe {
            return Err(SinkError::NotSpreadsheetSafe {
                destination: self.destination(),
            });
        }
        description.identity().agrees(&self.destination(), identity)
    }

    /// Puts a small file in its place, all at once.
    fn put_json(&self, path: &Path, value: &impl Serialize) -> Result<(), SinkError> {
        let put = || self.json_aside(path, value)?.commit();
        put().map_err(SinkError::file(path))
    }

    /// Brings a small file to disk that is to become `path`.
    fn json_aside(&self, path: &Path, value: &impl Serialize) -> io::Result<AtomicFile> {
        let aside = AtomicFile::create(&self.partial(), path.to_owned())?;
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        aside.writer()?.write_all(&json)?;
        aside.sync()?;
        Ok(aside)
    }

    /// Brings the records to disk, in a file aside; `None` when there are none.
    fn encode(
        &self,
        day: NaiveDate,
        mut records: Spooled,
    ) -> Result<Option<AtomicFile>, SinkError> {
        let path = self.file(day);
        let failed = || SinkError::file(&path);
        let mut batch = records.next_batch()?;
        if batch.is_empty() {
            return Ok(None);
        }
        let aside = AtomicFile::create(&self.partial(), path.clone()).map_err(failed())?;
        let writer = BufWriter::new(aside.writer().map_err(failed())?);
        let mut encoder = self.encoding.encoder(Box::new(writer))?;
        while !batch.is_empty() {
            encoder.write(&batch).map_err(failed())?;
            batch = records.next_batch()?;
        }
        let mut drift = self.drift.lock().unwrap_or_else(PoisonError::into_inner);
        drift.merge(&encoder.drift());
        drop(drift);
        encoder.finish().map_err(failed())?;
        aside.sync().map_err(failed())?;
        Ok(Some(aside))
    }
}

#[async_trait]
impl DayStore for Held {
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<(), SinkError> {
        let day = receipt.day;
        let (path, receipt_path) = (self.file(day), self.receipt(day));
        let (failed, receipt_failed) =
            (|| SinkError::file(&path), || SinkError::file(&receipt_path));
        let aside = self.encode(day, records)?;
        let bytes = aside.as_ref().map(AtomicFile::len).transpose();
        let remembered = Remembered {
            receipt: receipt.clone(),
            bytes: bytes.map_err(failed())?,
        };
        let receipt = self.json_aside(&receipt_path, &remembered);
        let receipt = receipt.map_err(receipt_failed())?;
        let folder = path.parent().unwrap_or(&self.root);
        if aside.is_some() {
            fs::create_dir_all(folder).map_err(failed())?;
        }
        // From here on nothing but names is written.
        if remove(&receipt_path).map_err(receipt_failed())? {
            sync_folder(&self.days()).map_err(receipt_failed())?;
        }
        let put = || match aside {
            Some(aside) => {
                aside.commit()?;
                sync_folder(&self.root)
            }
            None => {
                remove(&path)?;
                // A day without customers has no folder.
                let _ = fs::remove_dir(folder);
                Ok(())
            }
        };
        put().map_err(failed())?;
        receipt.commit().map_err(receipt_failed())
    }
}

impl Held {
    /// The days of which there is a folder.
    fn folders(&self) -> Result<Vec<NaiveDate>, SinkError> {
        let entries = fs::read_dir(&self.root).map_err(SinkError::read(&self.root))?;
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(SinkError::read(&self.root))?.file_name();
            let day = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
            days.extend(day.and_then(|day| day.parse::<NaiveDate>().ok()));
        }
        Ok(days)
    }

    /// The receipt of a day, if it is there and what it says can still be so.
    fn remembered(&self, day: NaiveDate) -> Result<Result<Receipt, StaleReason>, SinkError> {
        let path = self.receipt(day);
        let json = read(&path)?.unwrap_or_default();
        let remembered: Remembered = match serde_json::from_slice(&json) {
            Ok(remembered) => remembered,
            Err(_) => return Ok(Err(StaleReason::UnreadableReceipt)),
        };
        if remembered.receipt.day != day {
            return Ok(Err(StaleReason::UnreadableReceipt));
        }
        let file = self.file(day);
        let bytes = match fs::metadata(&file) {
            Ok(file) => Some(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(SinkError::read(&file)(error)),
        };
        Ok(match bytes {
            bytes if bytes == remembered.bytes => Ok(remembered.receipt),
            None => Err(StaleReason::MissingFile),
            Some(_) => Err(StaleReason::FileSizeChanged),
        })
    }
}

/// Removes a file; says whether there was one.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The content of a file, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, SinkError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SinkError::read(path)(error)),
    }
}

#[async_trait]
impl Sink for Dataset {
    async fn day(&self, _day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(SpoolWriter::new(Arc::clone(&self.held))))
    }

    fn drift(&self) -> Drift {
        let drift = self.held.drift.lock();
        drift.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        let days = self.held.days();
        let entries = fs::read_dir(&days).map_err(SinkError::read(&days))?;
        let mut ledger = Ledger::default();
        if let Some(held) = self.held.description()? {
            if let Some(from) = held.from {
                ledger.set_start(from);
            }
            if let Some(zone) = held.time_zone {
                ledger.set_time_zone(zone);
            }
        }
        let mut listed = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(SinkError::read(&days))?.path();
            let day = path
                .file_stem()
                .and_then(|name| name.to_str()?.parse().ok());
            if let Some(day) = day
                && path == self.held.receipt(day)
            {
                listed.insert(day);
                match self.held.remembered(day)? {
                    Ok(receipt) => ledger.insert(receipt),
                    Err(doubt) => ledger.mark_stale(day, doubt),
                }
            }
        }
        for day in self.held.folders()? {
            // A receipt that was not listed may have come meanwhile.
            if !listed.contains(&day)
                && self.held.file(day).exists()
                && !self.held.receipt(day).exists()
            {
                ledger.mark_stale(day, StaleReason::MissingReceipt);
            }
        }
        Ok(ledger)
    }

    async fn set_start(&self, day: NaiveDate) -> Result<(), SinkError> {
        match self.held.description()? {
            Some(held) if held.from.is_none_or(|from| day < from) => {
                let from = Some(day);
                self.held.describe(&DatasetManifest { from, ..held })
            }
            _ => Ok(()),
        }
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        let path = self.held.file(day);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            file => file.map_err(SinkError::read(&path))?,
        };
        let ids = match self.held.encoding.format {
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
            // Only if nothing is in it: what a run leaves that failed is removed by the next.
            let _ = fs::remove_dir(self.held.partial());
        }
    }
}
