#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Sink`] and [`DayWriter`]: where records go, a day at a time; [`Ledger`]: what a sink
//!   remembers.
//! - [`Encoding`]: how records become bytes, in each [`Format`].
//! - [`StreamSink`]: to a stream, such as standard output; [`FileSink`]: to a file that is there
//!   when it is complete; [`Alongside`]: to two sinks at once.
//! - `Dataset`, `Sqlite`, `Postgres`: sinks that remember, each behind a feature of its name.
//! - [`Location`]: a sink by its address; [`Source`]: whose customers it holds.

mod alongside;
mod aside;
mod compression;
mod encoding;
mod error;
mod file;
mod format;
mod ledger;
mod lines;
mod location;
mod real_path;
mod sink;
mod source;
mod stream;

#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "dataset")]
mod dataset;
#[cfg(any(
    all(feature = "dataset", any(feature = "csv", feature = "parquet")),
    feature = "sqlite",
    feature = "postgres"
))]
mod identity;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod ledger_row;
#[cfg(any(feature = "dataset", feature = "sqlite"))]
mod lock;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod schema;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod settings;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
mod spool;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod tables;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use alongside::Alongside;
pub use compression::Compression;
#[cfg(feature = "dataset")]
pub use dataset::Dataset;
pub use encoding::{Encoding, Rows};
pub use error::SinkError;
pub use file::FileSink;
pub use format::{Format, NoSuchFormat};
pub use ledger::{Doubt, Ledger};
pub use location::{Location, LocationError, is_open_file};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use real_path::real_path;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use schema::{schema_sql, schema_steps};
pub use sink::{DayWriter, Sink};
pub use source::Source;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use stream::StreamSink;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use tables::Dialect;
