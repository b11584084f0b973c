//! The tables that databases get: the same names and columns in each.
//!
//! `customers` and `contacts` have the API's names in snake_case; `kapture_days` is the ledger;
//! `kapture_settings` says what the database holds.

use std::fmt::Write;

use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

/// The schema that this version writes.
pub(crate) const VERSION: u32 = 1;

/// A database's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    fn kind(self, kind: ColumnKind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, ColumnKind::Integer) => "INTEGER",
            (Self::Sqlite, ColumnKind::Decimal) => "REAL",
            (Self::Sqlite, ColumnKind::Text | ColumnKind::Time) => "TEXT",
            (Self::Postgres, ColumnKind::Integer) => "bigint",
            (Self::Postgres, ColumnKind::Decimal) => "double precision",
            (Self::Postgres, ColumnKind::Text) => "text",
            (Self::Postgres, ColumnKind::Time) => "timestamp",
            (Self::Sqlite, ColumnKind::Flag) => "BOOLEAN",
            (Self::Postgres, ColumnKind::Flag) => "boolean",
        }
    }

    fn day(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "date",
        }
    }

    fn json(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            // As it came: jsonb would refuse half surrogate pairs and forget the spelling.
            Self::Postgres => "json",
        }
    }
}

/// The columns of a table, in the order in which rows are written: what stands before the
/// documented columns, those, and what stands behind.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    before: &'static [&'static str],
    columns: &'static [Column],
}

/// One row for each customer.
pub(crate) fn customers() -> Table {
    Table {
        name: "customers",
        before: &["kapture_day"],
        columns: customer_columns(),
    }
}

/// One row for each contact of a customer. A contact's own id may be missing or repeated, so its
/// place among the customer's contacts keys it.
pub(crate) fn contacts() -> Table {
    Table {
        name: "contacts",
        before: &["customer_id", "position"],
        columns: contact_columns(),
    }
}

impl Table {
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        let before = self.before.iter().copied();
        let columns = self.columns.iter().map(|column| column.name.as_str());
        before.chain(columns).chain(["extra"])
    }

    /// The names, as a list for SQL.
    pub(crate) fn list(&self) -> String {
        self.column_names().collect::<Vec<_>>().join(", ")
    }

    /// The columns that a record fills, each with its type: all but the day.
    #[cfg(feature = "postgres")]
    pub(crate) fn fetched(&self, dialect: Dialect) -> impl Iterator<Item = (&str, &'static str)> {
        let keys = self.before.iter().filter(|name| **name != "kapture_day");
        let keys = keys.map(move |name| (*name, dialect.kind(ColumnKind::Integer)));
        let columns = self.columns.iter();
        let columns = columns.map(move |column| (column.name.as_str(), dialect.kind(column.kind)));
        keys.chain(columns).chain([("extra", dialect.json())])
    }

    /// What makes a row the one to keep of two copies, for `ON CONFLICT (id) DO UPDATE`: of one day
    /// the one that was fetched last, else the one that was modified last.
    pub(crate) fn replace_older(&self) -> String {
        let assignments: Vec<_> = self
            .column_names()
            .filter(|name| *name != "id")
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!(
            "UPDATE SET {} WHERE customers.kapture_day = excluded.kapture_day \
             OR customers.last_modification_time IS NULL \
             OR excluded.last_modification_time IS NULL \
             OR excluded.last_modification_time >= customers.last_modification_time",
            assignments.join(", ")
        )
    }
}

/// The statements that make the tables of a database.
///
/// ```
/// use kapture_sinks::{Dialect, schema_sql};
///
/// assert!(schema_sql(Dialect::Postgres).contains("out_standing_amount double precision"));
/// ```
pub fn schema_sql(dialect: Dialect) -> String {
    let day = dialect.day();
    let json = dialect.json();
    let (integer, text) = (
        dialect.kind(ColumnKind::Integer),
        dialect.kind(ColumnKind::Text),
    );
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
    day {day} PRIMARY KEY,
    customers {integer} NOT NULL,
    checksum {text} NOT NULL,
    undated {integer} NOT NULL,
    fetched {text} NOT NULL,
    state {text} NOT NULL,
    reach {text} NOT NULL,
    joint {text} NOT NULL,
    empty_answer {text}
);

-- What this database holds, and the version of these tables.
CREATE TABLE kapture_settings (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
);
",
        customers = columns(customer_columns(), " PRIMARY KEY"),
        contacts = columns(contact_columns(), ""),
    )
}

/// A receipt as a row of `kapture_days`: its fields as text, in the order of [`RECEIPT`].
pub(crate) fn receipt_row(receipt: &kapture_customers::Receipt) -> Vec<Option<String>> {
    let fields = serde_json::to_value(receipt).unwrap_or_default();
    let text = |name: &&str| match &fields[*name] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    RECEIPT.iter().map(text).collect()
}

/// The receipt that a row of `kapture_days` holds.
pub(crate) fn receipt_of(
    row: Vec<Option<String>>,
) -> Result<kapture_customers::Receipt, serde_json::Error> {
    let value = |(name, text): (&&str, Option<String>)| {
        let value = match (*name, text) {
            (_, None) => serde_json::Value::Null,
            ("customers" | "undated", Some(text)) => serde_json::from_str(&text)?,
            (_, Some(text)) => text.into(),
        };
        Ok(((*name).to_owned(), value))
    };
    let fields: Result<_, serde_json::Error> = RECEIPT.iter().zip(row).map(value).collect();
    serde_json::from_value(serde_json::Value::Object(fields?))
}

/// The columns of `kapture_days`.
pub(crate) const RECEIPT: [&str; 9] = [
    "day",
    "customers",
    "checksum",
    "undated",
    "fetched",
    "state",
    "reach",
    "joint",
    "empty_answer",
];
