//! Records as comma-separated values.

#[cfg(feature = "dataset")]
pub(crate) mod changes;

use std::io;

use chrono::NaiveDate;
use chrono_tz::Tz;
use csv::{ByteRecord, Writer, WriterBuilder};
use kapture_model::{
    AttributeColumn, Cell, Column, CustomerRow, Drift, Record, Row, RowReader, contact_columns,
    customer_columns,
};

use crate::encoding::parts::PartEncoder;
use crate::encoding::spreadsheet::{escape_formulas, escape_formulas_in_json};
use crate::encoding::{Encoding, Rows};

/// The buffer of the writer: one with room for a whole line is much faster.
const BUFFER_BYTES: usize = 128 * 1024;

/// Makes a row of each customer with its primary contact, or a row of each contact.
pub(crate) struct CsvEncoder {
    reader: RowReader<Tz>,
    rows: Rows,
    columns: Vec<AttributeColumn>,
    separator: u8,
    writer: Writer<Vec<u8>>,
    line: Line,
}

impl CsvEncoder {
    pub(crate) fn new(encoding: &Encoding) -> Self {
        Self {
            reader: RowReader::new(encoding.zone),
            rows: encoding.rows,
            columns: columns(encoding),
            separator: encoding.csv_separator,
            writer: writer(encoding.csv_separator, Vec::new()),
            line: Line {
                fields: ByteRecord::new(),
                cell: Vec::new(),
                is_safe: encoding.spreadsheet_safe,
            },
        }
    }
}

/// The names of the columns, after a byte order mark if there is to be one.
pub(crate) fn header(encoding: &Encoding) -> io::Result<Vec<u8>> {
    let names = |columns: &'static [Column]| columns.iter().map(|column| column.name.clone());
    let mut header: Vec<String> = match encoding.rows {
        Rows::Customers => names(customer_columns())
            .chain(columns(encoding).iter().map(|it| it.name().to_owned()))
            .chain(["extra".into(), "contact_count".into()])
            .chain(names(contact_columns()).map(|name| format!("contact_{name}")))
            .chain(["contact_extra".into()])
            .collect(),
        Rows::Contacts => ["customer_id".into(), "position".into()]
            .into_iter()
            .chain(names(contact_columns()))
            .chain(["extra".into()])
            .collect(),
    };
    if encoding.csv_bom {
        header[0].insert(0, '\u{feff}');
    }
    let mut writer = writer(encoding.csv_separator, Vec::new());
    writer.write_record(header).map_err(failed)?;
    lines(writer)
}

/// The further columns: customers have them.
fn columns(encoding: &Encoding) -> Vec<AttributeColumn> {
    match encoding.rows {
        Rows::Customers => encoding.columns.clone(),
        Rows::Contacts => Vec::new(),
    }
}

fn writer(separator: u8, out: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .delimiter(separator)
        .buffer_capacity(BUFFER_BYTES)
        .from_writer(out)
}

fn lines(writer: Writer<Vec<u8>>) -> io::Result<Vec<u8>> {
    writer.into_inner().map_err(|error| error.into_error())
}

impl PartEncoder for CsvEncoder {
    type Part = Vec<u8>;

    fn add(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
        let (line, writer) = (&mut self.line, &mut self.writer);
        for record in records {
            let row = self.reader.read(record);
            match self.rows {
                Rows::Customers => {
                    line.customer(&row, &self.columns);
                    line.end(writer)?;
                }
                Rows::Contacts => {
                    for (position, contact) in row.contacts.iter().enumerate() {
                        line.field(&row.id.to_string());
                        line.field(&position.to_string());
                        line.row(contact);
                        line.end(writer)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        // The next part is likely to be as long as this one.
        let out = Vec::with_capacity(self.writer.get_ref().len() + BUFFER_BYTES);
        let ended = std::mem::replace(&mut self.writer, writer(self.separator, out));
        Ok(Some(lines(ended)?).filter(|lines| !lines.is_empty()))
    }

    fn drift(&self) -> Drift {
        self.reader.drift()
    }
}

/// The line that is put together.
struct Line {
    fields: ByteRecord,
    /// The text of one cell.
    cell: Vec<u8>,
    is_safe: bool,
}

impl Line {
    fn customer(&mut self, row: &CustomerRow<'_>, columns: &[AttributeColumn]) {
        self.cells(&row.customer.cells);
        self.cells(&AttributeColumn::cells(columns, &row.customer));
        self.extra(&row.customer);
        self.field(&row.contacts.len().to_string());
        match primary(&row.contacts) {
            Some(contact) => self.row(contact),
            None => (0..=contact_columns().len()).for_each(|_| self.field("")),
        }
    }

    fn row(&mut self, row: &Row<'_>) {
        self.cells(&row.cells);
        self.extra(row);
    }

    fn cells(&mut self, cells: &[Cell<'_>]) {
        for cell in cells {
            match cell {
                Cell::Text(text) if self.is_safe => self.field(&escape_formulas(text)),
                Cell::Text(text) => self.field(text),
                cell => {
                    self.cell.clear();
                    cell.write_text(&mut self.cell);
                    self.fields.push_field(&self.cell);
                }
            }
        }
    }

    fn extra(&mut self, row: &Row<'_>) {
        let extra = row.extra.as_deref().unwrap_or_default();
        match self.is_safe {
            true => self.field(&escape_formulas_in_json(extra)),
            false => self.field(extra),
        }
    }

    fn field(&mut self, text: &str) {
        self.fields.push_field(text.as_bytes());
    }

    fn end(&mut self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer.write_byte_record(&self.fields).map_err(failed)?;
        self.fields.clear();
        Ok(())
    }
}

/// The error of the output, such as a closed pipe.
fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// The contact marked as primary, else the first.
fn primary<'a, 'r>(contacts: &'r [Row<'a>]) -> Option<&'r Row<'a>> {
    let column = contact_columns()
        .iter()
        .position(|column| column.key == "isPrimaryContact")?;
    let marked = |contact: &&Row<'_>| contact.cells[column] == Cell::Bool(true);
    contacts.iter().find(marked).or(contacts.first())
}

/// The rows of a CSV file of customers.
#[cfg(feature = "dataset")]
pub(crate) fn rows(
    file: &std::fs::File,
    separator: u8,
) -> io::Result<crate::encoding::stored::Rows> {
    use crate::encoding::surrogate_key::customer_id;

    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(separator).from_reader(file);
    let headers = reader.headers()?.clone();
    let column = |name| headers.iter().position(|header| header == name);
    let (id, extra) = (
        column("id").ok_or_else(damaged)?,
        column("extra").ok_or_else(damaged)?,
    );
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut start = reader.position().byte();
    while reader.read_record(&mut record)? {
        let end = reader.position().byte();
        let number = record.get(id).and_then(|text| text.parse().ok());
        let customer = number.and_then(|number| customer_id(number, record.get(extra)));
        rows.push((customer.ok_or_else(damaged)?, start..end));
        start = end;
    }
    Ok(rows)
}

/// The customers in a file, each with a hash of its values.
#[cfg(feature = "dataset")]
pub(crate) fn row_hashes(
    file: impl io::Read,
    separator: u8,
    hasher: &kapture_model::RowHasher,
) -> io::Result<crate::sink::RowHashes> {
    use crate::encoding::surrogate_key::customer_id;

    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(separator).from_reader(file);
    let headers = reader.headers()?.clone();
    let customer = columns_of(&headers, customer_columns(), "").ok_or_else(damaged)?;
    let contact = columns_of(&headers, contact_columns(), "contact_").ok_or_else(damaged)?;
    let mut hashes = crate::sink::RowHashes::new();
    for record in reader.records() {
        let record = record?;
        let [customer, contact] = [&customer, &contact].map(|columns| text_row(&record, columns));
        let id = match customer.cells.first() {
            Some(Cell::Text(text)) => text.parse().map_err(|_| damaged())?,
            _ => return Err(damaged()),
        };
        let row = CustomerRow {
            id,
            customer,
            contacts: vec![contact],
        };
        let id = customer_id(id, row.customer.extra.as_deref()).ok_or_else(damaged)?;
        hashes.insert(id, hasher.hash(&row));
    }
    Ok(hashes)
}

/// Where a header has the columns of customers or contacts, and the extra object behind them.
#[cfg(feature = "dataset")]
fn columns_of(headers: &csv::StringRecord, columns: &[Column], prefix: &str) -> Option<Vec<usize>> {
    let names = columns.iter().map(|column| column.name.as_str());
    let index = |name| {
        let name = format!("{prefix}{name}");
        headers.iter().position(|header| header == name)
    };
    names.chain(["extra"]).map(index).collect()
}

/// A row of text: the last column is the extra object.
#[cfg(feature = "dataset")]
fn text_row<'r>(record: &'r csv::StringRecord, columns: &[usize]) -> Row<'r> {
    let texts = columns.iter().map(|column| record.get(*column));
    let texts = texts.map(|text| text.filter(|text| !text.is_empty()));
    let mut texts: Vec<_> = texts.collect();
    let extra = texts.pop().flatten().map(str::to_owned);
    let cell = |text: Option<&'r str>| text.map_or(Cell::Null, |text| Cell::Text(text.into()));
    Row {
        cells: texts.into_iter().map(cell).collect(),
        extra,
    }
}

#[cfg(feature = "dataset")]
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a file of customers")
}
