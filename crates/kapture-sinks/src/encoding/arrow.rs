//! Records as a stream of Arrow record batches, in Arrow's IPC streaming format.

use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use chrono::NaiveDate;
use kapture_model::{Drift, Record};

use crate::encoding::record_batch::BatchBuilder;
use crate::encoding::{Encoder, Encoding};

type Writer = StreamWriter<BufWriter<Box<dyn Write + Send>>>;

/// Writes the schema at once, and a record batch when it is full or a day is complete, so that a
/// reader of a pipe need not wait for more. The end-of-stream marker says that all days are
/// complete: a stream that breaks off has none.
pub(crate) struct ArrowEncoder {
    batch: BatchBuilder,
    writer: Writer,
}

impl ArrowEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, encoding: &Encoding) -> io::Result<Self> {
        let batch = BatchBuilder::new(encoding, encoding.with_created_date);
        let writer = StreamWriter::try_new_buffered(out, batch.schema());
        let mut writer = writer.map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(Self { batch, writer })
    }

    fn flush(&mut self) -> io::Result<()> {
        let writer = &mut self.writer;
        self.batch.flush(|batch| write_batch(writer, batch))
    }
}

impl Encoder for ArrowEncoder {
    fn write(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        let writer = &mut self.writer;
        self.batch
            .add(day, records, |batch| write_batch(writer, batch))
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

fn write_batch(writer: &mut Writer, batch: &RecordBatch) -> io::Result<()> {
    writer.write(batch).map_err(failed)?;
    writer.flush().map_err(failed)
}

/// The I/O error behind an Arrow error, if there is one.
fn failed(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
