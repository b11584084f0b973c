//! Parquet files of customers that were written before.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use kapture_model::{CustomerId, RowHasher};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::file::reader::ChunkReader;

use super::rows::Rows;
use super::{failed, options, write_batch};
use crate::encoding::surrogate_key::customer_id;
use crate::sink::RowHashes;

/// The ids of the customers in a file. Reads only the columns `id` and `extra`.
pub(crate) fn ids(file: File) -> io::Result<BTreeSet<CustomerId>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let schema = builder.parquet_schema();
    let columns = schema.root_schema().get_fields().iter();
    let wanted = columns.enumerate().filter_map(|(index, column)| {
        let wanted = matches!(column.name(), "id" | "extra");
        wanted.then_some(index)
    });
    let wanted = ProjectionMask::roots(schema, wanted);
    let mut ids = BTreeSet::new();
    for batch in builder.with_projection(wanted).build().map_err(failed)? {
        ids.extend(ids_of(&batch.map_err(io::Error::other)?)?);
    }
    Ok(ids)
}

/// The ids of the customers in some rows.
pub(super) fn ids_of(batch: &RecordBatch) -> io::Result<Vec<CustomerId>> {
    let numbers = batch.column_by_name("id");
    let numbers = numbers.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let extra = batch.column_by_name("extra");
    let extra = extra.and_then(|column| column.as_string_opt::<i32>());
    let (Some(numbers), Some(extra)) = (numbers, extra) else {
        return Err(damaged());
    };
    let rows = numbers.values().iter().zip(extra);
    rows.map(|(number, extra)| customer_id(*number, extra).ok_or_else(damaged))
        .collect()
}

/// The customers in a file, each with a hash of its values.
pub(crate) fn row_hashes(
    file: impl ChunkReader + 'static,
    hasher: &RowHasher,
) -> io::Result<RowHashes> {
    // Another program may have written it anew, with its own types of text.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
    let mut hashes = RowHashes::new();
    for batch in builder
        .and_then(|builder| builder.build())
        .map_err(failed)?
    {
        let batch = batch.map_err(io::Error::other)?;
        let rows = Rows::of(&batch).ok_or_else(damaged)?;
        for (row, id) in ids_of(&batch)?.into_iter().enumerate() {
            let customer = rows.customer(row).ok_or_else(damaged)?;
            hashes.insert(id, hasher.hash(&customer));
        }
    }
    Ok(hashes)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a file of customers")
}

/// Copies a file without some customers, in the schema that it has.
pub(crate) fn copy_without(file: File, out: File, erased: &BTreeSet<CustomerId>) -> io::Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let schema = Arc::clone(builder.schema());
    let out: Box<dyn Write + Send> = Box::new(BufWriter::new(out));
    let writer = ArrowWriter::try_new_with_options(out, schema, options());
    let mut writer = writer.map_err(failed)?;
    for batch in builder.build().map_err(failed)? {
        let batch = batch.map_err(io::Error::other)?;
        // Runs of rows that stay, up to an erased one or the end.
        let mut start = 0;
        let ids = ids_of(&batch)?;
        let ends = ids.iter().map(|id| erased.contains(id)).chain([true]);
        for (row, _) in ends.enumerate().filter(|(_, ends)| *ends) {
            if row > start {
                write_batch(&mut writer, &batch.slice(start, row - start))?;
            }
            start = row + 1;
        }
    }
    writer.into_inner().map_err(failed)?.flush()
}
