//! Parquet files of changes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use kapture_model::CustomerId;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::rows::Rows;
use super::stored::ids_of;
use super::{failed, options, write_batch};
use crate::encoding::changes::{
    COLUMNS, ChangedRows, Differences, RowChange, Seen, changed_row, damaged,
};

type Writer = ArrowWriter<Box<dyn Write + Send>>;

/// Writes the rows that changed: those before, and then those after.
pub(crate) fn write(
    before: Option<File>,
    after: Option<File>,
    changed: &Differences,
    seen: Seen,
    out: File,
) -> io::Result<()> {
    let [before, after] = [before, after].map(|file| file.map(reader).transpose());
    let (before, after) = (before?, after?);
    let schema = after.as_ref().or(before.as_ref()).map(|file| file.schema());
    let schema = with_columns(schema.ok_or_else(damaged)?);
    let out: Box<dyn Write + Send> = Box::new(BufWriter::new(out));
    let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options());
    let mut writer = writer.map_err(failed)?;
    let mut add = |file, change: &dyn Fn(&CustomerId) -> Option<RowChange>| {
        add(&mut writer, &schema, file, change, seen)
    };
    if let Some(before) = before {
        add(before, &|id| changed.before(id))?;
    }
    if let Some(after) = after {
        add(after, &|id| changed.after(id))?;
    }
    writer.into_inner().map_err(failed)?.flush()
}

/// Whether two files have the same columns.
pub(crate) fn have_one_schema(files: [&File; 2]) -> bool {
    let [one, other] = files.map(|file| {
        let reader = file.try_clone().and_then(reader).ok()?;
        Some(reader.schema().fields().clone())
    });
    one.is_some() && one == other
}

/// Another program may have written a file anew, with its own types of text.
fn reader(file: File) -> io::Result<ParquetRecordBatchReaderBuilder<File>> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed)
}

fn with_columns(customers: &Schema) -> SchemaRef {
    let kinds = [
        DataType::Utf8,
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Date32,
    ];
    let columns = COLUMNS.iter().zip(kinds);
    let columns = columns.map(|(name, kind)| Arc::new(Field::new(*name, kind, false)));
    let fields: Vec<_> = columns.chain(customers.fields().iter().cloned()).collect();
    Arc::new(Schema::new(fields))
}

/// Adds the rows of a file of which `change` says what became of their customer.
fn add(
    writer: &mut Writer,
    schema: &SchemaRef,
    file: ParquetRecordBatchReaderBuilder<File>,
    change: &dyn Fn(&CustomerId) -> Option<RowChange>,
    seen: Seen,
) -> io::Result<()> {
    for batch in file.build().map_err(failed)? {
        let batch = batch.map_err(io::Error::other)?;
        let changes: Vec<_> = ids_of(&batch)?.iter().map(change).collect();
        // Rows that stand together and have the same change are written together.
        let mut start = 0;
        for rows in changes.chunk_by(|one, other| one == other) {
            if let Some(change) = rows[0] {
                let rows = batch.slice(start, rows.len());
                let rows = behind_columns(schema, &rows, change, seen);
                write_batch(writer, &rows.map_err(io::Error::other)?)?;
            }
            start += rows.len();
        }
    }
    Ok(())
}

fn behind_columns(
    schema: &SchemaRef,
    rows: &RecordBatch,
    change: RowChange,
    seen: Seen,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let count = rows.num_rows();
    let at = TimestampMicrosecondArray::from(vec![seen.at.timestamp_micros(); count]);
    let columns: [ArrayRef; 3] = [
        Arc::new(StringArray::from(vec![change.name(); count])),
        Arc::new(at.with_timezone("UTC")),
        Arc::new(Date32Array::from(vec![seen.day.to_epoch_days(); count])),
    ];
    let columns = columns.into_iter().chain(rows.columns().iter().cloned());
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

/// The rows of a file.
pub(crate) fn rows(file: File) -> io::Result<ChangedRows> {
    let mut found = Vec::new();
    for batch in reader(file)?.build().map_err(failed)? {
        let batch = batch.map_err(io::Error::other)?;
        let changes = batch.column_by_name(COLUMNS[0]);
        let changes = changes.and_then(|column| column.as_string_opt::<i32>());
        let changes = changes.ok_or_else(damaged)?;
        let rows = Rows::of(&batch).ok_or_else(damaged)?;
        for row in 0..batch.num_rows() {
            let customer = rows.customer(row).ok_or_else(damaged)?;
            found.push(changed_row(changes.value(row), customer.to_json())?);
        }
    }
    Ok(found)
}
