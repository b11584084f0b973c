//! Records as a stream of Arrow record batches, in Arrow's IPC streaming format.

use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};

use crate::encoding::parts::{PartEnd, PartWriter};

/// Writes each record batch as soon as it comes. The end-of-stream marker says that all days are
/// complete: a stream that breaks off has none.
pub(crate) struct ArrowWriter(StreamWriter<BufWriter<Box<dyn Write + Send>>>);

impl ArrowWriter {
    /// Writes the schema at once.
    pub(crate) fn new(out: Box<dyn Write + Send>, schema: &Schema) -> io::Result<Self> {
        let writer = StreamWriter::try_new_buffered(out, schema);
        let mut writer = writer.map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(Self(writer))
    }
}

impl PartWriter for ArrowWriter {
    type Part = RecordBatch;
    /// So that the reader of a pipe need not wait for more.
    const ENDS: PartEnd = PartEnd::Day;

    fn write(&mut self, batch: RecordBatch) -> io::Result<()> {
        self.0.write(&batch).map_err(failed)?;
        self.0.flush().map_err(failed)
    }

    fn finish(mut self) -> io::Result<()> {
        self.0.finish().map_err(failed)
    }
}

/// The I/O error behind an Arrow error, if there is one.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
