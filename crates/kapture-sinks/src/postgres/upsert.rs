//! A day's rows: copied into temporary tables, and merged from there.

use std::error::Error;
use std::pin::Pin;

use bytes::{BufMut, BytesMut};
use chrono::NaiveDate;
use kapture_model::{Cell, CustomerRow, Row};
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::sql::tables::{self, Dialect, Table};

/// The temporary table of what was fetched for another table.
fn fetched(table: &Table) -> String {
    format!("kapture_staging_{}", table.name)
}

/// The temporary table of the customers that were put or replaced.
const MERGED: &str = "kapture_upserted";

/// The temporary table of the customers that another day had before; `news` where this day was not
/// known to list them.
const CONTESTED: &str = "kapture_day_changes";

/// The statements that turn what was fetched of a day into what is held of it.
pub(super) struct Merge {
    temporary_tables: String,
    /// These use the day as `$1`.
    contest: String,
    reopen_bereft: String,
    forget_customers: String,
    put_customers: String,
    share: String,
    forget_contacts: String,
    put_contacts: String,
}

impl Merge {
    pub(super) fn new() -> Self {
        let (customers, contacts) = (tables::customers(), tables::contacts());
        let (fetched_customers, fetched_contacts) = (fetched(&customers), fetched(&contacts));
        let temporary = |table: &Table| {
            let name = fetched(table);
            let columns: Vec<_> = table
                .fetched(Dialect::Postgres)
                .map(|(name, kind)| format!("{name} {kind}"))
                .collect();
            let columns = columns.join(", ");
            format!("CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DELETE ROWS;\n")
        };
        let further = format!(
            "CREATE TEMPORARY TABLE {MERGED} (id bigint) ON COMMIT DELETE ROWS;
             CREATE TEMPORARY TABLE {CONTESTED} (id bigint, day date, news boolean)
             ON COMMIT DELETE ROWS;"
        );
        Self {
            temporary_tables: temporary(&customers) + &temporary(&contacts) + &further,
            // By an array, because for a join the planner, which knows nothing of a temporary table,
            // would read all customers of all days.
            contest: format!(
                "INSERT INTO {CONTESTED} SELECT id, kapture_day, NOT EXISTS
                     (SELECT FROM kapture_shared_customers AS known
                      WHERE known.day = CAST($1 AS date) AND known.id = customers.id)
                 FROM customers
                 WHERE id = ANY (ARRAY(SELECT id FROM {fetched_customers})) AND kapture_day <> $1"
            ),
            // Who listed a customer whose row goes has to bring it back.
            reopen_bereft: format!(
                "UPDATE kapture_days SET state = 'open' WHERE day IN
                     (SELECT day FROM kapture_shared_customers JOIN customers USING (id)
                      WHERE kapture_day = $1 AND NOT EXISTS
                      (SELECT FROM {fetched_customers} AS fetched WHERE fetched.id = customers.id))"
            ),
            forget_customers: format!(
                "DELETE FROM customers WHERE kapture_day = $1 AND NOT EXISTS
                 (SELECT FROM {fetched_customers} AS fetched WHERE fetched.id = customers.id)"
            ),
            put_customers: format!(
                "WITH merged AS (
                     INSERT INTO customers ({all}) SELECT CAST($1 AS date), {names}
                     FROM {fetched_customers} ON CONFLICT (id) DO {replace} RETURNING id
                 ) INSERT INTO {MERGED} SELECT id FROM merged",
                all = customers.list(),
                names = names(&customers),
                replace = customers.replace_older(),
            ),
            share: format!(
                "INSERT INTO kapture_shared_customers (day, id)
                 SELECT CASE customers.kapture_day WHEN $1 THEN contested.day ELSE $1 END, id
                 FROM {CONTESTED} AS contested JOIN customers USING (id) ON CONFLICT DO NOTHING"
            ),
            // By an array here, too.
            forget_contacts: format!(
                "DELETE FROM contacts WHERE customer_id = ANY (ARRAY(SELECT id FROM {MERGED}))"
            ),
            put_contacts: format!(
                "INSERT INTO contacts ({names}) SELECT {names} FROM {fetched_contacts}
                 WHERE customer_id IN (SELECT id FROM {MERGED})",
                names = names(&contacts),
            ),
        }
    }

    /// The statements that make what a session needs beside the tables that stay.
    pub(super) fn temporary_tables(&self) -> &str {
        &self.temporary_tables
    }

    /// Customers of the day that did not come are gone; those that came replace older copies,
    /// with all of their contacts. Other days that this one contradicts are open again.
    pub(super) async fn run(
        &self,
        transaction: &Transaction<'_>,
        day: NaiveDate,
    ) -> Result<(), tokio_postgres::Error> {
        transaction.execute(&self.contest, &[&day]).await?;
        transaction.execute(&self.reopen_bereft, &[&day]).await?;
        transaction.execute(&self.forget_customers, &[&day]).await?;
        transaction.execute(&self.put_customers, &[&day]).await?;
        let forget_elsewhere = "DELETE FROM kapture_shared_customers WHERE day = $1";
        transaction.execute(forget_elsewhere, &[&day]).await?;
        transaction.execute(&self.share, &[&day]).await?;
        let reopen = format!(
            "UPDATE kapture_days SET state = 'open' WHERE day IN
                 (SELECT day FROM {CONTESTED} WHERE news)"
        );
        transaction.execute(&reopen, &[]).await?;
        transaction.execute(&self.forget_contacts, &[]).await?;
        transaction.execute(&self.put_contacts, &[]).await?;
        Ok(())
    }
}

fn names(table: &Table) -> String {
    let names: Vec<_> = table
        .fetched(Dialect::Postgres)
        .map(|(name, _)| name)
        .collect();
    names.join(", ")
}

/// Rows on their way into a temporary table.
pub(super) struct Fetched(Pin<Box<BinaryCopyInWriter>>);

impl Fetched {
    pub(super) async fn customers(
        transaction: &Transaction<'_>,
    ) -> Result<Self, tokio_postgres::Error> {
        Self::into(transaction, &tables::customers()).await
    }

    pub(super) async fn contacts(
        transaction: &Transaction<'_>,
    ) -> Result<Self, tokio_postgres::Error> {
        Self::into(transaction, &tables::contacts()).await
    }

    async fn into(
        transaction: &Transaction<'_>,
        table: &Table,
    ) -> Result<Self, tokio_postgres::Error> {
        let copy = format!("COPY {} FROM STDIN (FORMAT binary)", fetched(table));
        let sink = transaction.copy_in(&copy).await?;
        // Values know by themselves what they are.
        let types = vec![Type::UNKNOWN; table.fetched(Dialect::Postgres).count()];
        Ok(Self(Box::pin(BinaryCopyInWriter::new(sink, &types))))
    }

    pub(super) async fn customer(
        &mut self,
        row: &CustomerRow<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        let values: Vec<_> = values(&row.customer).collect();
        self.0.as_mut().write_raw(values).await
    }

    pub(super) async fn contacts_of(
        &mut self,
        customer: i64,
        contacts: &[Row<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        for (position, contact) in (0_i64..).zip(contacts) {
            let key = [customer, position].map(Value::Key);
            let values: Vec<_> = key.into_iter().chain(values(contact)).collect();
            self.0.as_mut().write_raw(values).await?;
        }
        Ok(())
    }

    /// Without this, nothing of it was copied.
    pub(super) async fn end(mut self) -> Result<(), tokio_postgres::Error> {
        self.0.as_mut().finish().await.map(drop)
    }
}

/// The cells of a row and its extra object.
fn values<'r>(row: &'r Row<'_>) -> impl Iterator<Item = Value<'r>> {
    let cells = row.cells.iter().map(Value::Cell);
    cells.chain([row.extra.as_deref().map_or(Value::Nothing, Value::Json)])
}

/// One value of a row, in the binary form of its column.
enum Value<'r> {
    Key(i64),
    Cell(&'r Cell<'r>),
    Json(&'r str),
    Nothing,
}

/// Shows nothing: customers are personal data.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value")
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Nothing | Self::Cell(Cell::Null) => return Ok(IsNull::Yes),
            Self::Key(number) | Self::Cell(Cell::Integer(number)) => out.put_i64(*number),
            Self::Cell(Cell::Float(number)) => out.put_f64(*number),
            Self::Cell(Cell::Bool(flag)) => out.put_u8(u8::from(*flag)),
            Self::Cell(Cell::Timestamp(time)) => return time.to_sql(kind, out),
            Self::Cell(Cell::Text(text)) => out.put_slice(text.as_bytes()),
            Self::Json(json) => out.put_slice(json.as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
