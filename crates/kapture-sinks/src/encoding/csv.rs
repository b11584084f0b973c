//! Records as comma-separated values.

#[cfg(feature = "dataset")]
pub(crate) mod changes;

use std::io::{self, Write};

use chrono::NaiveDate;
use chrono_tz::Tz;
use csv::{Writer, WriterBuilder};
use kapture_model::{
    AttributeColumn, Cell, Column, CustomerRow, Drift, Record, Row, RowReader, contact_columns,
    customer_columns,
};

use crate::encoding::compression::Output;
use crate::encoding::spreadsheet::{escape_formulas, escape_formulas_in_json};
use crate::encoding::{Encoder, Encoding, Rows};

/// Writes a row for each customer with its primary contact, or a row for each contact.
pub(crate) struct CsvEncoder {
    reader: RowReader<Tz>,
    rows: Rows,
    columns: Vec<AttributeColumn>,
    spreadsheet_safe: bool,
    /// Whether a byte order mark comes before the header.
    bom: bool,
    writer: Writer<Unflushed>,
    /// The text of the cell that is written.
    cell: Vec<u8>,
    has_header: bool,
}

impl CsvEncoder {
    pub(crate) fn new(out: Output, encoding: &Encoding) -> Self {
        Self {
            reader: RowReader::new(encoding.zone),
            rows: encoding.rows,
            columns: match encoding.rows {
                Rows::Customers => encoding.columns.clone(),
                Rows::Contacts => Vec::new(),
            },
            spreadsheet_safe: encoding.spreadsheet_safe,
            bom: encoding.csv_bom,
            writer: WriterBuilder::new()
                .delimiter(encoding.csv_separator)
                .from_writer(Unflushed(out)),
            cell: Vec::new(),
            has_header: false,
        }
    }

    fn write_header(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_header, true) {
            return Ok(());
        }
        let names = |columns: &'static [Column]| columns.iter().map(|column| column.name.clone());
        let mut header: Vec<String> = match self.rows {
            Rows::Customers => names(customer_columns())
                .chain(self.columns.iter().map(|column| column.name().to_owned()))
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
        if self.bom {
            header[0].insert(0, '\u{feff}');
        }
        self.writer.write_record(header).map_err(failed)
    }
}

impl Encoder for CsvEncoder {
    fn write(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
        self.write_header()?;
        for record in records {
            let row = self.reader.read(record);
            let mut line = Line {
                writer: &mut self.writer,
                cell: &mut self.cell,
                safe: self.spreadsheet_safe,
            };
            match self.rows {
                Rows::Customers => line.customer(&row, &self.columns)?,
                Rows::Contacts => {
                    for (position, contact) in row.contacts.iter().enumerate() {
                        line.field(&row.id.to_string())?;
                        line.field(&position.to_string())?;
                        line.row(contact)?;
                        line.end()?;
                    }
                }
            }
        }
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_header()?;
        let out = self.writer.into_inner();
        out.map_err(|error| error.into_error())?.0.finish()
    }

    fn drift(&self) -> Drift {
        self.reader.drift()
    }
}

/// The output, which is flushed at the end and not with each batch: a file is synced then.
struct Unflushed(Output);

impl Write for Unflushed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one line.
struct Line<'a> {
    writer: &'a mut Writer<Unflushed>,
    cell: &'a mut Vec<u8>,
    safe: bool,
}

impl Line<'_> {
    fn customer(&mut self, row: &CustomerRow<'_>, columns: &[AttributeColumn]) -> io::Result<()> {
        self.cells(&row.customer.cells)?;
        self.cells(&AttributeColumn::cells(columns, &row.customer))?;
        self.extra(&row.customer)?;
        self.field(&row.contacts.len().to_string())?;
        match primary(&row.contacts) {
            Some(contact) => self.row(contact)?,
            None => {
                for _ in 0..=contact_columns().len() {
                    self.field("")?;
                }
            }
        }
        self.end()
    }

    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.cells(&row.cells)?;
        self.extra(row)
    }

    fn cells(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            match cell {
                Cell::Text(text) if self.safe => self.field(&escape_formulas(text))?,
                Cell::Text(text) => self.field(text)?,
                cell => {
                    self.cell.clear();
                    cell.write_text(self.cell);
                    self.writer.write_field(&self.cell).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn extra(&mut self, row: &Row<'_>) -> io::Result<()> {
        let extra = row.extra.as_deref().unwrap_or_default();
        match self.safe {
            true => self.field(&escape_formulas_in_json(extra)),
            false => self.field(extra),
        }
    }

    fn field(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_field(text).map_err(failed)
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.write_record(None::<&[u8]>).map_err(failed)
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
