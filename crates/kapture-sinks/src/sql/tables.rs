//! The tables of a database: the same names and columns in every dialect.
//!
//! `customers` and `contacts` have the API's names in snake_case; `kapture_days` is the ledger;
//! `kapture_shared_customers` lists the customers that more than one day returned; `kapture_runs`
//! lists the last runs; `customers_history` and `contacts_history` are the history;
//! `kapture_manifest` is the manifest.

use chrono::NaiveDate;
use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};

use crate::error::SinkError;

/// The SQL dialect of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    pub(crate) fn sql_type(self, kind: ColumnKind) -> &'static str {
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

    /// The type of a date.
    pub(crate) fn date(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "date",
        }
    }

    /// A date column as text in ISO 8601, whatever the session's date style is.
    pub(crate) fn date_as_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("CAST({column} AS TEXT)"),
            Self::Postgres => format!("to_char({column}, 'YYYY-MM-DD')"),
        }
    }

    /// The day of a statement, its first parameter, as a date.
    pub(crate) fn day_parameter(self) -> String {
        format!("CAST($1 AS {})", self.date())
    }

    /// The type of a point in time: in SQLite text in ISO 8601, in UTC and of one length.
    pub(crate) fn instant(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "timestamptz",
        }
    }

    /// The time of a statement of a day, its second parameter.
    pub(crate) fn seen_parameter(self) -> String {
        self.instant_parameter(2)
    }

    /// A parameter that is a point in time, given as text.
    pub(crate) fn instant_parameter(self, number: u32) -> String {
        match self {
            Self::Sqlite => format!("${number}"),
            Self::Postgres => format!("CAST(CAST(${number} AS text) AS timestamptz)"),
        }
    }

    /// A point in time as text, in UTC, whatever the session's time zone is.
    pub(crate) fn instant_as_text(self, value: &str) -> String {
        match self {
            Self::Sqlite => value.to_owned(),
            Self::Postgres => {
                format!(r#"to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#)
            }
        }
    }

    /// The type of the id of a temporary table. SQLite has an index then, as every table has one;
    /// PostgreSQL hashes the ids.
    pub(crate) fn staged_key(self) -> &'static str {
        match self {
            Self::Sqlite => "INTEGER PRIMARY KEY",
            Self::Postgres => "bigint",
        }
    }

    /// Whether a column is one of the ids of a temporary table. For an array PostgreSQL uses the
    /// index of the column; for a join with a temporary table, which has no statistics, it would
    /// scan the customers of all days.
    pub(crate) fn is_one_of_many(self, column: &str, temporary: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT id FROM {temporary})"),
            Self::Postgres => format!("{column} = ANY (ARRAY(SELECT id FROM {temporary}))"),
        }
    }

    /// Whether a column is `$1`, which is one id, or in PostgreSQL several.
    fn is_one_of_parameter(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} = $1"),
            Self::Postgres => format!("{column} = ANY (CAST($1 AS bigint[]))"),
        }
    }

    /// The type of a JSON value.
    pub(crate) fn json(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "jsonb",
        }
    }
}

/// The tables beside the manifest.
pub(crate) const TABLES: [&str; 9] = [
    "customers",
    "contacts",
    "kapture_days",
    "kapture_shared_customers",
    "kapture_runs",
    "customers_history",
    "contacts_history",
    "kapture_missing",
    "kapture_rereads",
];

/// The tables with rows of customers, each with the column of the customer's key; customers before
/// what refers to them last.
pub(crate) const OF_CUSTOMERS: [(&str, &str); 6] = [
    ("kapture_missing", "id"),
    ("contacts_history", "customer_id"),
    ("customers_history", "id"),
    ("kapture_shared_customers", "id"),
    ("contacts", "customer_id"),
    ("customers", "id"),
];

/// Fails unless all tables are `present`.
pub(crate) fn check_present(
    destination: &str,
    present: &[impl AsRef<str>],
) -> Result<(), SinkError> {
    let is_present = |table: &str| present.iter().any(|name| name.as_ref() == table);
    match TABLES.iter().find(|table| !is_present(table)) {
        None => Ok(()),
        Some(table) => Err(SinkError::Damaged {
            destination: destination.to_owned(),
            what: format!("its table `{table}` is missing"),
        }),
    }
}

/// A table has a name of ours, but there is no manifest.
pub(crate) fn no_manifest(destination: &str, table: &str) -> SinkError {
    SinkError::NotKaptureData {
        destination: destination.to_owned(),
        what: format!("it has a table `{table}`, but no kapture_manifest"),
    }
}

/// The table `kapture_manifest` has other columns than ours.
pub(crate) fn other_columns(destination: &str) -> SinkError {
    SinkError::NotKaptureData {
        destination: destination.to_owned(),
        what: "its table kapture_manifest has other columns".into(),
    }
}

/// The columns of a table, in the order in which rows are written: keys, documented columns, and
/// the extra object.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    keys: &'static [&'static str],
    columns: &'static [Column],
}

/// One row for each customer.
pub(crate) fn customers() -> Table {
    Table {
        name: "customers",
        keys: &["kapture_day", "kapture_hash"],
        columns: customer_columns(),
    }
}

/// One row for each contact of a customer, keyed by its position: a contact's own id may be missing
/// or repeated.
pub(crate) fn contacts() -> Table {
    Table {
        name: "contacts",
        keys: &["customer_id", "position"],
        columns: contact_columns(),
    }
}

impl Table {
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        let keys = self.keys.iter().copied();
        let columns = self.columns.iter().map(|column| column.name.as_str());
        keys.chain(columns).chain(["extra"])
    }

    /// The names of all columns, separated by commas.
    pub(crate) fn column_list(&self) -> String {
        self.column_names().collect::<Vec<_>>().join(", ")
    }

    /// The name of its staging table.
    pub(crate) fn staging(&self) -> String {
        format!("kapture_staging_{}", self.name)
    }

    /// The columns of the staging table, each with its type: all but the day.
    pub(crate) fn staged(&self, dialect: Dialect) -> impl Iterator<Item = (&str, &'static str)> {
        let integer = dialect.sql_type(ColumnKind::Integer);
        let keys = self.staged_keys().map(move |name| (name, integer));
        let columns = self.columns.iter().map(move |column| {
            let is_key = self.name == "customers" && column.name == "id";
            let kind = match is_key {
                true => dialect.staged_key(),
                false => dialect.sql_type(column.kind),
            };
            (column.name.as_str(), kind)
        });
        keys.chain(columns).chain([("extra", dialect.json())])
    }

    fn staged_keys(&self) -> impl Iterator<Item = &'static str> {
        self.keys
            .iter()
            .copied()
            .filter(|name| *name != "kapture_day")
    }

    /// The names of the staged columns, separated by commas.
    pub(crate) fn staged_list(&self) -> String {
        let names = self.column_names().filter(|name| *name != "kapture_day");
        names.collect::<Vec<_>>().join(", ")
    }

    /// The assignments of an upsert, behind `DO UPDATE SET`.
    pub(crate) fn assignments(&self) -> String {
        let names = self.column_names().filter(|name| *name != "id");
        let assignments = names.map(|name| format!("{name} = excluded.{name}"));
        assignments.collect::<Vec<_>>().join(", ")
    }
}

/// Selects the customers that a day listed, also those that another day holds now: the documented
/// columns, the extra object, and the hash of the customer as it was written.
pub(crate) fn select_customers_of_day(dialect: Dialect) -> String {
    let values = values(customer_columns());
    let select = format!("SELECT {values}, kapture_hash FROM customers");
    let is_shared = dialect.is_one_of_many("id", "kapture_shared_customers WHERE day = $1");
    format!("{select} WHERE kapture_day = $1 UNION ALL {select} WHERE {is_shared}")
}

/// A customer whose key stands for an id that is not there.
pub(crate) fn customer_without_id(destination: &str, day: NaiveDate) -> SinkError {
    SinkError::Damaged {
        destination: destination.to_owned(),
        what: format!("a customer of {day} has no id"),
    }
}

/// Makes the next copies of customers replace those that are held, which another program changed.
pub(crate) fn forget_hash(dialect: Dialect) -> String {
    let condition = dialect.is_one_of_parameter("id");
    format!("UPDATE customers SET kapture_hash = NULL WHERE {condition}")
}

/// Selects the contacts of customers: the customer, the documented columns and the extra object.
pub(crate) fn select_contacts_of(dialect: Dialect) -> String {
    format!(
        "SELECT customer_id, {} FROM contacts WHERE {} ORDER BY customer_id, position",
        values(contact_columns()),
        dialect.is_one_of_parameter("customer_id")
    )
}

fn values(columns: &[Column]) -> String {
    let names = columns.iter().map(|column| column.name.as_str());
    let names: Vec<_> = names.chain(["CAST(extra AS text)"]).collect();
    names.join(", ")
}
