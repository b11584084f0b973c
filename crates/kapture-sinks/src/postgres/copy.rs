//! The binary COPY of rows into the staging tables.

use std::error::Error;
use std::pin::Pin;

use bytes::{BufMut, BytesMut};
use chrono_tz::Tz;
use kapture_model::{Cell, CustomerRow, Record, Row, RowHasher, RowReader};
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::sql::tables::{self, Dialect, Table};

/// Copies records and their contacts into the staging tables.
pub(super) async fn stage(
    transaction: &Transaction<'_>,
    reader: &mut RowReader<Tz>,
    hasher: &RowHasher,
    records: &[Record],
) -> Result<(), tokio_postgres::Error> {
    let mut contacts = Vec::new();
    let mut copy = StagingCopy::customers(transaction).await?;
    for record in records {
        let row = reader.read(record);
        copy.customer(hasher, &row).await?;
        if !row.contacts.is_empty() {
            contacts.push((row.id, row.contacts));
        }
    }
    copy.finish().await?;
    if contacts.is_empty() {
        return Ok(());
    }
    let mut copy = StagingCopy::contacts(transaction).await?;
    for (customer, contacts) in &contacts {
        copy.contacts_of(*customer, contacts).await?;
    }
    copy.finish().await
}

/// A running COPY into a staging table.
struct StagingCopy(Pin<Box<BinaryCopyInWriter>>);

impl StagingCopy {
    async fn customers(transaction: &Transaction<'_>) -> Result<Self, tokio_postgres::Error> {
        Self::start(transaction, &tables::customers()).await
    }

    async fn contacts(transaction: &Transaction<'_>) -> Result<Self, tokio_postgres::Error> {
        Self::start(transaction, &tables::contacts()).await
    }

    async fn start(
        transaction: &Transaction<'_>,
        table: &Table,
    ) -> Result<Self, tokio_postgres::Error> {
        let copy = format!("COPY {} FROM STDIN (FORMAT binary)", table.staging());
        let sink = transaction.copy_in(&copy).await?;
        // `Value` encodes itself, whatever the type of the column.
        let types = vec![Type::UNKNOWN; table.staged(Dialect::Postgres).count()];
        Ok(Self(Box::pin(BinaryCopyInWriter::new(sink, &types))))
    }

    async fn customer(
        &mut self,
        hasher: &RowHasher,
        row: &CustomerRow<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        let hash = Value::Key(hasher.hash(row).to_i64());
        let values: Vec<_> = [hash].into_iter().chain(values(&row.customer)).collect();
        self.0.as_mut().write_raw(values).await
    }

    async fn contacts_of(
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

    /// Ends the COPY; dropped without this, it copies nothing.
    async fn finish(mut self) -> Result<(), tokio_postgres::Error> {
        self.0.as_mut().finish().await.map(drop)
    }
}

/// The cells of a row and its extra object.
fn values<'r>(row: &'r Row<'_>) -> impl Iterator<Item = Value<'r>> {
    let cells = row.cells.iter().map(Value::Cell);
    cells.chain([row.extra.as_deref().map_or(Value::Null, Value::Json)])
}

/// What the binary format of jsonb begins with.
const JSONB_VERSION: u8 = 1;

/// A value in the binary format of its column.
enum Value<'r> {
    Key(i64),
    Cell(&'r Cell<'r>),
    Json(&'r str),
    Null,
}

/// Prints no value: customers are personal data.
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
            Self::Null | Self::Cell(Cell::Null) => return Ok(IsNull::Yes),
            Self::Key(number) | Self::Cell(Cell::Integer(number)) => out.put_i64(*number),
            Self::Cell(Cell::Float(number)) => out.put_f64(*number),
            Self::Cell(Cell::Bool(flag)) => out.put_u8(u8::from(*flag)),
            Self::Cell(Cell::Timestamp(time)) => return time.to_sql(kind, out),
            Self::Cell(Cell::Text(text)) => out.put_slice(text.as_bytes()),
            Self::Json(json) => {
                out.put_u8(JSONB_VERSION);
                out.put_slice(json.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
