#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Sink`] and [`DayWriter`]: where records go, a day at a time; [`Ledger`]: what a sink
//!   remembers.
//! - [`Encoding`]: how records become bytes, in each [`Format`].
//! - [`StreamSink`]: to a stream, such as standard output; [`FileSink`]: to a file that is there
//!   when it is complete; [`Tee`]: to two sinks at once.
//! - `Dataset`, `Sqlite`, `Postgres`: sinks that remember, each behind a feature of its name.
//! - [`Destination`]: a sink by its address; [`Identity`]: whose customers it holds.

mod destination;
mod encoding;
mod error;
mod file;
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
pub use destination::{Destination, DestinationError, is_open_descriptor};
pub use encoding::compression::Compression;
pub use encoding::format::{Format, UnknownFormat};
pub use encoding::{Encoding, Rows};
pub use error::SinkError;
pub use file::FileSink;
pub use file::canonicalize::canonicalize;
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
