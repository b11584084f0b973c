//! What an address is parsed to: how the sink of a destination is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::capabilities::Capabilities;
use crate::encoding::Encoding;
use crate::encoding::format::Format;
use crate::error::SinkError;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use crate::incremental::forget::Forget;
use crate::ledger::identity::Identity;
use crate::ledger::tracking::Tracking;
use crate::sink::Sink;

/// Opens the sink of a destination. `Display` shows its address without secrets.
#[async_trait]
pub(crate) trait Opener: fmt::Debug + fmt::Display + Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// Its file or folder, if it has one on this machine.
    fn local_path(&self) -> Option<&Path> {
        None
    }

    /// The format of its files, if its name or content says it.
    async fn format(&self) -> Option<Format> {
        None
    }

    /// The same, written without a lock, if it needs one that not every store has.
    fn unlocked(&self) -> Option<Arc<dyn Opener>> {
        None
    }

    /// The same, remembering changes as asked, if it can.
    fn tracking(&self, _tracking: &Tracking) -> Option<Arc<dyn Opener>> {
        None
    }

    /// Opens it to write.
    async fn create(
        &self,
        identity: &Identity,
        encoding: &Encoding,
    ) -> Result<Box<dyn Sink>, SinkError>;

    /// Opens it to forget customers, if it is incremental and exists.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    async fn open_to_forget(&self) -> Result<Box<dyn Forget>, SinkError> {
        Err(SinkError::NotIncremental {
            destination: self.to_string(),
        })
    }

    /// Opens it to read, if it is incremental.
    async fn open(&self, _identity: Option<&Identity>) -> Result<Box<dyn Sink>, SinkError> {
        Err(SinkError::NotIncremental {
            destination: self.to_string(),
        })
    }
}
