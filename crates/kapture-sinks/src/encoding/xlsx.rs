//! Records as an Excel workbook: customers on one sheet, contacts on another.

use std::io::{self, BufWriter, Write};

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use kapture_model::{
    AttributeColumn, Cell, Column, ColumnKind, Drift, Record, RowReader, contact_columns,
    customer_columns,
};
use rust_xlsxwriter::{ColNum, Format, RowNum, Workbook, Worksheet, XlsxError};

use crate::encoding::spreadsheet::starts_formula;
use crate::encoding::{Encoder, Encoding};

/// How many rows a sheet has, with its header.
const MAX_ROWS: RowNum = 1_048_576;

/// How many UTF-16 units the text of a cell has.
const MAX_TEXT: usize = 32_767;

/// Beyond it a spreadsheet, whose numbers are doubles, does not tell neighbours apart.
const MAX_INTEGER: u64 = 1 << 53;

/// Writes each row to a temporary file of its sheet, and the workbook at the end: a sheet takes no
/// memory, however long it is.
///
/// Text is text, whatever it looks like: a telephone number keeps its zeros, and a formula is not
/// computed. A table that is longer than a sheet goes on in another one.
pub(crate) struct XlsxEncoder {
    out: Box<dyn Write + Send>,
    reader: RowReader<Tz>,
    columns: Vec<AttributeColumn>,
    workbook: Workbook,
    styles: Styles,
    customers: Sheets,
    contacts: Sheets,
}

impl XlsxEncoder {
    pub(crate) fn new(out: Box<dyn Write + Send>, encoding: &Encoding) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        let styles = Styles::new();
        let customers = Sheets::new("customers", &[], customer_columns(), &encoding.columns);
        let keys = ["customer_id", "position"];
        let contacts = Sheets::new("contacts", &keys, contact_columns(), &[]);
        let mut tables = [customers, contacts];
        for table in &mut tables {
            table.add_sheet(&mut workbook, &styles).map_err(failed)?;
        }
        let [customers, contacts] = tables;
        Ok(Self {
            out,
            reader: RowReader::new(encoding.zone),
            columns: encoding.columns.clone(),
            workbook,
            styles,
            customers,
            contacts,
        })
    }
}

impl Encoder for XlsxEncoder {
    fn write(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
        let (workbook, styles) = (&mut self.workbook, &self.styles);
        for record in records {
            let row = self.reader.read(record);
            let attributes = AttributeColumn::cells(&self.columns, &row.customer);
            let cells = row.customer.cells.iter().chain(&attributes);
            let extra = row.customer.extra.as_deref();
            let added = self.customers.add(workbook, styles, &[], cells, extra);
            added.map_err(failed)?;
            for (position, contact) in (0_i64..).zip(&row.contacts) {
                let keys = [row.id, position];
                let (cells, extra) = (contact.cells.iter(), contact.extra.as_deref());
                let added = self.contacts.add(workbook, styles, &keys, cells, extra);
                added.map_err(failed)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let mut out = BufWriter::new(self.out);
        self.workbook.save_to_writer(&mut out).map_err(failed)?;
        out.flush()
    }

    fn drift(&self) -> Drift {
        self.reader.drift()
    }
}

/// The I/O error behind an error of the workbook, if there is one.
fn failed(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        // Most of them are I/O errors, too, and keep their kind.
        XlsxError::ZipError(error) => error.into(),
        error => io::Error::other(error),
    }
}

/// How cells are shown.
struct Styles {
    header: Format,
    /// Without an exponent, which a spreadsheet shows for an id of twelve digits.
    integer: Format,
    time: Format,
    /// Text that stays text if someone edits the cell.
    quoted: Format,
}

impl Styles {
    fn new() -> Self {
        Self {
            header: Format::new().set_bold(),
            integer: Format::new().set_num_format("0"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            quoted: Format::new().set_quote_prefix(),
        }
    }
}

/// A table: the sheet that rows are added to, and those that are full.
struct Sheets {
    name: &'static str,
    /// The names of the columns, and whether they hold times.
    columns: Vec<(String, bool)>,
    count: usize,
    /// The index of the sheet in the workbook.
    sheet: usize,
    next_row: RowNum,
}

impl Sheets {
    fn new(
        name: &'static str,
        keys: &[&str],
        columns: &[Column],
        attributes: &[AttributeColumn],
    ) -> Self {
        let keys = keys.iter().map(|key| ((*key).to_owned(), false));
        let columns = columns.iter().map(|column| {
            let is_time = column.kind == ColumnKind::Timestamp;
            (column.name.clone(), is_time)
        });
        let attributes = attributes
            .iter()
            .map(|column| (column.name().to_owned(), false));
        let columns = columns.chain(attributes);
        let extra = ("extra".to_owned(), false);
        Self {
            name,
            columns: keys.chain(columns).chain([extra]).collect(),
            count: 0,
            sheet: 0,
            next_row: 0,
        }
    }

    /// Goes on in a new sheet.
    fn add_sheet(&mut self, workbook: &mut Workbook, styles: &Styles) -> Result<(), XlsxError> {
        self.sheet = workbook.worksheets().len();
        self.count += 1;
        let name = match self.count {
            1 => self.name.to_owned(),
            count => format!("{} {count}", self.name),
        };
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        for (column, (name, is_time)) in (0..).zip(&self.columns) {
            // A time that is wider than its column is shown as `####`.
            sheet.set_column_width(column, if *is_time { 20.0 } else { 12.0 })?;
            sheet.write_string_with_format(0, column, name, &styles.header)?;
        }
        self.next_row = 1;
        Ok(())
    }

    /// Adds a row: `keys`, the cells, and the extra object.
    fn add<'a>(
        &mut self,
        workbook: &mut Workbook,
        styles: &Styles,
        keys: &[i64],
        cells: impl Iterator<Item = &'a Cell<'a>>,
        extra: Option<&str>,
    ) -> Result<(), XlsxError> {
        if self.next_row == MAX_ROWS {
            self.add_sheet(workbook, styles)?;
        }
        let at = self.next_row;
        self.next_row += 1;
        let sheet = workbook.worksheet_from_index(self.sheet)?;
        let mut column: ColNum = 0;
        for key in keys {
            write_integer(sheet, (at, column), *key, styles)?;
            column += 1;
        }
        for cell in cells {
            write_cell(sheet, (at, column), cell, styles)?;
            column += 1;
        }
        match extra {
            Some(extra) => write_text(sheet, (at, column), extra, styles),
            None => Ok(()),
        }
    }
}

type Place = (RowNum, ColNum);

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): Place,
    cell: &Cell<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Null => Ok(()),
        Cell::Integer(number) => write_integer(sheet, (row, column), *number, styles),
        Cell::Float(number) => sheet.write_number(row, column, *number).map(drop),
        Cell::Bool(flag) => sheet.write_boolean(row, column, *flag).map(drop),
        Cell::Text(text) => write_text(sheet, (row, column), text, styles),
        // The calendar of spreadsheets begins in 1900, with a leap year that there was not.
        Cell::Timestamp(time) if (1901..=9999).contains(&time.year()) => sheet
            .write_datetime_with_format(row, column, time, &styles.time)
            .map(drop),
        Cell::Timestamp(time) => sheet
            .write_string(row, column, format!("{time:?}"))
            .map(drop),
    }
}

fn write_integer(
    sheet: &mut Worksheet,
    (row, column): Place,
    number: i64,
    styles: &Styles,
) -> Result<(), XlsxError> {
    match number.unsigned_abs() <= MAX_INTEGER {
        true => sheet.write_number_with_format(row, column, number as f64, &styles.integer),
        false => sheet.write_string(row, column, number.to_string()),
    }
    .map(drop)
}

fn write_text(
    sheet: &mut Worksheet,
    (row, column): Place,
    text: &str,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let text = fitting(text);
    match starts_formula(&text) {
        true => sheet.write_string_with_format(row, column, text, &styles.quoted),
        false => sheet.write_string(row, column, text),
    }
    .map(drop)
}

/// As much of a text as a cell holds, with an ellipsis where it is cut.
fn fitting(text: &str) -> String {
    if text.encode_utf16().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut units = 1;
    let fits = |letter: &char| {
        units += letter.len_utf16();
        units <= MAX_TEXT
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_what_a_cell_holds() {
        assert_eq!(fitting("short"), "short");
        let longest = "x".repeat(MAX_TEXT);
        assert_eq!(fitting(&longest), longest);
        // Each of these letters is two units.
        let cut = fitting(&"𝒙".repeat(MAX_TEXT));
        assert_eq!(cut.encode_utf16().count(), MAX_TEXT);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn a_table_longer_than_a_sheet_goes_on_in_another() {
        let mut workbook = Workbook::new();
        let styles = Styles::new();
        let mut table = Sheets::new("contacts", &["customer_id"], contact_columns(), &[]);
        table.add_sheet(&mut workbook, &styles).unwrap();
        table.next_row = MAX_ROWS - 1;
        for id in 1..=3 {
            let added = table.add(&mut workbook, &styles, &[id], [].iter(), None);
            added.unwrap();
        }
        assert_eq!((table.sheet, table.next_row), (1, 3));
        let names: Vec<_> = workbook.worksheets().iter().map(Worksheet::name).collect();
        assert_eq!(names, ["contacts", "contacts 2"]);
    }
}
