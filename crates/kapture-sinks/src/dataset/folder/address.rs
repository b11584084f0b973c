//! The name of a dataset folder, as a destination.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::Folder;
use crate::dataset::Dataset;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::incremental::Incremental;
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// A folder: `out/`.
pub(crate) fn parse(
    text: &str,
    format: Option<Format>,
) -> Result<Arc<dyn Opener>, DestinationError> {
    let root = PathBuf::from(text);
    Ok(Arc::new(DatasetFolder {
        root,
        format,
        tracking: Tracking::default(),
    }))
}

/// A dataset folder, as a destination.
#[derive(Debug, Clone)]
struct DatasetFolder {
    root: PathBuf,
    /// The format asked for.
    format: Option<Format>,
    tracking: Tracking,
}

impl fmt::Display for DatasetFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}

#[async_trait]
impl Opener for DatasetFolder {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATASET
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn tracking(&self, tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        Some(Arc::new(Self {
            tracking: tracking.clone(),
            ..self.clone()
        }))
    }

    async fn format(&self) -> Option<Format> {
        match self.format {
            None => Dataset::format_held(Folder::new(&self.root)).await.ok()?,
            asked => asked,
        }
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let dataset = Dataset::writer(Folder::new(&self.root), identity, encoding, &self.tracking)?;
        Ok(Box::new(Incremental::create(dataset, identity).await?))
    }

    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        Ok(Box::new(Dataset::reader(Folder::new(&self.root))))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        let dataset = Dataset::reader(Folder::new(&self.root));
        Ok(Box::new(Incremental::open(dataset, identity).await?))
    }
}
