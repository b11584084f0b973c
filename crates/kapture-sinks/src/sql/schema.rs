//! The schema of a database: the steps by which it came about, each a version.

use std::fmt::Write;

use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

use crate::ledger::receipt_codec;
use crate::sql::tables::Dialect;

/// The statements that make the tables of a database.
///
/// ```
/// use kapture_sinks::{Dialect, schema_sql};
///
/// assert!(schema_sql(Dialect::Postgres).contains("out_standing_amount double precision"));
/// ```
pub fn schema_sql(dialect: Dialect) -> String {
    migrations(dialect).join("\n")
}

/// The same step by step: the first makes version 1 of nothing, each further one the next version
/// of the one before. Whoever opens a database to write applies the steps that it lacks, all in
/// one transaction with its new version.
///
/// A step that was released never changes: databases remember that they have it.
pub fn migrations(dialect: Dialect) -> Vec<String> {
    vec![creation(dialect), elsewhere(dialect)]
}

fn creation(dialect: Dialect) -> String {
    let day = dialect.day();
    let json = dialect.json();
    let integer = dialect.kind(ColumnKind::Integer);
    let text = dialect.kind(ColumnKind::Text);
    let columns = |columns: &[Column], of_id: &str| {
        columns.iter().fold(String::new(), |mut sql, column| {
            let kind = dialect.kind(column.kind);
            let key = if column.name == "id" { of_id } else { "" };
            let _ = writeln!(sql, "    {} {kind}{key},", column.name);
            sql
        })
    };
    format!(
        "\
-- One row for each customer. kapture_day is the day it was pulled with: that of its
-- generation_date, or of the window that held it where nobody can read its date.
-- extra holds, as one JSON object, whatever no column holds.
CREATE TABLE customers (
    kapture_day {day} NOT NULL,
{customers}    extra {json}
);
CREATE INDEX customers_kapture_day ON customers (kapture_day);
CREATE INDEX customers_generation_date ON customers (generation_date);

-- One row for each contact, by its place among its customer's contacts.
CREATE TABLE contacts (
    customer_id {integer} NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    position {integer} NOT NULL,
{contacts}    extra {json},
    PRIMARY KEY (customer_id, position)
);
CREATE INDEX contacts_id ON contacts (id);

-- The ledger: one row for each day that is here, sealed once it can gain no more customers.
CREATE TABLE kapture_days (
{ledger}
);

-- What this database holds, and the version of these tables.
CREATE TABLE kapture_manifest (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
);
",
        customers = columns(customer_columns(), " PRIMARY KEY"),
        contacts = columns(contact_columns(), ""),
        ledger = receipt_codec::declared(dialect),
    )
}

/// There is one row for a customer, but more than one day may list it.
fn elsewhere(dialect: Dialect) -> String {
    let day = dialect.day();
    let integer = dialect.kind(ColumnKind::Integer);
    format!(
        "\
-- Customers that a day listed when it was read last, but whose row is another day's by now.
CREATE TABLE kapture_shared_customers (
    day {day} NOT NULL,
    id {integer} NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);
"
    )
}
