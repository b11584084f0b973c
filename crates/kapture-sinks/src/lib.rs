#![doc = include_str!("../README.md")]
//!
//! # The crate, in reading order
//! - [`Sink`] and [`DayWriter`]: where records go, a day at a time.
//! - [`Lines`]: records as lines of text, in normal form or as the API sent them.
//! - [`StreamSink`]: lines to a stream, such as standard output.
//! - [`FileSink`]: lines to a file that is there when it is complete.

mod error;
mod file;
mod lines;
mod sink;
mod stream;

pub use error::SinkError;
pub use file::FileSink;
pub use lines::{LineForm, Lines};
pub use sink::{DayWriter, Sink};
pub use stream::StreamSink;
