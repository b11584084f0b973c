//! What a run prints: results on standard output; messages, progress and log lines on standard error.

pub(crate) mod colour;
pub(crate) mod logging;
pub(crate) mod message;
#[cfg(feature = "otel")]
mod otel;
pub(crate) mod passwords;
pub(crate) mod progress;
pub(crate) mod rereads;
pub(crate) mod side_file;
pub(crate) mod stdout;
pub(crate) mod summary;
