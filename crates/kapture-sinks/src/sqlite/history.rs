//! The history of the database, read: its changes page by page.

use kapture_model::{Row, contact_columns, customer_columns};
use rusqlite::{Connection, params};

use super::database::Database;
use super::rows::values;
use crate::error::SinkError;
use crate::ledger::change::SeenBetween;
use crate::sql::changes::{self, ChangeRow, FIRST_VALUE, Page, Position, Version};
use crate::sql::tables::Dialect;

impl Database {
    /// The changes behind a position.
    pub(super) fn changes(
        &self,
        span: &SeenBetween,
        position: &Position,
    ) -> Result<Page, SinkError> {
        let connection = self.connection();
        let rows = page(&connection, span, position).map_err(self.error())?;
        Page::of(rows).ok_or_else(|| SinkError::Damaged {
            destination: self.destination(),
            what: "its table customers_history has a row that kapture did not write".into(),
        })
    }
}

fn page(
    connection: &Connection,
    span: &SeenBetween,
    position: &Position,
) -> rusqlite::Result<Vec<ChangeRow>> {
    let mut select = connection.prepare_cached(&changes::select_page(Dialect::Sqlite))?;
    let mut contacts = Contacts(connection);
    let mut page = Vec::new();
    let mut rows = select.query(params![position.seen, position.id, changes::until(span)])?;
    while let Some(row) = rows.next()? {
        let (seen, id): (String, i64) = (row.get(0)?, row.get(1)?);
        let day: String = row.get(3)?;
        let before: Option<String> = row.get(4)?;
        let mut version = |first: usize, seen: String| -> rusqlite::Result<Version> {
            let customer = values(row, first, &customer_columns()[1..])?;
            let mut version = Version::new(seen, id, customer);
            version.row.contacts = contacts.of(id, &version.seen)?;
            Ok(version)
        };
        page.push(ChangeRow {
            after: Some(version(FIRST_VALUE, seen.clone())?),
            before: before
                .map(|seen| version(FIRST_VALUE + changes::version_width(), seen))
                .transpose()?,
            seen,
            id,
            op: row.get(2)?,
            day: day.parse().unwrap_or_default(),
        });
    }
    Ok(page)
}

/// Reads the contacts of versions.
struct Contacts<'c>(&'c Connection);

impl Contacts<'_> {
    fn of(&mut self, id: i64, seen: &str) -> rusqlite::Result<Vec<Row<'static>>> {
        let names: Vec<_> = contact_columns()
            .iter()
            .map(|column| &*column.name)
            .collect();
        let mut select = self.0.prepare_cached(&format!(
            "SELECT {}, extra FROM contacts_history
             WHERE customer_id = ?1 AND valid_from = ?2 ORDER BY position",
            names.join(", ")
        ))?;
        let rows = select.query_map(params![id, seen], |row| values(row, 0, contact_columns()))?;
        rows.collect()
    }
}
