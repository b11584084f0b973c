//! Records as Apache Parquet.

#[cfg(feature = "dataset")]
pub(crate) mod changes;
#[cfg(feature = "dataset")]
mod rows;
#[cfg(feature = "dataset")]
pub(crate) mod stored;

use std::io::{self, Write};
use std::sync::mpsc::Receiver;

use arrow_array::RecordBatch;
use chrono::NaiveDate;
use kapture_model::{Column, ColumnKind, Drift, Record, contact_columns, customer_columns};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::encoding::beside::Beside;
use crate::encoding::record_batch::BatchBuilder;
use crate::encoding::{Encoder, Encoding};

/// A row group ends with so many rows: query engines give each thread a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// It also ends when so many bytes are buffered.
const GROUP_BYTES: usize = 24 * 1024 * 1024;

/// A page or dictionary ends with so many bytes. Each of the 75 columns buffers both, so larger
/// ones would fill the memory of a row group with uncompressed data.
const PAGE_BYTES: usize = 64 * 1024;

/// How many batches wait to be compressed: memory needs a bound.
const BATCHES_AHEAD: usize = 1;

/// Writes a row for each customer, with its contacts in a list. One thread makes batches of records,
/// another one compresses them.
pub(crate) struct ParquetEncoder {
    batch: BatchBuilder,
    /// `None` is the end of the file: without it, a file that breaks off would look complete.
    writing: Beside<Option<RecordBatch>>,
}

impl ParquetEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, encoding: &Encoding) -> io::Result<Self> {
        let batch = BatchBuilder::new(encoding, false);
        let writer = ArrowWriter::try_new_with_options(out, batch.schema().clone(), options());
        let writer = writer.map_err(failed)?;
        let writing = Beside::start(BATCHES_AHEAD, |batches| write_file(writer, &batches));
        Ok(Self { batch, writing })
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        let writing = &mut self.writing;
        self.batch
            .add(day, records, |batch| writing.send(Some(batch.clone())))
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let writing = &mut self.writing;
        self.batch
            .flush(|batch| writing.send(Some(batch.clone())))?;
        writing.send(None)?;
        self.writing.finish()
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
    let customer = |name: &str| ColumnPath::from(name);
    let contact = |name: &str| {
        let path = ["contacts", "list", "element", name];
        ColumnPath::new(path.map(str::to_owned).to_vec())
    };
    // Their values are distinct, so that a dictionary is useless.
    for column in [customer("id"), customer("extra"), contact("extra")] {
        properties = properties.set_column_dictionary_enabled(column, false);
    }
    // A dictionary leaves nothing of these to compress, and each compressed column costs time and memory.
    let small = |column: &&Column| match column.kind {
        ColumnKind::Bool => true,
        ColumnKind::Integer => !["id", "leadId"].contains(&column.key),
        _ => false,
    };
    let customers = customer_columns().iter().filter(small);
    let contacts = contact_columns().iter().filter(small);
    let customers = customers.map(|column| customer(&column.name));
    for column in customers.chain(contacts.map(|column| contact(&column.name))) {
        properties = properties.set_column_compression(column, Compression::UNCOMPRESSED);
    }
    // These types need no Arrow schema, which would dominate the file of a small day.
    ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true)
}

/// Writes batches up to the end of the file.
fn write_file(
    mut writer: ArrowWriter<Box<dyn Write + Send>>,
    batches: &Receiver<Option<RecordBatch>>,
) -> io::Result<()> {
    for batch in batches {
        match batch {
            Some(batch) => write_batch(&mut writer, &batch)?,
            None => return writer.into_inner().map_err(failed)?.flush(),
        }
    }
    Ok(())
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
