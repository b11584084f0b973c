//! Records as Apache Parquet.

#[cfg(feature = "dataset")]
pub(crate) mod changes;
#[cfg(feature = "dataset")]
mod rows;
#[cfg(feature = "dataset")]
pub(crate) mod stored;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::encoding::parts::{PartEnd, PartWriter};

/// A row group ends with so many rows: query engines give each thread a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// It also ends when so many bytes are buffered.
const GROUP_BYTES: usize = 24 * 1024 * 1024;

/// A page or dictionary ends with so many bytes. Each of the 75 columns buffers both, so larger
/// ones would fill the memory of a row group with uncompressed data.
const PAGE_BYTES: usize = 64 * 1024;

/// Compresses record batches.
pub(crate) struct ParquetWriter(ArrowWriter<Box<dyn Write + Send>>);

impl ParquetWriter {
    pub(crate) fn new(out: Box<dyn Write + Send>, schema: &SchemaRef) -> io::Result<Self> {
        let writer = ArrowWriter::try_new_with_options(out, schema.clone(), options());
        writer.map(Self).map_err(failed)
    }
}

impl PartWriter for ParquetWriter {
    type Part = RecordBatch;
    const ENDS: PartEnd = PartEnd::File;

    fn write(&mut self, batch: RecordBatch) -> io::Result<()> {
        write_batch(&mut self.0, &batch)
    }

    /// Without an end, a file that breaks off does not look complete.
    fn finish(self) -> io::Result<()> {
        self.0.into_inner().map_err(failed)?.flush()
    }
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
