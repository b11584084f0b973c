//! Records as Apache Parquet.

#[cfg(feature = "dataset")]
mod rows;
#[cfg(feature = "dataset")]
pub(crate) mod stored;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use chrono::NaiveDate;
use kapture_model::{Drift, Record};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::encoding::record_batch::BatchBuilder;
use crate::encoding::{Encoder, Encoding};

/// A row group ends with so many rows: query engines give each thread a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// It also ends when so many bytes are buffered.
const GROUP_BYTES: usize = 24 * 1024 * 1024;

/// A page or dictionary ends with so many bytes. Each of the 75 columns buffers both, so larger
/// ones would fill the memory of a row group with uncompressed data.
const PAGE_BYTES: usize = 64 * 1024;

/// Writes a row for each customer, with its contacts in a list.
pub(crate) struct ParquetEncoder {
    batch: BatchBuilder,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl ParquetEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, encoding: &Encoding) -> io::Result<Self> {
        let batch = BatchBuilder::new(encoding, false);
        let writer = ArrowWriter::try_new_with_options(out, batch.schema().clone(), options());
        Ok(Self {
            batch,
            writer: writer.map_err(failed)?,
        })
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        let writer = &mut self.writer;
        self.batch
            .add(day, records, |batch| write_batch(writer, batch))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let writer = &mut self.writer;
        self.batch.flush(|batch| write_batch(writer, batch))?;
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush()
    }

    fn drift(&self) -> Drift {
        self.batch.drift()
    }
}

/// How files are written.
fn options() -> ArrowWriterOptions {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("kapture version ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES);
    // Their values are distinct, so that a dictionary is useless.
    for path in [
        &["id"][..],
        &["extra"],
        &["contacts", "list", "element", "extra"],
    ] {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        properties = properties.set_column_dictionary_enabled(ColumnPath::new(path), false);
    }
    // These types need no Arrow schema, which would dominate the file of a small day.
    ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true)
}

/// Writes rows, and ends the row group when it is large.
fn write_batch(
    writer: &mut ArrowWriter<Box<dyn Write + Send>>,
    batch: &RecordBatch,
) -> io::Result<()> {
    writer.write(batch).map_err(failed)?;
    match writer.memory_size() >= GROUP_BYTES {
        true => writer.flush().map_err(failed),
        false => Ok(()),
    }
}

/// The I/O error behind a Parquet error, if there is one.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
