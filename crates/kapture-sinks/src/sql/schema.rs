//! The schema of a database, and the migrations that create it.

use std::fmt::Write;

use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

use crate::ledger::receipt_codec::RECEIPTS;
use crate::sql::history;
use crate::sql::runs::RUNS;
use crate::sql::tables::Dialect;

/// The statements that create the tables of a database, which a run then takes as its own.
///
/// ```
/// use kapture_sinks::{Dialect, schema_sql};
///
/// assert!(schema_sql(Dialect::Postgres).contains("out_standing_amount double precision"));
/// ```
pub fn schema_sql(dialect: Dialect) -> String {
    let migrations = migrations(dialect);
    let version = format!(
        "INSERT INTO kapture_manifest (name, value) VALUES ('version', '{}');\n",
        migrations.len()
    );
    format!("{}\n{version}", migrations.join("\n"))
}

/// Selects the version of the tables of [`schema_sql`] that no run has written to yet.
pub(crate) const SELECT_VERSION: &str = "SELECT value FROM kapture_manifest WHERE name = 'version'";

/// The migrations, in order. The first creates version 1, each further one changes the version
/// before it. Opening a database to write applies the migrations that it does not have yet, in one
/// transaction with the new version in its manifest.
///
/// A released migration never changes: databases have it already.
pub fn migrations(dialect: Dialect) -> Vec<String> {
    vec![
        initial_schema(dialect),
        runs(dialect),
        history::schema(dialect),
    ]
}

fn initial_schema(dialect: Dialect) -> String {
    let date = dialect.date();
    let json = dialect.json();
    let integer = dialect.sql_type(ColumnKind::Integer);
    let text = dialect.sql_type(ColumnKind::Text);
    let columns = |columns: &[Column], id_constraint: &str| {
        columns.iter().fold(String::new(), |mut sql, column| {
            let kind = dialect.sql_type(column.kind);
            let constraint = if column.name == "id" {
                id_constraint
            } else {
                ""
            };
            let _ = writeln!(sql, "    {} {kind}{constraint},", column.name);
            sql
        })
    };
    format!(
        "\
-- One row for each customer. kapture_day is the day it was pulled with: the day of its
-- generation_date, or of the window that returned it if that date cannot be read.
-- extra holds, as one JSON object, the fields that have no column.
CREATE TABLE customers (
    kapture_day {date} NOT NULL,
{customers}    extra {json}
);
CREATE INDEX customers_kapture_day ON customers (kapture_day);
CREATE INDEX customers_generation_date ON customers (generation_date);

-- One row for each contact, by its position in its customer's list of contacts.
CREATE TABLE contacts (
    customer_id {integer} NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    position {integer} NOT NULL,
{contacts}    extra {json},
    PRIMARY KEY (customer_id, position)
);
CREATE INDEX contacts_id ON contacts (id);

-- The ledger: one receipt for each day that was pulled; a sealed day can gain no more customers.
CREATE TABLE kapture_days (
{ledger}
);

-- Customers that a day returned when it was pulled last, but whose row has another day.
CREATE TABLE kapture_shared_customers (
    day {date} NOT NULL,
    id {integer} NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);

-- The manifest: whose customers this database holds, and the version of its schema.
CREATE TABLE kapture_manifest (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
);
",
        customers = columns(customer_columns(), " PRIMARY KEY"),
        contacts = columns(contact_columns(), ""),
        ledger = RECEIPTS.column_definitions(dialect),
    )
}

fn runs(dialect: Dialect) -> String {
    format!(
        "\
-- The last hundred runs that wrote to this database. failed has the days that failed, and drift
-- the fields that differed from the documentation.
CREATE TABLE kapture_runs (
{columns}
);
",
        columns = RUNS.column_definitions(dialect),
    )
}
