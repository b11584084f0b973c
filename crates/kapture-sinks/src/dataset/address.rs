//! The name of a dataset folder, as a destination.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::Dataset;
use crate::destination::capabilities::Capabilities;
use crate::destination::error::DestinationError;
use crate::destination::opener::Opener;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
use crate::ledger::identity::Identity;
use crate::sink::Sink;

/// A folder: `out/`.
pub(crate) fn parse(
    text: &str,
    format: Option<Format>,
) -> Result<Arc<dyn Opener>, DestinationError> {
    let root = PathBuf::from(text);
    Ok(Arc::new(Folder { root, format }))
}

/// A dataset folder, as a destination.
#[derive(Debug)]
struct Folder {
    root: PathBuf,
    /// The format asked for.
    format: Option<Format>,
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}

#[async_trait]
impl Opener for Folder {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATASET
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.root)
    }

    async fn format(&self) -> Option<Format> {
        match self.format {
            None => Dataset::format(&self.root).ok().flatten(),
            asked => asked,
        }
    }

    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let dataset = Dataset::create(&self.root, identity, encoding.clone())?;
        Ok(Box::new(dataset))
    }

    async fn open(&self, identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Dataset::open(&self.root, identity)?))
    }
}
