//! Records as Apache Parquet.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::extension::Json;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use chrono_tz::Tz;
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Drift, Record, Row, RowReader, contact_columns,
    customer_columns,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::encoding::Encoder;

/// A record batch ends with so many rows, or so many bytes.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 1024 * 1024;

/// A row group ends with so many rows: query engines give each thread a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// It also ends when so many bytes are buffered.
const GROUP_BYTES: usize = 24 * 1024 * 1024;

/// A page or dictionary ends with so many bytes. Each of the 75 columns buffers both, so larger
/// ones would fill the memory of a row group with uncompressed data.
const PAGE_BYTES: usize = 64 * 1024;

/// Writes a row for each customer, with its contacts in a list.
///
/// All types are widely supported: timestamps in microseconds, because Spark refuses nanoseconds,
/// and lists with the element names of the specification.
pub(crate) struct ParquetEncoder {
    reader: RowReader<Tz>,
    batch: Batch,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl ParquetEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, zone: Tz) -> io::Result<Self> {
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
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        Ok(Self {
            reader: RowReader::new(zone),
            batch: Batch::new(),
            writer: ArrowWriter::try_new_with_options(out, SCHEMA.clone(), options)
                .map_err(failed)?,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = self.batch.finish().map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(failed)?;
        if self.writer.memory_size() >= GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, records: &[Record]) -> io::Result<()> {
        for record in records {
            self.batch.push(&self.reader.read(record));
            self.batch.bytes += record.raw().len();
            if self.batch.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()?;
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush()
    }

    fn drift(&self) -> Drift {
        self.reader.drift()
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

/// The documented columns, the contacts, and the extra object.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let contacts = Field::new("contacts", DataType::List(contact()), true);
    let fields = fields(customer_columns(), Some("id")).chain([contacts, extra()]);
    Arc::new(Schema::new(Fields::from_iter(fields)))
});

/// The element of the list of contacts.
fn contact() -> FieldRef {
    // A contact may have no id.
    let fields = fields(contact_columns(), None).chain([extra()]);
    let contact = DataType::Struct(Fields::from_iter(fields));
    Arc::new(Field::new("element", contact, true))
}

fn extra() -> Field {
    Field::new("extra", DataType::Utf8, true).with_extension_type(Json::default())
}

/// `required` is the name of the column that is never null, if there is one.
fn fields(
    columns: &'static [Column],
    required: Option<&'static str>,
) -> impl Iterator<Item = Field> {
    columns.iter().map(move |column| {
        let kind = match column.kind {
            ColumnKind::Integer => DataType::Int64,
            ColumnKind::Float => DataType::Float64,
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Bool => DataType::Boolean,
            ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        };
        Field::new(&column.name, kind, required != Some(column.name.as_str()))
    })
}

/// The rows of a record batch.
struct Batch {
    customers: Table,
    /// The number of contacts of each customer.
    counts: Vec<usize>,
    contacts: Table,
    bytes: usize,
}

impl Batch {
    fn new() -> Self {
        Self {
            customers: Table::new(customer_columns()),
            counts: Vec::new(),
            contacts: Table::new(contact_columns()),
            bytes: 0,
        }
    }

    fn push(&mut self, row: &CustomerRow<'_>) {
        self.customers.push(&row.customer);
        self.counts.push(row.contacts.len());
        row.contacts.iter().for_each(|row| self.contacts.push(row));
    }

    fn is_full(&self) -> bool {
        self.counts.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The rows as a record batch; starts an empty one.
    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.bytes = 0;
        let contact = contact();
        let DataType::Struct(fields) = contact.data_type() else {
            return Err(ArrowError::SchemaError("a contact is not a struct".into()));
        };
        let contacts = StructArray::try_new(fields.clone(), self.contacts.finish(), None)?;
        let counts = std::mem::take(&mut self.counts);
        let offsets = OffsetBuffer::from_lengths(counts);
        let contacts = ListArray::try_new(contact, offsets, Arc::new(contacts), None)?;
        let mut columns = self.customers.finish();
        columns.insert(columns.len() - 1, Arc::new(contacts));
        RecordBatch::try_new(SCHEMA.clone(), columns)
    }
}

/// The columns of customers or of contacts, with the extra object behind them.
struct Table {
    columns: Vec<Values>,
    extra: StringBuilder,
}

impl Table {
    fn new(columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| Values::new(column.kind));
        Self {
            columns: columns.collect(),
            extra: StringBuilder::new(),
        }
    }

    fn push(&mut self, row: &Row<'_>) {
        for (values, cell) in self.columns.iter_mut().zip(&row.cells) {
            values.push(cell);
        }
        self.extra.append_option(row.extra.as_deref());
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let extra: ArrayRef = Arc::new(self.extra.finish());
        let columns = self.columns.iter_mut().map(Values::finish);
        columns.chain([extra]).collect()
    }
}

/// The builder of one column.
enum Values {
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Values {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Float => Self::Float(Float64Builder::new()),
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnKind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
        }
    }

    /// A cell is of its column's kind, or null.
    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Integer(values), Cell::Integer(number)) => values.append_value(*number),
            (Self::Integer(values), _) => values.append_null(),
            (Self::Float(values), Cell::Float(number)) => values.append_value(*number),
            (Self::Float(values), _) => values.append_null(),
            (Self::Text(values), Cell::Text(text)) => values.append_value(text),
            (Self::Text(values), _) => values.append_null(),
            (Self::Bool(values), Cell::Bool(flag)) => values.append_value(*flag),
            (Self::Bool(values), _) => values.append_null(),
            (Self::Timestamp(values), Cell::Timestamp(time)) => {
                values.append_value(time.and_utc().timestamp_micros());
            }
            (Self::Timestamp(values), _) => values.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(values) => Arc::new(values.finish()),
            Self::Float(values) => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
            Self::Bool(values) => Arc::new(values.finish()),
            Self::Timestamp(values) => Arc::new(values.finish()),
        }
    }
}

/// The ids of the customers in a file. Reads only the columns `id` and `extra`.
#[cfg(feature = "dataset")]
pub(crate) fn ids(
    file: std::fs::File,
) -> io::Result<std::collections::BTreeSet<kapture_model::CustomerId>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use parquet::arrow::ProjectionMask;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not a file of customers");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let schema = builder.parquet_schema();
    let columns = schema.root_schema().get_fields().iter();
    let wanted = columns.enumerate().filter_map(|(index, column)| {
        let wanted = matches!(column.name(), "id" | "extra");
        wanted.then_some(index)
    });
    let wanted = ProjectionMask::roots(schema, wanted);
    let mut ids = std::collections::BTreeSet::new();
    for batch in builder.with_projection(wanted).build().map_err(failed)? {
        let batch = batch.map_err(io::Error::other)?;
        let numbers = batch.column_by_name("id");
        let numbers = numbers.and_then(|column| column.as_primitive_opt::<Int64Type>());
        let extra = batch.column_by_name("extra");
        let extra = extra.and_then(|column| column.as_string_opt::<i32>());
        let (Some(numbers), Some(extra)) = (numbers, extra) else {
            return Err(damaged());
        };
        for (number, extra) in numbers.values().iter().zip(extra) {
            let id = crate::encoding::surrogate_key::customer_id(*number, extra);
            ids.insert(id.ok_or_else(damaged)?);
        }
    }
    Ok(ids)
}
