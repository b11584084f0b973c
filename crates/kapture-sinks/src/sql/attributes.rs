//! Columns for attributes, generated from the extra object of a customer.

use kapture_model::AttributeColumn;

use crate::sql::tables::Dialect;

/// The statement that adds a column to the table of customers. The database derives its values, also
/// those of customers that it has already.
pub(crate) fn add_column(dialect: Dialect, column: &AttributeColumn) -> String {
    // Neither has a quote in it.
    let (key, name) = (column.key(), column.name());
    match dialect {
        Dialect::Sqlite => {
            let path = format!("'$.\"{key}\"'");
            format!(
                "ALTER TABLE customers ADD COLUMN \"{name}\" TEXT GENERATED ALWAYS AS (
                     CASE json_type(extra, {path})
                         WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                         WHEN 'object' THEN NULL WHEN 'array' THEN NULL
                         ELSE CAST(json_extract(extra, {path}) AS TEXT)
                     END) VIRTUAL;"
            )
        }
        Dialect::Postgres => format!(
            "ALTER TABLE customers ADD COLUMN \"{name}\" text GENERATED ALWAYS AS (
                 CASE left((extra -> '{key}')::text, 1)
                     WHEN '{{' THEN NULL WHEN '[' THEN NULL ELSE extra ->> '{key}'
                 END) STORED;"
        ),
    }
}
