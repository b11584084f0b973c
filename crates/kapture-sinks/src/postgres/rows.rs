//! The rows of the database, read back.

use std::collections::HashMap;
use std::pin::pin;

use chrono::NaiveDate;
use futures_util::TryStreamExt;
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, RowHasher, contact_columns, customer_columns,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Transaction};

use super::connection::Connection;
use crate::encoding::surrogate_key::customer_id;
use crate::error::SinkError;
use crate::sink::RowHashes;
use crate::sql::tables::{self, Dialect};

/// The customers that a day listed, each with a hash of its values.
pub(super) async fn row_hashes(
    connection: &Connection,
    day: NaiveDate,
    hasher: &RowHasher,
) -> Result<RowHashes, SinkError> {
    let client = connection.client().await;
    let rows = rows(connection, &*client, day).await?;
    let hash = |(row, _): (CustomerRow<'_>, _)| {
        let id = customer_id(row.id, row.customer.extra.as_deref());
        id.map(|id| (id, hasher.hash(&row)))
    };
    Ok(rows.into_iter().filter_map(hash).collect())
}

/// Makes a day that is merged next replace the customers that another program changed.
pub(super) async fn forget_changed(
    connection: &Connection,
    transaction: &Transaction<'_>,
    day: NaiveDate,
    hasher: &RowHasher,
) -> Result<(), SinkError> {
    for (row, hash) in rows(connection, transaction, day).await? {
        if hash != Some(hasher.hash(&row).to_i64()) {
            let id: [&(dyn ToSql + Sync); 1] = [&row.id];
            let forgotten = transaction.execute(tables::FORGET_HASH, &id);
            connection.run(forgotten).await?;
        }
    }
    Ok(())
}

/// The customers that a day listed, each with its hash as it was written.
async fn rows(
    connection: &Connection,
    client: &impl GenericClient,
    day: NaiveDate,
) -> Result<Vec<(CustomerRow<'static>, Option<i64>)>, SinkError> {
    let mut customers = Vec::new();
    let select = tables::select_customers_of_day(Dialect::Postgres);
    let rows = connection.run(client.query_raw(&select, [day])).await?;
    let mut rows = pin!(rows);
    while let Some(row) = connection.run(rows.try_next()).await? {
        let customer = CustomerRow {
            id: connection.value(&row, 0)?,
            customer: values(connection, &row, 0, customer_columns())?,
            contacts: Vec::new(),
        };
        let hash = connection.value(&row, customer_columns().len() + 1)?;
        customers.push((customer, hash));
    }
    if customers.is_empty() {
        return Ok(customers);
    }
    let mut contacts: HashMap<i64, Vec<Row<'static>>> = HashMap::new();
    let select = tables::select_contacts_of_day(Dialect::Postgres);
    let rows = connection.run(client.query_raw(&select, [day])).await?;
    let mut rows = pin!(rows);
    while let Some(row) = connection.run(rows.try_next()).await? {
        let contact = values(connection, &row, 1, contact_columns())?;
        let customer = connection.value(&row, 0)?;
        contacts.entry(customer).or_default().push(contact);
    }
    for (customer, _) in &mut customers {
        customer.contacts = contacts.remove(&customer.id).unwrap_or_default();
    }
    Ok(customers)
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
