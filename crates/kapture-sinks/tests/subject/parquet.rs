//! Parquet files, read row by row: another way through the library than the one that wrote them.

use std::fs::File;
use std::path::Path;

use chrono::DateTime;
use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

/// The customers in a file.
pub(crate) fn customers(path: &Path) -> Vec<Value> {
    let file = File::open(path).expect("a file");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| customer(&row.expect("a row"))).collect()
}

fn customer(row: &Row) -> Value {
    let mut customer = object(row, customer_columns());
    let Field::ListInternal(contacts) = field(row, "contacts") else {
        panic!("contacts are no list");
    };
    // An odd list of contacts is in the extra object.
    if !contacts.elements().is_empty() && customer["contacts"].is_null() {
        let contact = |contact: &Field| match contact {
            Field::Group(row) => object(row, contact_columns()),
            other => panic!("no contact: {other:?}"),
        };
        customer["contacts"] = contacts.elements().iter().map(contact).collect();
    }
    customer
}

fn field<'a>(row: &'a Row, name: &str) -> &'a Field {
    let mut columns = row.get_column_iter();
    columns
        .find(|(found, _)| *found == name)
        .expect("a column")
        .1
}

fn object(row: &Row, columns: &[Column]) -> Value {
    let cell = |column: &Column| match (column.kind, field(row, &column.name)) {
        (_, Field::Null) => Value::Null,
        (ColumnKind::Integer, Field::Long(number)) => (*number).into(),
        (ColumnKind::Float, Field::Double(number)) => (*number).into(),
        (ColumnKind::Text, Field::Str(text)) => text.as_str().into(),
        (ColumnKind::Bool, Field::Bool(flag)) => (*flag).into(),
        (ColumnKind::Timestamp, Field::TimestampMicros(micros)) => {
            let time = DateTime::from_timestamp_micros(*micros).expect("a time");
            format!("{:?}", time.naive_utc()).into()
        }
        (_, other) => panic!("{} is {other:?}", column.name),
    };
    let cells = columns.iter().map(cell).collect();
    let extra = match field(row, "extra") {
        Field::Str(text) => Some(text.as_str()),
        _ => None,
    };
    super::assembled(columns, cells, extra)
}
