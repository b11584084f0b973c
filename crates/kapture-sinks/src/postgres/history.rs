//! The history of the database, read: its changes page by page.

use std::collections::HashMap;

use kapture_model::{Row, contact_columns, customer_columns};
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use super::rows::values;
use crate::error::SinkError;
use crate::ledger::change::SeenBetween;
use crate::sql::changes::{self, ChangeRow, FIRST_VALUE, Page, Position, Version};
use crate::sql::tables::Dialect;

/// The changes behind a position.
pub(super) async fn changes(
    connection: &Connection,
    span: &SeenBetween,
    position: &Position,
) -> Result<Page, SinkError> {
    let damaged = || SinkError::Damaged {
        destination: connection.destination.clone(),
        what: "its table customers_history has a row that kapture did not write".into(),
    };
    let select = changes::select_page(Dialect::Postgres);
    let (seen, until) = (position.seen_or_first(), changes::until(span));
    let parameters: [&(dyn ToSql + Sync); 3] = [&seen, &position.id, &until];
    let client = connection.client().await;
    let rows = connection.run(client.query(&select, &parameters)).await?;
    drop(client);
    let mut page = Vec::new();
    for row in &rows {
        let (seen, id): (String, i64) = (connection.value(row, 0)?, connection.value(row, 1)?);
        let day: &str = connection.value(row, 3)?;
        let before: Option<String> = connection.value(row, 4)?;
        let version = |first: usize, seen: String| -> Result<Version, SinkError> {
            let customer = values(connection, row, first, &customer_columns()[1..])?;
            Ok(Version::new(seen, id, customer))
        };
        page.push(ChangeRow {
            after: Some(version(FIRST_VALUE, seen.clone())?),
            before: before
                .map(|seen| version(FIRST_VALUE + changes::version_width(), seen))
                .transpose()?,
            seen,
            id,
            op: connection.value(row, 2)?,
            day: day.parse().map_err(|_| damaged())?,
        });
    }
    add_contacts(connection, &mut page).await?;
    Page::of(page).ok_or_else(damaged)
}

/// Reads the contacts of all versions of a page, in one statement.
async fn add_contacts(connection: &Connection, page: &mut [ChangeRow]) -> Result<(), SinkError> {
    let versions = || {
        page.iter()
            .flat_map(|row| row.after.iter().chain(&row.before))
    };
    let ids: Vec<_> = versions().map(|version| version.row.id).collect();
    let seen: Vec<_> = versions().map(|version| version.seen.clone()).collect();
    let names: Vec<_> = contact_columns()
        .iter()
        .map(|column| format!("contacts.{}", column.name))
        .collect();
    let select = format!(
        "SELECT contacts.customer_id, version.seen, {}, CAST(contacts.extra AS text)
         FROM (SELECT DISTINCT id, seen FROM unnest($1::bigint[], $2::text[]) AS asked (id, seen))
             AS version
         JOIN contacts_history AS contacts ON contacts.customer_id = version.id
             AND contacts.valid_from = CAST(version.seen AS timestamptz)
         ORDER BY contacts.customer_id, contacts.valid_from, contacts.position",
        names.join(", ")
    );
    let client = connection.client().await;
    let parameters: [&(dyn ToSql + Sync); 2] = [&ids, &seen];
    let rows = connection.run(client.query(&select, &parameters)).await?;
    let mut contacts = HashMap::<(i64, String), Vec<Row<'static>>>::new();
    for row in &rows {
        let key = (connection.value(row, 0)?, connection.value(row, 1)?);
        let contact = values(connection, row, 2, contact_columns())?;
        contacts.entry(key).or_default().push(contact);
    }
    for row in page {
        for version in row.after.iter_mut().chain(&mut row.before) {
            let key = (version.row.id, version.seen.clone());
            version.row.contacts = contacts.get(&key).cloned().unwrap_or_default();
        }
    }
    Ok(())
}
