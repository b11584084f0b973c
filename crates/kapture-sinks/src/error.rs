//! Why a destination did not take what it was given.

use std::io;
use std::path::PathBuf;

/// Why a destination did not take what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Whoever reads the stream has seen enough. Not a failure: a run ends quietly with it.
    #[error("nobody reads the output any more")]
    Closed,
    /// The stream cannot be written.
    #[error("cannot write to the output")]
    Stream(#[source] io::Error),
    /// The file, or the one it grows in, cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The destination.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
}

impl SinkError {
    pub(crate) fn stream(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Stream(error)
        }
    }
}
