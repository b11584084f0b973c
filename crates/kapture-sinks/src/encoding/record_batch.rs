//! Customers as Arrow record batches.

use std::io;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::extension::Json;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{
    AttributeColumn, Cell, Column, ColumnKind, Drift, Record, Row, RowReader, contact_columns,
    customer_columns,
};

use crate::encoding::Encoding;
use crate::encoding::parts::PartEncoder;

/// Builds record batches with a row for each customer, and its contacts in a list.
///
/// All types are widely supported: timestamps in microseconds, because Spark refuses nanoseconds,
/// and lists with the element names of Parquet's specification.
pub(crate) struct BatchBuilder {
    reader: RowReader<Tz>,
    schema: SchemaRef,
    customers: Table,
    /// The number of contacts of each customer.
    counts: Vec<usize>,
    contacts: Table,
    columns: Vec<AttributeColumn>,
    /// One for each of the further columns.
    attributes: Vec<StringBuilder>,
    /// The column of days, if there is one.
    created_dates: Option<Date32Builder>,
}

impl BatchBuilder {
    /// `with_created_date` adds a column with the day of each customer.
    pub(crate) fn new(encoding: &Encoding, with_created_date: bool) -> Self {
        let columns = encoding.columns.clone();
        let attribute =
            |column: &AttributeColumn| Arc::new(Field::new(column.name(), DataType::Utf8, true));
        let day = || Arc::new(Field::new("created_date", DataType::Date32, false));
        let fields = SCHEMA.fields().iter().cloned();
        let fields = fields
            .chain(columns.iter().map(attribute))
            .chain(with_created_date.then(day));
        Self {
            reader: RowReader::new(encoding.zone),
            schema: Arc::new(Schema::new(Fields::from_iter(fields))),
            attributes: columns.iter().map(|_| StringBuilder::new()).collect(),
            columns,
            customers: Table::new(customer_columns()),
            counts: Vec::new(),
            contacts: Table::new(contact_columns()),
            created_dates: with_created_date.then(Date32Builder::new),
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn push(&mut self, day: NaiveDate, record: &Record) {
        let row = self.reader.read(record);
        self.customers.push(&row.customer);
        let attributes = AttributeColumn::cells(&self.columns, &row.customer);
        for (values, cell) in self.attributes.iter_mut().zip(&attributes) {
            values.append_option(match cell {
                Cell::Text(text) => Some(text),
                _ => None,
            });
        }
        self.counts.push(row.contacts.len());
        row.contacts.iter().for_each(|row| self.contacts.push(row));
        if let Some(days) = &mut self.created_dates {
            days.append_value(day.to_epoch_days());
        }
    }

    fn try_finish(&mut self) -> Result<RecordBatch, ArrowError> {
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
        for values in &mut self.attributes {
            columns.push(Arc::new(values.finish()));
        }
        if let Some(days) = &mut self.created_dates {
            columns.push(Arc::new(days.finish()));
        }
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

impl PartEncoder for BatchBuilder {
    type Part = RecordBatch;

    fn add(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()> {
        records.iter().for_each(|record| self.push(day, record));
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<RecordBatch>> {
        if self.counts.is_empty() {
            return Ok(None);
        }
        self.try_finish().map(Some).map_err(io::Error::other)
    }

    fn drift(&self) -> Drift {
        self.reader.drift()
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
