//! Uploads of days, bounded in memory: small objects by one PUT, large ones in parts.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use tokio::sync::Semaphore;

use crate::incremental::blocking;

const MIB: u64 = 1024 * 1024;

/// The largest object that is uploaded by one PUT.
const MAX_PUT: u64 = 16 * MIB;

/// The size of a part.
const PART: usize = 8 * 1024 * 1024;

/// How many parts of an object are under way at the same time, beside the one that is read.
const PARTS_AT_ONCE: usize = 1;

/// The memory of all uploads together, in MiB: one large object, or several small ones.
const MEMORY: u32 = 16;

/// Why an upload failed.
pub(super) enum UploadError {
    /// The temporary file cannot be read.
    Read(io::Error),
    /// The store failed.
    Store(object_store::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<object_store::Error> for UploadError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

/// The uploads to a store.
pub(super) struct Uploads {
    store: Arc<dyn ObjectStore>,
    memory: Semaphore,
}

impl Uploads {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            memory: Semaphore::new(MEMORY as usize),
        }
    }

    /// Replaces an object by the content of a file; its size and ETag.
    pub(super) async fn put(
        &self,
        key: &Path,
        mut file: File,
    ) -> Result<(u64, Option<String>), UploadError> {
        let (bytes, mut file) = blocking::run(move || {
            let bytes = file.metadata()?.len();
            file.rewind()?;
            Ok::<_, io::Error>((bytes, file))
        })
        .await?;
        let mib = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(MEMORY);
        let permits = self.memory.acquire_many(mib.clamp(1, MEMORY)).await;
        let _memory = permits.map_err(io::Error::other)?;
        if bytes > MAX_PUT {
            let etag = self.put_parts(key, file).await?;
            return Ok((bytes, etag));
        }
        let content = blocking::run(move || {
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok::<_, io::Error>(content)
        })
        .await?;
        let put = self.store.put(key, PutPayload::from(content)).await?;
        Ok((bytes, put.e_tag))
    }

    async fn put_parts(&self, key: &Path, mut file: File) -> Result<Option<String>, UploadError> {
        let upload = self.store.put_multipart(key).await?;
        let mut upload = Unfinished(Some(WriteMultipart::new_with_chunk_size(upload, PART)));
        loop {
            let content;
            (content, file) = blocking::run(move || (read_part(&mut file), file)).await;
            let content = match content {
                Ok(content) => content,
                Err(error) => return Err(upload.abort(error.into()).await),
            };
            if content.is_empty() {
                break;
            }
            let Some(writer) = &mut upload.0 else {
                break;
            };
            if let Err(error) = writer.wait_for_capacity(PARTS_AT_ONCE).await {
                return Err(upload.abort(error.into()).await);
            }
            writer.put(content.into());
        }
        // An upload that cannot be completed is aborted by `finish`.
        match upload.0.take() {
            Some(writer) => Ok(writer.finish().await?.e_tag),
            None => Ok(None),
        }
    }
}

/// The next part; empty at the end.
fn read_part(file: &mut File) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// A multipart upload that is aborted when it is dropped: its parts would be paid for.
struct Unfinished(Option<WriteMultipart>);

impl Unfinished {
    async fn abort(&mut self, error: UploadError) -> UploadError {
        if let Some(upload) = self.0.take() {
            let _ = upload.abort().await;
        }
        error
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(upload) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(upload.abort());
        }
    }
}
