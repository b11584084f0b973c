//! A PostgreSQL database, read with SQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use kapture_model::{Column, ColumnKind, CustomerQuery, contact_columns, customer_columns};
use kapture_sinks::conformance::Subject;
use kapture_sinks::{Destination, Encoding, Format, Identity, Sink, SinkError, Tracking};
use kapture_tests::postgres::Schema;
use serde_json::{Map, Value};
use tokio_postgres::Row;

/// Whose customers it holds.
pub(crate) fn identity() -> Identity {
    Identity::of("acme.kapturecrm.com", &CustomerQuery::new(424_242), Tz::UTC)
}

fn destination(url: &str) -> Destination {
    Destination::parse(url, None).expect("an address")
}

/// Opens the database at `url` to write to it.
pub(crate) async fn open_to_write(
    url: &str,
    identity: &Identity,
) -> Result<Box<dyn Sink>, SinkError> {
    let encoding = Encoding::new(Format::Ndjson);
    destination(url).create(identity, &encoding).await
}

/// Opens the database at `url` to read it.
pub(crate) async fn open_to_read(
    url: &str,
    identity: Option<&Identity>,
) -> Result<Box<dyn Sink>, SinkError> {
    destination(url).open(identity).await
}

pub(crate) struct PostgresSubject(pub(crate) Schema);

#[async_trait]
impl Subject for PostgresSubject {
    async fn create(&self) -> Box<dyn Sink> {
        let sink = open_to_write(&self.0.url(), &identity()).await;
        sink.expect("a database")
    }

    async fn try_create(&self, cm_id: u64) -> Option<Result<Box<dyn Sink>, SinkError>> {
        let query = CustomerQuery::new(cm_id);
        let identity = Identity::of("acme.kapturecrm.com", &query, Tz::UTC);
        Some(open_to_write(&self.0.url(), &identity).await)
    }

    fn keeps_one_copy(&self) -> bool {
        true
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        self.customers("customers", "kapture_day", "contacts").await
    }

    async fn create_with_history(&self, from: DateTime<Utc>) -> Option<Box<dyn Sink>> {
        let tracking = Tracking {
            history_from: Some(from),
            ..Tracking::default()
        };
        let destination = destination(&self.0.url()).tracking(&tracking);
        let encoding = Encoding::new(Format::Ndjson);
        let destination = destination.expect("a destination with a history");
        let sink = destination.create(&identity(), &encoding).await;
        Some(sink.expect("a database"))
    }

    async fn open(&self) -> Option<Box<dyn Sink>> {
        let sink = open_to_read(&self.0.url(), None).await;
        Some(sink.expect("a database"))
    }

    async fn held_at(&self, time: DateTime<Utc>) -> BTreeMap<NaiveDate, Vec<Value>> {
        let at =
            format!("valid_from <= '{time:?}' AND (valid_to > '{time:?}' OR valid_to IS NULL)");
        let customers = format!("(SELECT * FROM customers_history WHERE {at}) AS customers");
        let contacts = format!(
            "(SELECT contacts_history.* FROM contacts_history
              JOIN (SELECT id AS key, valid_from FROM customers_history WHERE {at})
                  AS version
              ON contacts_history.customer_id = version.key AND contacts_history.valid_from = version.valid_from)
             AS contacts"
        );
        self.customers(&customers, "day", &contacts).await
    }
}

impl PostgresSubject {
    /// The customers of a table, by its column `day`, each with those of its contacts.
    async fn customers(
        &self,
        table: &str,
        day: &str,
        contacts_table: &str,
    ) -> BTreeMap<NaiveDate, Vec<Value>> {
        let client = self.0.client().await;
        let select =
            format!("SELECT *, extra::text AS extra_text FROM {contacts_table} ORDER BY position");
        let mut contacts = BTreeMap::<i64, Vec<Value>>::new();
        for row in client.query(&select, &[]).await.expect("contacts") {
            let contact = object(&row, contact_columns());
            contacts
                .entry(row.get("customer_id"))
                .or_default()
                .push(contact);
        }
        let select = format!("SELECT *, extra::text AS extra_text FROM {table}");
        let mut held = BTreeMap::<NaiveDate, Vec<Value>>::new();
        for row in client.query(&select, &[]).await.expect("customers") {
            let mut customer = object(&row, customer_columns());
            if let Some(contacts) = contacts.remove(&row.get("id"))
                // An odd list of contacts is in the extra object.
                && customer["contacts"].is_null()
            {
                customer["contacts"] = contacts.into();
            }
            held.entry(row.get(day)).or_default().push(customer);
        }
        assert!(contacts.is_empty(), "contacts of nobody");
        held
    }
}

/// A customer or contact put together from its columns and its extra object, which has the
/// last word.
fn object(row: &Row, columns: &[Column]) -> Value {
    let cell = |column: &Column| {
        let name = column.name.as_str();
        let value = match column.kind {
            ColumnKind::Integer => row.get::<_, Option<i64>>(name).into(),
            ColumnKind::Float => row.get::<_, Option<f64>>(name).into(),
            ColumnKind::Bool => row.get::<_, Option<bool>>(name).into(),
            ColumnKind::Text => row.get::<_, Option<String>>(name).into(),
            ColumnKind::Timestamp => {
                let time = row.get::<_, Option<NaiveDateTime>>(name);
                time.map(|time| format!("{time:?}")).into()
            }
        };
        (column.key.to_owned(), value)
    };
    let mut fields: Map<_, _> = columns.iter().map(cell).collect();
    if let Some(extra) = row.get::<_, Option<&str>>("extra_text") {
        let extra: Map<String, Value> = serde_json::from_str(extra).expect("an object");
        fields.extend(extra);
    }
    fields.into()
}
