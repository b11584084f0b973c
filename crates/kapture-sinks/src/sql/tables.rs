//! The tables that databases have: the same names and columns in each.
//!
//! `customers` and `contacts` have the API's names in snake_case; `kapture_days` is the ledger;
//! `kapture_shared_customers` has the customers that more than one day lists; `kapture_manifest` says what
//! the database holds.

use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

/// A database's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    pub(crate) fn kind(self, kind: ColumnKind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, ColumnKind::Integer) => "INTEGER",
            (Self::Sqlite, ColumnKind::Float) => "REAL",
            (Self::Sqlite, ColumnKind::Text | ColumnKind::Timestamp) => "TEXT",
            (Self::Postgres, ColumnKind::Integer) => "bigint",
            (Self::Postgres, ColumnKind::Float) => "double precision",
            (Self::Postgres, ColumnKind::Text) => "text",
            (Self::Postgres, ColumnKind::Timestamp) => "timestamp",
            (Self::Sqlite, ColumnKind::Bool) => "BOOLEAN",
            (Self::Postgres, ColumnKind::Bool) => "boolean",
        }
    }

    pub(crate) fn day(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "date",
        }
    }

    /// A day as text in ISO 8601; how it looks otherwise may be a setting.
    pub(crate) fn iso(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("CAST({column} AS TEXT)"),
            Self::Postgres => format!("to_char({column}, 'YYYY-MM-DD')"),
        }
    }

    pub(crate) fn json(self) -> &'static str {
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

/// The numbers of the customers that a day listed, each with its extra object where the number is
/// only a stand-in.
pub(crate) const OF_DAY: &str = "
    SELECT id, CASE WHEN id < 0 THEN CAST(extra AS text) END FROM customers
    WHERE kapture_day = $1
    UNION ALL
    SELECT id, CASE WHEN id < 0 THEN CAST(extra AS text) END FROM customers
    WHERE id IN (SELECT id FROM kapture_shared_customers WHERE day = $1)";
