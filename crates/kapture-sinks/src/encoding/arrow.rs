//! Records as a stream of Arrow record batches, in Arrow's IPC streaming format.

use std::io::{self, BufWriter, Write};

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use chrono::NaiveDate;
use kapture_model::{Drift, Record};

use crate::encoding::record_batch::BatchBuilder;
use crate::encoding::{Encoder, Encoding};

/// Writes the schema at once, and a record batch when it is full or a day is complete, so that a
/// reader of a pipe need not wait for more. The end-of-stream marker says that all days are
/// complete: a stream that breaks off has none.
pub(crate) struct ArrowEncoder {
    batch: BatchBuilder,
    writer: StreamWriter<BufWriter<Box<dyn Write + Send>>>,
}

impl ArrowEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, encoding: &Encoding) -> io::Result<Self> {
        let batch = BatchBuilder::new(encoding, encoding.with_created_date);
        let writer = StreamWriter::try_new_buffered(out, batch.schema());
        let mut writer = writer.map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(Self { batch, writer })
    }

    /// Writes the batch, if it has rows.
    fn flush(&mut self) -> io::Result<()> {
        let Some(batch) = self.batch.finish()? else {
            return Ok(());
        };
        self.writer.write(&batch).map_err(failed)?;
        self.writer.flush().map_err(failed)
    }
}

impl Encoder for ArrowEncoder {
    fn write(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        for record in records {
            self.batch.push(day, record);
            if self.batch.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn end_day(&mut self) -> io::Result<()> {
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()?;
        self.writer.finish().map_err(failed)
    }

    fn drift(&self) -> Drift {
        self.batch.drift()
    }
}

/// The I/O error behind an Arrow error, if there is one.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
