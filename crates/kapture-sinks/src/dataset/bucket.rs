//! A dataset in an object store: Amazon S3 and stores like it, Google Cloud Storage, Azure Blob
//! Storage.
//!
//! A day is one object under a fixed key. A PUT, or the completion of a multipart upload, replaces
//! it at once, so that readers see the old day or the new one. Its receipt follows, with the ETag
//! and the size of the object: one of another object makes the day stale. What a killed run leaves
//! is an unfinished multipart upload, which has no key.

mod address;
mod client;
mod error;
mod lock;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use kapture_model::Drift;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Mutex;

use super::files::{DayContent, Files, Listing, Stamp};
use super::layout;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::blocking;
use crate::ledger::receipt_codec::FileReceipt;
pub(crate) use address::parse;
pub use error::StoreError;
use lock::Lock;
use upload::Uploads;

/// The objects of a dataset under a prefix.
pub(super) struct Bucket {
    /// The address, for messages.
    destination: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    uploads: Uploads,
    /// Whether it is written without a lock.
    unlocked: bool,
    lock: Mutex<Option<Lock>>,
}

impl Bucket {
    pub(super) fn new(
        destination: String,
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        unlocked: bool,
    ) -> Self {
        Self {
            destination,
            store: Arc::clone(&store),
            prefix,
            uploads: Uploads::new(store),
            unlocked,
            lock: Mutex::default(),
        }
    }

    /// The key of a file of the layout.
    fn key(&self, name: &str) -> Path {
        let mut key = self.prefix.clone();
        for part in name.split('/') {
            key = key.join(part);
        }
        key
    }

    /// The names of all files whose keys begin with this one.
    async fn names_at(&self, key: &Path) -> Result<BTreeSet<String>, SinkError> {
        let mut names = BTreeSet::new();
        let mut objects = self.store.list(Some(key));
        while let Some(object) = objects.try_next().await.map_err(self.error())? {
            if let Some(below) = object.location.prefix_match(&self.prefix) {
                let parts: Vec<_> = below.map(|part| part.as_ref().to_owned()).collect();
                names.insert(parts.join("/"));
            }
        }
        Ok(names)
    }

    fn error(&self) -> impl Fn(object_store::Error) -> SinkError + '_ {
        |error| self.failed(StoreError::new(&error))
    }

    fn failed(&self, source: StoreError) -> SinkError {
        SinkError::ObjectStore {
            destination: self.destination.clone(),
            source,
        }
    }

    /// Fails if the lock was lost.
    async fn check_lock(&self) -> Result<(), SinkError> {
        match &*self.lock.lock().await {
            Some(lock) if lock.is_lost() => Err(SinkError::LockLost {
                destination: self.destination.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Replaces an object; its size and ETag.
    async fn upload(&self, key: &Path, file: File) -> Result<(u64, Option<String>), SinkError> {
        let uploaded = self.uploads.put(key, file).await;
        uploaded.map_err(|error| match error {
            upload::UploadError::Read(error) => SinkError::Spool(error),
            upload::UploadError::Store(error) => self.failed(StoreError::new(&error)),
        })
    }

    /// Replaces the object of a day; its stamp.
    async fn put_day(&self, key: &Path, file: File) -> Result<Stamp, SinkError> {
        let (bytes, etag) = self.upload(key, file).await?;
        let etag = match etag {
            Some(etag) => Some(etag),
            None => self.store.head(key).await.map_err(self.error())?.e_tag,
        };
        Ok(Stamp {
            bytes,
            etag: etag.map(|etag| bare(&etag)),
        })
    }
}

/// An ETag as all parts of the APIs spell it: some quote it in headers, and not in lists.
fn bare(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// `None` for an object that does not exist. A missing bucket is an error.
fn existing<T>(found: object_store::Result<T>) -> Result<Option<T>, object_store::Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error::is_missing_object(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Files for Bucket {
    fn destination(&self) -> String {
        self.destination.clone()
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        let found = self.store.get(&self.key(name)).await;
        match existing(found).map_err(self.error())? {
            Some(object) => object.bytes().await.map(Some).map_err(self.error()),
            None => Ok(None),
        }
    }

    async fn write(&self, name: &str, content: Vec<u8>) -> Result<(), SinkError> {
        self.check_lock().await?;
        let content = PutPayload::from(content);
        let put = self.store.put(&self.key(name), content).await;
        put.map(drop).map_err(self.error())
    }

    async fn list(&self, format: Format) -> Result<Listing, SinkError> {
        let mut listing = Listing::default();
        let file_name = layout::file_name(format);
        let receipts = self.key(layout::RECEIPTS);
        let mut objects = self.store.list(Some(&self.prefix));
        while let Some(object) = objects.try_next().await.map_err(self.error())? {
            if let Some(mut below) = object.location.prefix_match(&receipts)
                && let (Some(name), None) = (below.next(), below.next())
            {
                listing
                    .receipts
                    .extend(layout::day_of_receipt(name.as_ref()));
                continue;
            }
            if let Some(mut below) = object.location.prefix_match(&self.prefix)
                && let (Some(folder), Some(name), None) = (below.next(), below.next(), below.next())
                && name.as_ref() == file_name
                && let Some(day) = layout::day_of_partition(folder.as_ref())
            {
                listing.days.insert(day, stamp(&object));
            }
        }
        Ok(listing)
    }

    async fn strays(&self, format: Format) -> Result<BTreeSet<String>, SinkError> {
        let mut names = self.names_at(&self.prefix).await?;
        names.retain(|name| layout::is_stray(name, format));
        Ok(names)
    }

    async fn foreign(&self) -> Result<BTreeSet<String>, SinkError> {
        let mut foreign = BTreeSet::new();
        let mut objects = self.store.list(Some(&self.prefix));
        while let Some(object) = objects.try_next().await.map_err(self.error())? {
            let below = object.location.prefix_match(&self.prefix);
            if let Some(name) = below.and_then(|mut below| below.next())
                && !layout::is_ignored(name.as_ref())
            {
                foreign.insert(name.as_ref().to_owned());
                if foreign.len() > layout::NAMED {
                    break;
                }
            }
        }
        Ok(foreign)
    }

    async fn lock(&self) -> Result<(), SinkError> {
        if self.unlocked {
            return Ok(());
        }
        let key = self.key(layout::LOCK);
        let lock = Lock::acquire(Arc::clone(&self.store), key).await;
        let lock = lock.map_err(|error| match error {
            lock::LockError::Held(process) => SinkError::Locked {
                destination: self.destination.clone(),
                process: Some(process),
            },
            lock::LockError::Unconditional => SinkError::UnconditionalWrites {
                destination: self.destination.clone(),
            },
            lock::LockError::Store(error) => self.failed(error),
        })?;
        *self.lock.lock().await = Some(lock);
        Ok(())
    }

    async fn unlock(&self) {
        if let Some(lock) = self.lock.lock().await.take() {
            lock.release().await;
        }
    }

    async fn replace_day(&self, content: DayContent) -> Result<Drift, SinkError> {
        let receipt = content.receipt.clone();
        let key = self.key(&layout::day(receipt.day, content.format));
        let encode = || {
            let create = || {
                let file = tempfile::tempfile()?;
                Ok((file.try_clone()?, file))
            };
            content.encode(create, SinkError::Spool)
        };
        let (file, drift) = blocking::run(encode).await?;
        self.check_lock().await?;
        let stamp = match file {
            Some(file) => Some(self.put_day(&key, file).await?),
            None => {
                let deleted = self.store.delete(&key).await;
                existing(deleted).map_err(self.error())?;
                None
            }
        };
        let name = layout::receipt(receipt.day);
        let stored = FileReceipt::new(receipt, stamp);
        let json = layout::json(&stored).map_err(SinkError::Spool)?;
        self.write(&name, json).await?;
        Ok(drift)
    }

    async fn fetch(&self, name: &str) -> Result<Option<File>, SinkError> {
        let found = self.store.get(&self.key(name)).await;
        let Some(object) = existing(found).map_err(self.error())? else {
            return Ok(None);
        };
        let mut chunks = object.into_stream();
        let mut file = blocking::run(tempfile::tempfile)
            .await
            .map_err(SinkError::Spool)?;
        while let Some(chunk) = chunks.try_next().await.map_err(self.error())? {
            let written = blocking::run(move || file.write_all(&chunk).map(|()| file)).await;
            file = written.map_err(SinkError::Spool)?;
        }
        file.rewind().map_err(SinkError::Spool)?;
        Ok(Some(file))
    }

    async fn put(&self, name: &str, content: File) -> Result<(), SinkError> {
        self.check_lock().await?;
        self.upload(&self.key(name), content).await.map(drop)
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        self.check_lock().await?;
        let (from, to) = (self.key(from), self.key(to));
        // A copy, and then a deletion.
        self.store.rename(&from, &to).await.map_err(self.error())
    }

    async fn remove(&self, name: &str) -> Result<(), SinkError> {
        self.check_lock().await?;
        let deleted = self.store.delete(&self.key(name)).await;
        existing(deleted).map(drop).map_err(self.error())
    }

    async fn names_below(&self, folder: &str) -> Result<BTreeSet<String>, SinkError> {
        self.names_at(&self.key(folder)).await
    }

    fn unreadable(&self, name: &str, _: io::Error) -> SinkError {
        SinkError::Damaged {
            destination: self.destination.clone(),
            what: format!("{name} is not a file of customers"),
        }
    }
}

fn stamp(object: &ObjectMeta) -> Stamp {
    Stamp {
        bytes: object.size,
        etag: object.e_tag.as_deref().map(bare),
    }
}
