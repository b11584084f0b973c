//! The statements that erase a customer.

use crate::sql::tables::{self, Dialect};

/// The statements that erase one customer, whose key is `$1`.
pub(crate) struct Erase {
    /// Selects the days that list it, as text.
    pub(crate) days: String,
    /// Deletes every row of it.
    pub(crate) deletions: Vec<String>,
}

impl Erase {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let day = |column| dialect.date_as_text(column);
        let id = match dialect {
            Dialect::Sqlite => "$1",
            Dialect::Postgres => "CAST($1 AS bigint)",
        };
        let deletions = tables::OF_CUSTOMERS
            .iter()
            .map(|(table, column)| format!("DELETE FROM {table} WHERE {column} = {id}"));
        Self {
            days: format!(
                "SELECT {} FROM customers WHERE id = {id}
                 UNION SELECT {} FROM kapture_shared_customers WHERE id = {id}",
                day("kapture_day"),
                day("day"),
            ),
            deletions: deletions.collect(),
        }
    }
}
