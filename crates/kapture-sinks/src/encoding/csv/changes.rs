//! CSV files of changes. Rows are copied as they are, so that nothing is escaped twice.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};

use chrono::NaiveDateTime;
use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use kapture_model::{
    Cell, Column, ColumnKind, CustomerId, CustomerRow, Row, contact_columns, customer_columns,
};
use serde_json::{Map, Value};

use super::{damaged, rows};
use crate::encoding::changes::{COLUMNS, ChangedRows, Differences, RowChange, Seen, changed_row};
use crate::encoding::stored::copy_bytes;

/// A byte order mark.
const BOM: &str = "\u{feff}";

/// Writes the rows that changed: those before, and then those after.
pub(crate) fn write(
    before: Option<File>,
    after: Option<File>,
    separator: u8,
    changed: &Differences,
    seen: Seen,
    out: File,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let cells = |values: [&str; 3]| -> io::Result<Vec<u8>> {
        let mut writer = WriterBuilder::new();
        let mut writer = writer.delimiter(separator).from_writer(Vec::new());
        writer.write_record(values)?;
        let mut cells = writer.into_inner().map_err(|error| error.into_error())?;
        // The line goes on.
        cells.pop();
        cells.push(separator);
        Ok(cells)
    };
    let header = header(after.as_ref().or(before.as_ref()).ok_or_else(damaged)?)?;
    if header.starts_with(BOM) {
        out.write_all(BOM.as_bytes())?;
    }
    out.write_all(&cells(COLUMNS)?)?;
    out.write_all(header.trim_start_matches(BOM).as_bytes())?;
    let (at, day) = (seen.at_text(), seen.day.to_string());
    let mut copy = |file: Option<File>, change: &dyn Fn(&CustomerId) -> Option<RowChange>| {
        let Some(mut file) = file else {
            return Ok(());
        };
        for (id, bytes) in rows(&file, separator)? {
            if let Some(change) = change(&id) {
                let mut row = Vec::new();
                copy_bytes(&mut file, &bytes, &mut row)?;
                out.write_all(&cells([change.name(), &at, &day])?)?;
                // Other programs end lines with two characters, or the last one with none.
                out.write_all(row.trim_ascii_start())?;
                if !row.ends_with(b"\n") {
                    out.write_all(b"\n")?;
                }
            }
        }
        Ok::<_, io::Error>(())
    };
    copy(before, &|id| changed.before(id))?;
    copy(after, &|id| changed.after(id))?;
    out.flush()
}

/// The header of a file as it is, to the end of its line. Names of columns have no line ends.
fn header(file: &File) -> io::Result<String> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let mut header = String::new();
    BufReader::new(&file).read_line(&mut header)?;
    file.rewind()?;
    Ok(header)
}

/// Whether two files have the same columns.
pub(crate) fn have_one_header(files: [&File; 2]) -> bool {
    matches!(files.map(header), [Ok(one), Ok(other)] if one == other)
}

/// The rows of a file of changes.
pub(crate) fn rows_of(file: impl Read, separator: u8) -> io::Result<ChangedRows> {
    let mut reader = ReaderBuilder::new();
    let mut reader = reader.delimiter(separator).from_reader(file);
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let columns = Columns {
        change: column(COLUMNS[0]).ok_or_else(damaged)?,
        customer: super::columns_of(&headers, customer_columns(), "").ok_or_else(damaged)?,
        contacts: column("contact_count").ok_or_else(damaged)?,
        contact: super::columns_of(&headers, contact_columns(), "contact_").ok_or_else(damaged)?,
    };
    let rows = reader.records();
    rows.map(|row| columns.row(&row?)).collect()
}

/// Where a row has what.
struct Columns {
    change: usize,
    customer: Vec<usize>,
    contacts: usize,
    contact: Vec<usize>,
}

impl Columns {
    fn row(&self, record: &StringRecord) -> io::Result<(RowChange, Map<String, Value>)> {
        let customer = typed(record, &self.customer, customer_columns());
        let Some(Cell::Integer(id)) = customer.cells.first() else {
            return Err(damaged());
        };
        let has_contact = record.get(self.contacts) != Some("0");
        let contact = has_contact.then(|| typed(record, &self.contact, contact_columns()));
        let row = CustomerRow {
            id: *id,
            customer,
            contacts: contact.into_iter().collect(),
        };
        let change = record.get(self.change).ok_or_else(damaged)?;
        changed_row(change, row.to_json())
    }
}

/// A row with the types of its columns. What is none of its type, which kapture did not write, is text.
fn typed<'r>(record: &'r StringRecord, indices: &[usize], columns: &[Column]) -> Row<'r> {
    let mut row = super::text_row(record, indices);
    for (cell, column) in row.cells.iter_mut().zip(columns) {
        let Cell::Text(text) = &*cell else {
            continue;
        };
        let read = match column.kind {
            ColumnKind::Integer => text.parse().ok().map(Cell::Integer),
            ColumnKind::Float => text.parse().ok().map(Cell::Float),
            ColumnKind::Bool => text.parse().ok().map(Cell::Bool),
            ColumnKind::Timestamp => text.parse::<NaiveDateTime>().ok().map(Cell::Timestamp),
            ColumnKind::Text => None,
        };
        if let Some(read) = read {
            *cell = read;
        }
    }
    row
}
