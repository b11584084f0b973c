//! The rows of the database, read back.

use std::collections::HashMap;

use chrono::{NaiveDate, NaiveDateTime};
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, RowHasher, contact_columns, customer_columns,
};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::database::Database;
use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::sink::RowHashes;
use crate::sql::tables::{self, Dialect};

impl Database {
    /// The customers that a day listed, each with a hash of its values.
    pub(super) fn row_hashes(
        &self,
        day: NaiveDate,
        hasher: &RowHasher,
    ) -> Result<RowHashes, SinkError> {
        let rows = rows(&self.connection(), day).map_err(self.error())?;
        let hash = |(row, _): (CustomerRow<'_>, _)| {
            let id = customer_id(row.id, row.customer.extra.as_deref());
            let id = id.ok_or_else(|| SinkError::Damaged {
                destination: self.destination(),
                what: format!("a customer of {day} has no id"),
            })?;
            Ok((id, hasher.hash(&row)))
        };
        rows.into_iter().map(hash).collect()
    }
}

/// Makes a day that is merged next replace the customers that another program changed.
pub(super) fn forget_changed(
    connection: &Connection,
    day: NaiveDate,
    hasher: &RowHasher,
) -> rusqlite::Result<()> {
    for (row, hash) in rows(connection, day)? {
        if hash != Some(hasher.hash(&row).to_i64()) {
            connection.execute(tables::FORGET_HASH, [row.id])?;
        }
    }
    Ok(())
}

/// The customers that a day listed, each with its hash as it was written.
fn rows(
    connection: &Connection,
    day: NaiveDate,
) -> rusqlite::Result<Vec<(CustomerRow<'static>, Option<i64>)>> {
    let day = day.to_string();
    let select = tables::select_customers_of_day(Dialect::Sqlite);
    let mut select = connection.prepare_cached(&select)?;
    let customers = select.query_map([&day], |row| {
        let customer = CustomerRow {
            id: row.get(0)?,
            customer: values(row, 0, customer_columns())?,
            contacts: Vec::new(),
        };
        Ok((customer, row.get(customer_columns().len() + 1)?))
    })?;
    let mut customers: Vec<_> = customers.collect::<rusqlite::Result<_>>()?;
    if customers.is_empty() {
        return Ok(customers);
    }
    let mut contacts: HashMap<i64, Vec<Row<'static>>> = HashMap::new();
    let select = tables::select_contacts_of_day(Dialect::Sqlite);
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query([&day])?;
    while let Some(row) = rows.next()? {
        let contact = values(row, 1, contact_columns())?;
        contacts.entry(row.get(0)?).or_default().push(contact);
    }
    for (customer, _) in &mut customers {
        customer.contacts = contacts.remove(&customer.id).unwrap_or_default();
    }
    Ok(customers)
}

/// The columns of a row from `first` on, and the extra object behind them.
pub(super) fn values(
    row: &rusqlite::Row<'_>,
    first: usize,
    columns: &[Column],
) -> rusqlite::Result<Row<'static>> {
    let cells = columns.iter().zip(first..);
    let cells = cells.map(|(column, index)| Ok(cell(column.kind, row.get_ref(index)?)));
    Ok(Row {
        cells: cells.collect::<rusqlite::Result<_>>()?,
        extra: row.get(first + columns.len())?,
    })
}

/// The value of a column. One of another kind, which kapture did not write, is text.
fn cell(kind: ColumnKind, value: ValueRef<'_>) -> Cell<'static> {
    let text = || value.as_str().ok();
    let cell = match kind {
        ColumnKind::Integer => value.as_i64().ok().map(Cell::Integer),
        ColumnKind::Bool => value.as_i64().ok().map(|flag| Cell::Bool(flag != 0)),
        ColumnKind::Float => match value {
            ValueRef::Integer(number) => Some(Cell::Float(number as f64)),
            _ => value.as_f64().ok().map(Cell::Float),
        },
        ColumnKind::Text => text().map(|text| Cell::Text(text.to_owned().into())),
        ColumnKind::Timestamp => text()
            .and_then(|text| text.parse::<NaiveDateTime>().ok())
            .map(Cell::Timestamp),
    };
    cell.unwrap_or_else(|| foreign(value))
}

fn foreign(value: ValueRef<'_>) -> Cell<'static> {
    let text = match value {
        ValueRef::Null => return Cell::Null,
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
    };
    Cell::Text(text.into())
}
