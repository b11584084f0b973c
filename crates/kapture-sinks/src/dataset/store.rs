//! The files of a dataset: their paths, the manifest, and the steps that replace a day.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::sanitize;
use kapture_model::{Drift, Receipt};
use serde::Serialize;

use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::file::atomic_file::{AtomicFile, sync_folder};
use crate::ledger::StaleReason;
use crate::ledger::identity::Identity;
use crate::ledger::manifest::{Manifest, Origin};
use crate::ledger::receipt_codec::FileReceipt;
use crate::spool::{DayStore, Spooled};

/// The folder of the manifest and the receipts.
pub(super) const METADATA: &str = "_kapture";

/// The prefix of a day's folder: a Hive partition.
const PARTITION: &str = "created_date=";

/// The version of the layout that this program writes.
const LAYOUT_VERSION: usize = 1;

pub(super) struct Store {
    root: PathBuf,
    pub(super) encoding: Encoding,
    pub(super) drift: Mutex<Drift>,
}

impl Store {
    pub(super) fn new(root: &Path, encoding: Encoding) -> Self {
        Self {
            root: root.to_owned(),
            encoding,
            drift: Mutex::default(),
        }
    }

    pub(super) fn destination(&self) -> String {
        self.root.display().to_string()
    }

    pub(super) fn metadata(&self, name: &str) -> PathBuf {
        self.root.join(METADATA).join(name)
    }

    pub(super) fn days(&self) -> PathBuf {
        self.metadata("days")
    }

    /// The folder of temporary files.
    pub(super) fn partial(&self) -> PathBuf {
        self.metadata("partial")
    }

    pub(super) fn receipt_path(&self, day: NaiveDate) -> PathBuf {
        self.days().join(format!("{day}.json"))
    }

    pub(super) fn day_file(&self, day: NaiveDate) -> PathBuf {
        let file = format!("customers.{}", self.encoding.format.extension());
        self.root.join(format!("{PARTITION}{day}")).join(file)
    }

    /// The days that have a folder.
    pub(super) fn day_folders(&self) -> Result<Vec<NaiveDate>, SinkError> {
        let entries = fs::read_dir(&self.root).map_err(SinkError::read(&self.root))?;
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(SinkError::read(&self.root))?.file_name();
            let day = name.to_str().and_then(|name| name.strip_prefix(PARTITION));
            days.extend(day.and_then(|day| day.parse::<NaiveDate>().ok()));
        }
        Ok(days)
    }

    fn not_kapture_data(&self, what: String) -> SinkError {
        SinkError::NotKaptureData {
            destination: self.destination(),
            what,
        }
    }

    pub(super) fn no_manifest(&self) -> SinkError {
        self.not_kapture_data("it has files, but no _kapture/manifest.json".into())
    }

    fn manifest_path(&self) -> PathBuf {
        self.metadata("manifest.json")
    }

    /// The manifest, if there is one.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
        let Some(json) = read(&self.manifest_path())? else {
            return Ok(None);
        };
        let origin = Origin {
            destination: &self.destination(),
            file_or_table: "its _kapture/manifest.json",
        };
        Manifest::from_json(origin, &json, LAYOUT_VERSION).map(Some)
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), SinkError> {
        let path = self.manifest_path();
        let write = || self.write_json(&path, manifest)?.commit();
        write().map_err(SinkError::file(&path))
    }

    /// Creates the manifest, or checks the one that exists: another run may have created it since
    /// it was looked for.
    pub(super) fn initialize(&self, identity: &Identity) -> Result<Manifest, SinkError> {
        if let Some(manifest) = self.manifest()? {
            self.check(&manifest, identity)?;
            return Ok(manifest);
        }
        let mut manifest = Manifest::new(LAYOUT_VERSION, identity);
        manifest.format = Some(self.encoding.format.to_string());
        manifest.spreadsheet_safe = self.encoding.spreadsheet_safe;
        self.write_manifest(&manifest)?;
        Ok(manifest)
    }

    pub(super) fn format(&self, manifest: &Manifest) -> Result<Format, SinkError> {
        let format = manifest.format.as_deref().unwrap_or_default();
        format.parse().map_err(|_| {
            self.not_kapture_data(format!("files of the format `{}`", sanitize(format)))
        })
    }

    /// Fails unless the manifest has the format of this store and the same identity.
    pub(super) fn check(&self, manifest: &Manifest, identity: &Identity) -> Result<(), SinkError> {
        let format = self.format(manifest)?;
        if format != self.encoding.format {
            return Err(SinkError::OtherFormat {
                destination: self.destination(),
                held: format.to_string(),
                asked: self.encoding.format.to_string(),
            });
        }
        if self.encoding.spreadsheet_safe && !manifest.spreadsheet_safe {
            return Err(SinkError::NotSpreadsheetSafe {
                destination: self.destination(),
            });
        }
        manifest.identity.check(&self.destination(), identity)
    }

    /// The receipt of a day, or why the day is stale.
    pub(super) fn receipt(
        &self,
        day: NaiveDate,
    ) -> Result<Result<Receipt, StaleReason>, SinkError> {
        let json = read(&self.receipt_path(day))?.unwrap_or_default();
        let stored: FileReceipt = match serde_json::from_slice(&json) {
            Ok(stored) => stored,
            Err(_) => return Ok(Err(StaleReason::UnreadableReceipt)),
        };
        if stored.receipt.day != day {
            return Ok(Err(StaleReason::UnreadableReceipt));
        }
        let file = self.day_file(day);
        let bytes = match fs::metadata(&file) {
            Ok(file) => Some(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(SinkError::read(&file)(error)),
        };
        Ok(match bytes {
            bytes if bytes == stored.bytes => Ok(stored.receipt),
            None => Err(StaleReason::MissingFile),
            Some(_) => Err(StaleReason::FileSizeChanged),
        })
    }

    /// Writes and syncs a small file that is to be renamed to `path`.
    fn write_json(&self, path: &Path, value: &impl Serialize) -> io::Result<AtomicFile> {
        let file = AtomicFile::create(&self.partial(), path.to_owned())?;
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        file.writer()?.write_all(&json)?;
        file.sync()?;
        Ok(file)
    }

    /// Writes and syncs the file of a day; `None` if there are no records.
    fn write_day(
        &self,
        day: NaiveDate,
        mut records: Spooled,
    ) -> Result<Option<AtomicFile>, SinkError> {
        let path = self.day_file(day);
        let error = || SinkError::file(&path);
        let mut batch = records.next_batch()?;
        if batch.is_empty() {
            return Ok(None);
        }
        let file = AtomicFile::create(&self.partial(), path.clone()).map_err(error())?;
        let writer = BufWriter::new(file.writer().map_err(error())?);
        let mut encoder = self.encoding.encoder(Box::new(writer))?;
        while !batch.is_empty() {
            encoder.write(&batch).map_err(error())?;
            batch = records.next_batch()?;
        }
        let mut drift = self.drift.lock().unwrap_or_else(PoisonError::into_inner);
        drift.merge(&encoder.drift());
        drop(drift);
        encoder.finish().map_err(error())?;
        file.sync().map_err(error())?;
        Ok(Some(file))
    }
}

#[async_trait]
impl DayStore for Store {
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<(), SinkError> {
        let day = receipt.day;
        let (path, receipt_path) = (self.day_file(day), self.receipt_path(day));
        let (error, receipt_error) = (|| SinkError::file(&path), || SinkError::file(&receipt_path));
        let file = self.write_day(day, records)?;
        let bytes = file.as_ref().map(AtomicFile::len).transpose();
        let stored = FileReceipt {
            receipt: receipt.clone(),
            bytes: bytes.map_err(error())?,
        };
        let receipt_file = self.write_json(&receipt_path, &stored);
        let receipt_file = receipt_file.map_err(receipt_error())?;
        let folder = path.parent().unwrap_or(&self.root);
        if file.is_some() {
            fs::create_dir_all(folder).map_err(error())?;
        }
        // All data is on disk. From here on files are only renamed and removed.
        if remove(&receipt_path).map_err(receipt_error())? {
            sync_folder(&self.days()).map_err(receipt_error())?;
        }
        let replace = || match file {
            Some(file) => {
                file.commit()?;
                sync_folder(&self.root)
            }
            None => {
                remove(&path)?;
                // A day without customers has no folder.
                let _ = fs::remove_dir(folder);
                Ok(())
            }
        };
        replace().map_err(error())?;
        receipt_file.commit().map_err(receipt_error())
    }
}

/// Removes a file; says whether it existed.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The content of a file, if it exists.
fn read(path: &Path) -> Result<Option<Vec<u8>>, SinkError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SinkError::read(path)(error)),
    }
}
