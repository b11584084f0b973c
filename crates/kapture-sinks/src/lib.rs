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
//! - `spool`, `sql/`, `dataset/`, `sqlite/`, `postgres/`: the incremental sinks `Dataset`, `Sqlite`
//!   and `Postgres`, each behind a feature of its name.
//! - `conformance/`: the test suite for incremental sinks.

mod destination;
mod encoding;
mod error;
mod file;
mod fill;
mod ledger;
mod sink;
mod stream;
mod tee;

#[cfg(feature = "dataset")]
mod dataset;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
mod spool;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "conformance")]
pub mod conformance;

#[cfg(feature = "dataset")]
pub use dataset::Dataset;
pub use destination::capabilities::{Atomic, Capabilities};
pub use destination::parse::is_open_descriptor;
pub use destination::Destination;
pub use destination::error::DestinationError;
pub use encoding::compression::Compression;
pub use encoding::format::{Format, UnknownFormat};
pub use encoding::{Encoding, Rows};
pub use error::SinkError;
pub use file::FileSink;
pub use file::canonicalize::canonicalize;
pub use fill::{FillError, Filling, fill};
pub use ledger::identity::Identity;
pub use ledger::{Ledger, StaleReason};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use sink::{DayWriter, Sink};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::schema::{migrations, schema_sql};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::tables::Dialect;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use stream::StreamSink;
pub use tee::Tee;
// What the signatures name, and what an implementation of `Sink` needs.
pub use async_trait::async_trait;
pub use {bytes, chrono, chrono_tz, kapture_model};
