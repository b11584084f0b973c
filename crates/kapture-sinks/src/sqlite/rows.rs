//! The rows of the database, read back.

use chrono::{NaiveDate, NaiveDateTime};
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, RowHasher, contact_columns, customer_columns,
};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::database::Database;
use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::ledger::stray::Stray;
use crate::sink::RowHashes;
use crate::sql::strays;
use crate::sql::tables::{self, Dialect};

impl Database {
    /// The customers that a day listed, each with a hash of its values.
    pub(super) fn row_hashes(
        &self,
        day: NaiveDate,
        hasher: &RowHasher,
    ) -> Result<RowHashes, SinkError> {
        let mut hashes = RowHashes::new();
        let mut is_damaged = false;
        let hashed = for_each_row(&self.connection(), day, |row, _| {
            match customer_id(row.id, row.customer.extra.as_deref()) {
                Some(id) => drop(hashes.insert(id, hasher.hash(&row))),
                None => is_damaged = true,
            }
        });
        hashed.map_err(self.error())?;
        match is_damaged {
            false => Ok(hashes),
            true => Err(tables::customer_without_id(&self.destination(), day)),
        }
    }
}

impl Database {
    /// The rows that belong to no day of the ledger.
    pub(super) fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Vec<Stray>> {
            let mut select = connection.prepare(&strays::select_days(Dialect::Sqlite))?;
            let days = select.query_map([], |row| {
                Ok(Stray::Customers {
                    day: row.get(0)?,
                    count: row.get::<_, i64>(1)?.unsigned_abs(),
                })
            })?;
            let mut found = days.collect::<rusqlite::Result<Vec<_>>>()?;
            let contacts = connection.query_row(strays::COUNT_CONTACTS, [], |row| row.get(0));
            match contacts.map(i64::unsigned_abs)? {
                0 => {}
                count => found.push(Stray::Contacts { count }),
            }
            Ok(found)
        };
        read().map_err(self.error())
    }
}

/// Makes a day that is merged next replace the customers that another program changed.
pub(super) fn forget_changed(
    connection: &Connection,
    day: NaiveDate,
    hasher: &RowHasher,
) -> rusqlite::Result<()> {
    let mut changed = Vec::new();
    for_each_row(connection, day, |row, hash| {
        if hash != Some(hasher.hash(&row).to_i64()) {
            changed.push(row.id);
        }
    })?;
    let mut forget = connection.prepare_cached(&tables::forget_hash(Dialect::Sqlite))?;
    for id in changed {
        forget.execute([id])?;
    }
    Ok(())
}

/// Passes each customer that a day listed to `each`, with its hash as it was written. One is in memory
/// at a time, however many the day has.
fn for_each_row(
    connection: &Connection,
    day: NaiveDate,
    mut each: impl FnMut(CustomerRow<'static>, Option<i64>),
) -> rusqlite::Result<()> {
    let select = tables::select_customers_of_day(Dialect::Sqlite);
    let mut select = connection.prepare_cached(&select)?;
    let contacts = tables::select_contacts_of(Dialect::Sqlite);
    let mut contacts = connection.prepare_cached(&contacts)?;
    let mut rows = select.query([day.to_string()])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let of_customer = contacts.query_map([id], |row| values(row, 1, contact_columns()))?;
        let customer = CustomerRow {
            id,
            customer: values(row, 0, customer_columns())?,
            contacts: of_customer.collect::<rusqlite::Result<_>>()?,
        };
        each(customer, row.get(customer_columns().len() + 1)?);
    }
    Ok(())
}

/// The columns of a row from `first` on, and the extra object behind them.
pub(super) fn values(
    row: &rusqlite::Row<'_>,
    first: usize,
    columns: &[Column],
) -> rusqlite::Result<Row<'static>> {
    let cells = columns.iter().zip(first..);
    let cells = cells.map(|(column, index)| Ok(cell(column.kind, row.get_ref(index)?)));
    let extra = match cell(ColumnKind::Text, row.get_ref(first + columns.len())?) {
        Cell::Text(extra) => Some(extra.into_owned()),
        _ => None,
    };
    Ok(Row {
        cells: cells.collect::<rusqlite::Result<_>>()?,
        extra,
    })
}

/// The value of a column. One of another kind, which kapture did not write, is text.
fn cell(kind: ColumnKind, value: ValueRef<'_>) -> Cell<'static> {
    let text = || value.as_str().ok();
    let cell = match kind {
        ColumnKind::Integer => value.as_i64().ok().map(Cell::Integer),
        ColumnKind::Bool => match value {
            ValueRef::Integer(flag @ (0 | 1)) => Some(Cell::Bool(flag == 1)),
            _ => None,
        },
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
