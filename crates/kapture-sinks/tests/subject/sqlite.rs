//! A SQLite database, read with SQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
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
        let connection = Connection::open(self.0.path().join("customers.db")).expect("a database");
        let orphans =
            "SELECT count(*) FROM contacts WHERE customer_id NOT IN (SELECT id FROM customers)";
        let orphans: u32 = connection
            .query_row(orphans, [], |row| row.get(0))
            .expect("a count");
        assert_eq!(orphans, 0);
        let mut held = BTreeMap::<NaiveDate, Vec<Value>>::new();
        let mut select = connection
            .prepare("SELECT * FROM customers")
            .expect("customers");
        let mut rows = select.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let mut customer = object(row, customer_columns());
            let id: i64 = row.get("id").expect("an id");
            let contacts = contacts(&connection, id);
            // An odd list of contacts is in the extra object.
            if !contacts.is_empty() && customer["contacts"].is_null() {
                customer["contacts"] = contacts.into();
            }
            let day: String = row.get("kapture_day").expect("a day");
            held.entry(day.parse().expect("a date"))
                .or_default()
                .push(customer);
        }
        held
    }
}

fn contacts(connection: &Connection, id: i64) -> Vec<Value> {
    let select = "SELECT * FROM contacts WHERE customer_id = ?1 ORDER BY position";
    let mut select = connection.prepare_cached(select).expect("contacts");
    let rows = select.query_map([id], |row| Ok(object(row, contact_columns())));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
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
