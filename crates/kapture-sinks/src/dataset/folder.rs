//! A dataset in a folder on this machine.
//!
//! A day is replaced in this order: the new file and the new receipt are written and synced under
//! temporary names, the old receipt is removed, the new file is renamed, the new receipt is
//! renamed. After a crash in between the day is complete, but stale: a file without a receipt. A
//! full disk leaves the day as it was.

mod address;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt};
use tokio::sync::Semaphore;

use super::files::{DayContent, Files, Listing, Stamp};
use super::layout;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::file::atomic_file::{AtomicFile, sync_folder};
use crate::file::lock::Lock;
use crate::incremental::blocking::Blocking;
use crate::ledger::receipt_codec::FileReceipt;
pub(crate) use address::parse;

/// How many days are encoded at the same time.
const DAYS_AT_ONCE: usize = 2;

/// The files of a dataset in a folder.
pub(super) struct Folder {
    destination: String,
    inner: Blocking<Inner>,
    /// Has a permit for each day that may be encoded at the same time: more need more memory, and others
    /// wait for the disk meanwhile.
    encoding: Semaphore,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            destination: root.display().to_string(),
            inner: Blocking::new(Inner {
                root: root.to_owned(),
                lock: Mutex::default(),
            }),
            encoding: Semaphore::new(DAYS_AT_ONCE),
        }
    }
}

#[async_trait]
impl Files for Folder {
    fn destination(&self) -> String {
        self.destination.clone()
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        let name = name.to_owned();
        self.inner.run(move |inner| inner.read(&name)).await
    }

    async fn write(&self, name: &str, content: Vec<u8>) -> Result<(), SinkError> {
        let name = name.to_owned();
        let write = move |inner: &Inner| {
            let path = inner.root.join(name);
            let file = inner.prepare(&path, &content);
            let committed = file.and_then(AtomicFile::commit);
            committed.map_err(SinkError::file(&path))
        };
        self.inner.run(write).await
    }

    async fn list(&self, format: Format) -> Result<Listing, SinkError> {
        self.inner.run(move |inner| inner.list(format)).await
    }

    async fn strays(&self, format: Format) -> Result<BTreeSet<String>, SinkError> {
        self.inner.run(move |inner| inner.strays(format)).await
    }

    async fn foreign(&self) -> Result<BTreeSet<String>, SinkError> {
        self.inner.run(Inner::foreign).await
    }

    async fn lock(&self) -> Result<(), SinkError> {
        let destination = self.destination();
        self.inner.run(move |inner| inner.lock(&destination)).await
    }

    async fn replace_day(&self, content: DayContent) -> Result<Drift, SinkError> {
        // Never closed.
        let permit = self.encoding.acquire().await;
        let encoded = self.inner.run_apart(|inner| inner.encode(content)).await;
        drop(permit);
        let encoded = encoded?;
        self.inner.run(|inner| inner.replace_day(encoded)).await
    }

    async fn fetch(&self, name: &str) -> Result<Option<File>, SinkError> {
        let name = name.to_owned();
        let open = move |inner: &Inner| {
            let path = inner.root.join(name);
            existing(opened(&path)).map_err(SinkError::read(&path))
        };
        self.inner.run(open).await
    }

    async fn put(&self, name: &str, content: File) -> Result<(), SinkError> {
        let name = name.to_owned();
        let put = move |inner: &Inner| {
            let path = inner.root.join(&name);
            let put = inner.put(&path, content);
            put.map_err(SinkError::file(&path))
        };
        self.inner.run(put).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let rename = move |inner: &Inner| {
            let (from, to) = (inner.root.join(&from), inner.root.join(&to));
            let renamed = inner.rename(&from, &to);
            renamed.map_err(SinkError::file(&to))
        };
        self.inner.run(rename).await
    }

    async fn remove(&self, name: &str) -> Result<(), SinkError> {
        let name = name.to_owned();
        let remove = move |inner: &Inner| {
            let path = inner.root.join(&name);
            let removed = existing(fs::remove_file(&path)).and_then(|_| sync_parent(&path));
            removed.map_err(SinkError::file(&path))
        };
        self.inner.run(remove).await
    }

    async fn names_below(&self, folder: &str) -> Result<BTreeSet<String>, SinkError> {
        let folder = folder.to_owned();
        let list = move |inner: &Inner| {
            let mut found = BTreeSet::new();
            inner.add_names_below(&folder, &mut found)?;
            Ok(found)
        };
        self.inner.run(list).await
    }

    fn unreadable(&self, name: &str, error: io::Error) -> SinkError {
        SinkError::read(&Path::new(&self.destination).join(name))(error)
    }
}

struct Inner {
    root: PathBuf,
    /// Held by a writer.
    lock: Mutex<Option<Lock>>,
}

/// A day under a temporary name.
struct EncodedDay {
    receipt: Receipt,
    path: PathBuf,
    /// `None` for a day without a file.
    file: Option<AtomicFile>,
    drift: Drift,
}

impl Inner {
    /// The folder of temporary files.
    fn partial(&self) -> PathBuf {
        self.root.join(layout::METADATA).join("partial")
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        let path = self.root.join(name);
        let read = opened(&path).and_then(|mut file| {
            let mut content = Vec::new();
            file.read_to_end(&mut content).map(|_| content)
        });
        let content = existing(read).map_err(SinkError::read(&path))?;
        Ok(content.map(Bytes::from))
    }

    fn foreign(&self) -> Result<BTreeSet<String>, SinkError> {
        let entries = existing(fs::read_dir(&self.root)).map_err(SinkError::read(&self.root))?;
        let entries = entries.into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !layout::is_ignored(name)).collect())
    }

    fn list(&self, format: Format) -> Result<Listing, SinkError> {
        let mut listing = Listing::default();
        let receipts = self.root.join(layout::RECEIPTS);
        for name in names(&receipts)? {
            listing.receipts.extend(layout::day_of_receipt(&name));
        }
        for name in names(&self.root)? {
            let Some(day) = layout::day_of_partition(&name) else {
                continue;
            };
            let path = self.root.join(layout::day(day, format));
            let file = existing(fs::metadata(&path)).map_err(SinkError::read(&path))?;
            listing
                .days
                .extend(file.map(|file| (day, stamp(file.len()))));
        }
        Ok(listing)
    }

    /// Of a folder in a folder its name is enough.
    fn strays(&self, format: Format) -> Result<BTreeSet<String>, SinkError> {
        let mut found = BTreeSet::new();
        for name in names(&self.root)? {
            let path = self.root.join(&name);
            let is_ours = layout::is_ignored(&name) || name == layout::CHANGES;
            match is_ours || !path.is_dir() {
                true => drop(found.insert(name)),
                false => {
                    let below = names(&path)?.into_iter();
                    found.extend(below.map(|file| format!("{name}/{file}")));
                }
            }
        }
        found.retain(|name| layout::is_stray(name, format));
        Ok(found)
    }

    fn lock(&self, destination: &str) -> Result<(), SinkError> {
        let failed = || SinkError::file(&self.root);
        fs::create_dir_all(self.root.join(layout::RECEIPTS)).map_err(failed())?;
        let path = self.root.join(layout::METADATA).join("lock");
        let lock = Lock::acquire(&path, destination)?;
        // Temporary files of a killed run.
        let _ = fs::remove_dir_all(self.partial());
        fs::create_dir_all(self.partial()).map_err(failed())?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        Ok(())
    }

    /// Writes and syncs a small file that is to be renamed to `path`.
    fn prepare(&self, path: &Path, content: &[u8]) -> io::Result<AtomicFile> {
        let file = AtomicFile::create(&self.partial(), path.to_owned())?;
        file.writer()?.write_all(content)?;
        file.sync()?;
        Ok(file)
    }

    fn put(&self, path: &Path, mut content: File) -> io::Result<()> {
        self.create_parents(path)?;
        let file = AtomicFile::create(&self.partial(), path.to_owned())?;
        content.rewind()?;
        io::copy(&mut content, &mut file.writer()?)?;
        file.commit()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.create_parents(to)?;
        fs::rename(from, to)?;
        // It has its new name on disk before the old one is gone.
        sync_parent(to)?;
        sync_parent(from)
    }

    /// Creates the folders of a file below the root, so that they are on disk.
    fn create_parents(&self, path: &Path) -> io::Result<()> {
        let folders = path.ancestors().skip(1);
        let missing = folders.take_while(|folder| *folder != self.root && !folder.exists());
        let missing: Vec<_> = missing.collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir_all(folder)?;
            sync_parent(folder)?;
        }
        Ok(())
    }

    fn add_names_below(&self, folder: &str, found: &mut BTreeSet<String>) -> Result<(), SinkError> {
        let path = self.root.join(folder);
        let entries = existing(fs::read_dir(&path)).map_err(SinkError::read(&path))?;
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(SinkError::read(&path))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{folder}/{name}");
            match entry.path().is_dir() {
                true => self.add_names_below(&name, found)?,
                false => drop(found.insert(name)),
            }
        }
        Ok(())
    }

    fn encode(&self, content: DayContent) -> Result<EncodedDay, SinkError> {
        let receipt = content.receipt.clone();
        let path = self.root.join(layout::day(receipt.day, content.format));
        let create = || {
            let file = AtomicFile::create(&self.partial(), path.clone())?;
            let writer = file.writer()?;
            Ok((file, writer))
        };
        let (file, drift) = content.encode(create, |error| SinkError::file(&path)(error))?;
        Ok(EncodedDay {
            receipt,
            path,
            file,
            drift,
        })
    }

    fn replace_day(&self, encoded: EncodedDay) -> Result<Drift, SinkError> {
        let EncodedDay {
            receipt,
            path,
            file,
            drift,
        } = encoded;
        let receipt_path = self.root.join(layout::receipt(receipt.day));
        let failed = |error| SinkError::file(&path)(error);
        let mut bytes = None;
        if let Some(file) = &file {
            file.sync().map_err(failed)?;
            bytes = Some(file.len().map_err(failed)?);
        }
        let stored = FileReceipt::new(receipt, bytes.map(stamp));
        let prepared = layout::json(&stored).and_then(|json| self.prepare(&receipt_path, &json));
        let receipt_file = prepared.map_err(SinkError::file(&receipt_path))?;
        // All data is on disk. From here on files are only renamed and removed.
        self.exchange(stored.receipt.day, file, &path)
            .map_err(failed)?;
        let committed = receipt_file.commit();
        committed.map_err(SinkError::file(&receipt_path))?;
        Ok(drift)
    }

    /// Removes the receipt of a day, and replaces its file at `path`.
    fn exchange(&self, day: NaiveDate, file: Option<AtomicFile>, path: &Path) -> io::Result<()> {
        let folder = self.root.join(layout::partition(day));
        if file.is_some() {
            fs::create_dir_all(&folder)?;
        }
        if existing(fs::remove_file(self.root.join(layout::receipt(day))))?.is_some() {
            sync_folder(&self.root.join(layout::RECEIPTS))?;
        }
        match file {
            Some(file) => {
                file.commit()?;
                sync_folder(&self.root)
            }
            None => {
                existing(fs::remove_file(path))?;
                // A day without a file has no folder.
                let _ = fs::remove_dir(folder);
                Ok(())
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let lock = self.lock.get_mut().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            // Only if it is empty: the next run removes what a failed one left.
            let _ = fs::remove_dir(self.partial());
        }
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<String>, SinkError> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name());
    let names: io::Result<Vec<_>> = fs::read_dir(folder).and_then(|it| it.map(name).collect());
    let names = names.map_err(SinkError::read(folder))?;
    Ok(names
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .collect())
}

fn stamp(bytes: u64) -> Stamp {
    Stamp { bytes, etag: None }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

/// `None` for something that does not exist.
/// Opens a file to read. Opening a named pipe would wait for a writer.
fn opened(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("it is not a file")),
    }
}

fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
