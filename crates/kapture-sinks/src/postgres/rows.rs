//! The rows of the database, read back.

use std::collections::HashMap;

use chrono::NaiveDate;
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, RowHasher, contact_columns, customer_columns,
};
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::sink::RowHashes;
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
    let cell = |(column, index): (&Column, usize)| {
        Ok(match column.kind {
            ColumnKind::Integer => connection
                .value::<Option<_>>(row, index)?
                .map(Cell::Integer),
            ColumnKind::Float => connection.value::<Option<_>>(row, index)?.map(Cell::Float),
            ColumnKind::Bool => connection.value::<Option<_>>(row, index)?.map(Cell::Bool),
            ColumnKind::Timestamp => connection
                .value::<Option<_>>(row, index)?
                .map(Cell::Timestamp),
            ColumnKind::Text => {
                let text: Option<String> = connection.value(row, index)?;
                text.map(|text| Cell::Text(text.into()))
            }
        }
        .unwrap_or_default())
    };
    let cells = columns.iter().zip(first..).map(cell);
    Ok(Row {
        cells: cells.collect::<Result<_, SinkError>>()?,
        extra: connection.value(row, first + columns.len())?,
    })
}
