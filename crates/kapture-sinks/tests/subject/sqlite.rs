//! A SQLite database, read with SQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{Column, ColumnKind, contact_columns, customer_columns};
use kapture_sinks::conformance::Subject;
use kapture_sinks::{Format, Sink, SinkError};
use rusqlite::{Connection, Row};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct SqliteSubject(TempDir);

impl Default for SqliteSubject {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

#[async_trait]
impl Subject for SqliteSubject {
    async fn create(&self) -> Box<dyn Sink> {
        let path = self.0.path().join("customers.db");
        super::create(&path, Format::Ndjson).await
    }

    async fn try_create(&self, cm_id: u64) -> Option<Result<Box<dyn Sink>, SinkError>> {
        let path = self.0.path().join("customers.db");
        Some(super::try_create(&path, Format::Ndjson, cm_id).await)
    }

    fn keeps_one_copy(&self) -> bool {
        true
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        let connection = self.connection();
        let orphans =
            "SELECT count(*) FROM contacts WHERE customer_id NOT IN (SELECT id FROM customers)";
        let orphans: u32 = connection
            .query_row(orphans, [], |row| row.get(0))
            .expect("a count");
        assert_eq!(orphans, 0);
        let select = "SELECT *, kapture_day AS on_day, ?1 AS valid_from FROM customers";
        let contacts =
            "SELECT * FROM contacts WHERE customer_id = ?1 AND ?2 = '' ORDER BY position";
        customers(&connection, select, contacts, "")
    }

    async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        let path = self.0.path().join("customers.db");
        Some(super::create_with_history(&path, Format::Ndjson, from).await)
    }

    async fn open(&self) -> Option<Box<dyn Sink>> {
        let path = self.0.path().join("customers.db");
        Some(super::open(&path).await)
    }

    async fn held_at(&self, time: DateTime<Utc>) -> BTreeMap<NaiveDate, Vec<Value>> {
        let connection = self.connection();
        let select = "SELECT *, day AS on_day FROM customers_history
            WHERE valid_from <= ?1 AND (valid_to > ?1 OR valid_to IS NULL)";
        let contacts = "SELECT * FROM contacts_history
            WHERE customer_id = ?1 AND valid_from = ?2 ORDER BY position";
        let time = time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        customers(&connection, select, contacts, &time)
    }
}

impl SqliteSubject {
    fn connection(&self) -> Connection {
        Connection::open(self.0.path().join("customers.db")).expect("a database")
    }
}

/// The customers that `select` finds at a time, each with its contacts.
fn customers(
    connection: &Connection,
    select: &str,
    select_contacts: &str,
    time: &str,
) -> BTreeMap<NaiveDate, Vec<Value>> {
    let mut held = BTreeMap::<NaiveDate, Vec<Value>>::new();
    let mut select = connection.prepare(select).expect("customers");
    let mut rows = select.query([time]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let mut customer = object(row, customer_columns());
        let id: i64 = row.get("id").expect("an id");
        let seen: String = row.get("valid_from").expect("a time");
        let mut contacts = connection
            .prepare_cached(select_contacts)
            .expect("contacts");
        let contacts = contacts.query_map((id, seen), |row| Ok(object(row, contact_columns())));
        let contacts: Result<Vec<_>, _> = contacts.expect("rows").collect();
        let contacts = contacts.expect("contacts");
        // An odd list of contacts is in the extra object.
        if !contacts.is_empty() && customer["contacts"].is_null() {
            customer["contacts"] = contacts.into();
        }
        let day: String = row.get("on_day").expect("a day");
        let day = day.parse().expect("a date");
        held.entry(day).or_default().push(customer);
    }
    held
}

fn object(row: &Row<'_>, columns: &[Column]) -> Value {
    let cell = |column: &Column| {
        let name = column.name.as_str();
        match column.kind {
            ColumnKind::Integer => row.get::<_, Option<i64>>(name).expect("a number").into(),
            ColumnKind::Float => row.get::<_, Option<f64>>(name).expect("a number").into(),
            ColumnKind::Bool => row.get::<_, Option<bool>>(name).expect("a flag").into(),
            ColumnKind::Text | ColumnKind::Timestamp => {
                row.get::<_, Option<String>>(name).expect("text").into()
            }
        }
    };
    let cells = columns.iter().map(cell).collect();
    let extra: Option<String> = row.get("extra").expect("text");
    super::assembled(columns, cells, extra.as_deref())
}
