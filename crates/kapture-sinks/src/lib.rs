#![doc = include_str!("../README.md")]
//!
//! # Modules, in reading order
//! - `sink`: the traits [`Sink`] and [`DayWriter`]; `error`: [`SinkError`]; `fill`: a pull into a
//!   sink, [`fill`](fn@fill).
//! - `destination`: a sink by its address, [`Destination`].
//! - `encoding/`: how records become bytes, [`Encoding`], in each [`Format`] and [`Compression`].
//! - `stream`, `file/`, `tee`: sinks without a ledger, [`StreamSink`], [`FileSink`] and [`Tee`].
//! - `ledger/`: what an incremental destination records, [`Ledger`], and whose customers it holds,
//!   [`Identity`]; the codecs of manifest and receipts.
//! - `incremental/`: the frame of the incremental sinks; `sql/`, `dataset/`, `sqlite/`,
//!   `postgres/`: what is particular to each, behind a feature of its name.
//! - `conformance/`: the test suite for incremental sinks.

mod destination;
mod encoding;
mod error;
mod file;
mod ledger;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
mod nonce;
mod sink;
mod stream;

#[cfg(feature = "dataset")]
mod dataset;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
mod incremental;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use destination::Destination;
pub use destination::capabilities::{Atomic, Capabilities};
pub use destination::error::DestinationError;
pub use destination::parse::is_open_descriptor;
pub use encoding::compression::Compression;
pub use encoding::format::{Format, UnknownFormat};
pub use encoding::{Encoding, Rows};
pub use error::SinkError;
#[cfg(feature = "object-store")]
pub use error::StoreError;
pub use file::FileSink;
pub use file::account::home_dir;
pub use file::atomic_file::remove_temporary_files;
pub use file::canonicalize::canonicalize;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
pub use incremental::forget::Erased;
pub use ledger::change::{Change, ChangeKind, ChangeStream, SeenBetween};
pub use ledger::day_status::DayStatus;
pub use ledger::identity::Identity;
pub use ledger::rereads::{Reread, Rereads};
pub use ledger::run_log::{FailedRange, FieldDrift, Run, RunLog};
pub use ledger::stray::Stray;
pub use ledger::tracking::Tracking;
pub use ledger::{Ledger, RangeEnd, StaleReason};
pub use sink::fill::{FillError, Filling, fill};
pub use sink::{DayWriter, RowHashes, Sink, Tee};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::schema::{migrations, schema_sql};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::tables::Dialect;
pub use stream::StreamSink;
// What the signatures name, and what an implementation of `Sink` needs.
pub use async_trait::async_trait;
pub use {bytes, chrono, chrono_tz, futures_core, kapture_model};
