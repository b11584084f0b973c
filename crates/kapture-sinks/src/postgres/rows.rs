//! The rows of the database, read back.

use std::collections::HashMap;
use std::error::Error;

use chrono::NaiveDate;
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, RowHasher, contact_columns, customer_columns,
};
use tokio_postgres::Transaction;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::connection::Connection;
use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::ledger::stray::Stray;
use crate::sink::RowHashes;
use crate::sql::strays;
use crate::sql::tables::{self, Dialect};

/// How many customers are read at a time.
const PAGE: i32 = 1000;

/// The customers that a day listed, each with a hash of its values.
pub(super) async fn row_hashes(
    connection: &Connection,
    day: NaiveDate,
    hasher: &RowHasher,
) -> Result<RowHashes, SinkError> {
    let mut client = connection.client().await;
    let transaction = connection.run(client.transaction()).await?;
    let mut hashes = RowHashes::new();
    let read = for_each_row(connection, &transaction, day, |row, _| {
        let id = customer_id(row.id, row.customer.extra.as_deref());
        let id = id.ok_or_else(|| tables::customer_without_id(&connection.destination, day))?;
        hashes.insert(id, hasher.hash(&row));
        Ok(())
    })
    .await;
    // It holds locks of the tables until it ends.
    let ended = connection.run(transaction.rollback()).await;
    read.and(ended).map(|()| hashes)
}

/// The rows that belong to no day of the ledger.
pub(super) async fn strays(connection: &Connection) -> Result<Vec<Stray>, SinkError> {
    let client = connection.client().await;
    let select = strays::select_days(Dialect::Postgres);
    let rows = connection.run(client.query(&select, &[])).await?;
    let stray = |row| {
        let (day, count): (Option<_>, i64) = (connection.value(row, 0)?, connection.value(row, 1)?);
        Ok(Stray::Customers {
            // An infinite date is no text.
            day: day.unwrap_or_else(|| "infinity".into()),
            count: count.unsigned_abs(),
        })
    };
    rows.iter().map(stray).collect()
}

/// Makes a day that is merged next replace the customers that another program changed.
pub(super) async fn forget_changed(
    connection: &Connection,
    transaction: &Transaction<'_>,
    day: NaiveDate,
    hasher: &RowHasher,
) -> Result<(), SinkError> {
    let mut changed: Vec<i64> = Vec::new();
    for_each_row(connection, transaction, day, |row, hash| {
        if hash != Some(hasher.hash(&row).to_i64()) {
            changed.push(row.id);
        }
        Ok(())
    })
    .await?;
    if changed.is_empty() {
        return Ok(());
    }
    let forget = tables::forget_hash(Dialect::Postgres);
    let changed: [&(dyn ToSql + Sync); 1] = [&changed];
    let forgotten = transaction.execute(&forget, &changed);
    connection.run(forgotten).await.map(drop)
}

/// Passes each customer that a day listed to `each`, with its hash as it was written. A page of them
/// is in memory at a time, however many the day has.
async fn for_each_row(
    connection: &Connection,
    transaction: &Transaction<'_>,
    day: NaiveDate,
    mut each: impl FnMut(CustomerRow<'static>, Option<i64>) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let select = tables::select_customers_of_day(Dialect::Postgres);
    let select = connection.run(transaction.prepare(&select)).await?;
    let portal = connection.run(transaction.bind(&select, &[&day])).await?;
    let select_contacts = tables::select_contacts_of(Dialect::Postgres);
    let select_contacts = connection.run(transaction.prepare(&select_contacts));
    let select_contacts = select_contacts.await?;
    loop {
        let page = transaction.query_portal(&portal, PAGE);
        let page = connection.run(page).await?;
        if page.is_empty() {
            return Ok(());
        }
        let ids = page.iter().map(|row| connection.value(row, 0));
        let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
        let mut contacts: HashMap<i64, Vec<Row<'static>>> = HashMap::new();
        let of_page: [&(dyn ToSql + Sync); 1] = [&ids];
        let rows = transaction.query(&select_contacts, &of_page);
        for row in connection.run(rows).await? {
            let contact = values(connection, &row, 1, contact_columns())?;
            let customer = connection.value(&row, 0)?;
            contacts.entry(customer).or_default().push(contact);
        }
        for (row, id) in page.iter().zip(ids) {
            let customer = CustomerRow {
                id,
                customer: values(connection, row, 0, customer_columns())?,
                contacts: contacts.remove(&id).unwrap_or_default(),
            };
            let hash = connection.value(row, customer_columns().len() + 1)?;
            each(customer, hash)?;
        }
    }
}

/// The columns of a row from `first` on, and the extra object behind them.
pub(super) fn values(
    connection: &Connection,
    row: &tokio_postgres::Row,
    first: usize,
    columns: &[Column],
) -> Result<Row<'static>, SinkError> {
    let cell = |(column, index): (&Column, usize)| match column.kind {
        ColumnKind::Integer => cell(row, index, Cell::Integer),
        ColumnKind::Float => cell(row, index, Cell::Float),
        ColumnKind::Bool => cell(row, index, Cell::Bool),
        ColumnKind::Timestamp => cell(row, index, Cell::Timestamp),
        ColumnKind::Text => cell(row, index, |text: String| Cell::Text(text.into())),
    };
    let cells = columns.iter().zip(first..).map(cell);
    Ok(Row {
        cells: cells.collect(),
        extra: connection.value(row, first + columns.len())?,
    })
}

/// The value of a column. One that kapture did not write, such as an infinite date, is its bytes as text.
fn cell<'r, T: FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    index: usize,
    cell: impl FnOnce(T) -> Cell<'static>,
) -> Cell<'static> {
    match row.try_get::<_, Option<T>>(index) {
        Ok(value) => value.map_or(Cell::Null, cell),
        Err(_) => match row.try_get(index) {
            Ok(Foreign(bytes)) => Cell::Text(format!("{bytes:02x?}").into()),
            Err(_) => Cell::Null,
        },
    }
}

/// The bytes of a value of any type.
struct Foreign<'r>(&'r [u8]);

impl<'r> FromSql<'r> for Foreign<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
