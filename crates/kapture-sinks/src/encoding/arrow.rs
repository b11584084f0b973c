//! Records as a stream of Arrow record batches, in Arrow's IPC streaming format.

use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use chrono::NaiveDate;
use kapture_model::{Drift, Record};

use crate::encoding::Encoding;
use crate::encoding::parts::{PartEncoder, PartEnd, PartWriter};
use crate::encoding::record_batch::BatchBuilder;

/// Makes record batches. One ends with its day, so that a reader of a pipe need not wait for more.
pub(crate) struct ArrowEncoder(BatchBuilder);

impl ArrowEncoder {
    pub(crate) fn new(encoding: &Encoding) -> Self {
        Self(BatchBuilder::new(encoding, encoding.with_created_date))
    }

    /// Writes their schema at once.
    pub(crate) fn writer(&self, out: Box<dyn Write + Send>) -> io::Result<ArrowWriter> {
        let writer = StreamWriter::try_new_buffered(out, self.0.schema());
        let mut writer = writer.map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(ArrowWriter(writer))
    }
}

impl PartEncoder for ArrowEncoder {
    type Part = RecordBatch;
    const ENDS: PartEnd = PartEnd::Day;

    fn add(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        self.0.add(day, records);
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<RecordBatch>> {
        self.0.finish()
    }

    fn drift(&self) -> Drift {
        self.0.drift()
    }
}

/// Writes each record batch as soon as it comes. The end-of-stream marker says that all days are
/// complete: a stream that breaks off has none.
pub(crate) struct ArrowWriter(StreamWriter<BufWriter<Box<dyn Write + Send>>>);

impl PartWriter for ArrowWriter {
    type Part = RecordBatch;

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
