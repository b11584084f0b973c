//! The binary COPY of rows into tables.

use bytes::{BufMut, Bytes, BytesMut};
use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use futures_util::SinkExt;
use kapture_model::{Cell, CustomerRow, Drift, Row, RowHasher, RowReader};
use tokio_postgres::{CopyInSink, Transaction};

use crate::error::SinkError;
use crate::incremental::spool::Spooled;
use crate::sql::tables::{self, Table};

/// The data of a COPY is sent in pieces of so many bytes.
const PIECE: usize = 128 * 1024;

/// The tables that rows are copied into.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// The staging tables.
    Staging,
    /// The tables themselves, with this day.
    Tables(NaiveDate),
}

impl Target {
    /// The COPY statement of a table.
    fn statement(self, table: &Table) -> String {
        let (name, columns) = match self {
            Self::Staging => (table.staging(), table.staged_list()),
            Self::Tables(_) => (table.name.to_owned(), table.column_list()),
        };
        format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)")
    }
}

/// Encodes the records of a day, batch by batch.
pub(super) struct Encoder {
    records: Spooled,
    reader: RowReader<Tz>,
    hasher: RowHasher,
    target: Target,
}

impl Encoder {
    pub(super) fn new(records: Spooled, zone: Tz, hasher: &RowHasher, target: Target) -> Self {
        Self {
            records,
            reader: RowReader::new(zone),
            hasher: hasher.clone(),
            target,
        }
    }

    /// The next batch; `None` at the end. Reads a file, so it blocks.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, SinkError> {
        let records = self.records.next_batch()?;
        if records.is_empty() {
            return Ok(None);
        }
        let day = match self.target {
            Target::Staging => None,
            Target::Tables(day) => Some(day),
        };
        let (mut customers, mut contacts) = (CopyData::default(), CopyData::default());
        for record in &records {
            let row = self.reader.read(record);
            customers.customer(day, self.hasher.hash(&row).to_i64(), &row);
            contacts.contacts_of(&row);
        }
        Ok(Some(Batch {
            customers: customers.finish(),
            contacts: contacts.finish(),
        }))
    }

    /// The schema drift in the records so far.
    pub(super) fn drift(&self) -> Drift {
        self.reader.drift()
    }

    /// The records, from the first one on.
    pub(super) fn into_records(mut self) -> Result<Spooled, SinkError> {
        self.records.rewind()?;
        Ok(self.records)
    }
}

/// Rows in the binary format.
pub(super) struct Batch {
    customers: Bytes,
    contacts: Bytes,
}

impl Batch {
    /// Copies the rows.
    pub(super) async fn copy(
        self,
        transaction: &Transaction<'_>,
        target: Target,
    ) -> Result<(), tokio_postgres::Error> {
        let data = [self.customers, self.contacts];
        for (table, mut data) in [tables::customers(), tables::contacts()].iter().zip(data) {
            let copy: CopyInSink<Bytes> = transaction.copy_in(&target.statement(table)).await?;
            let mut copy = Box::pin(copy);
            while !data.is_empty() {
                copy.send(data.split_to(PIECE.min(data.len()))).await?;
            }
            copy.as_mut().finish().await?;
        }
        Ok(())
    }
}

/// The data of one COPY.
struct CopyData(BytesMut);

impl Default for CopyData {
    fn default() -> Self {
        let mut data = BytesMut::new();
        data.put_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, and no extension of the header.
        data.put_i64(0);
        Self(data)
    }
}

/// What the binary format of jsonb begins with.
const JSONB_VERSION: u8 = 1;

impl CopyData {
    fn customer(&mut self, day: Option<NaiveDate>, hash: i64, row: &CustomerRow<'_>) {
        self.begin_row(usize::from(day.is_some()) + 1, &row.customer);
        if let Some(day) = day {
            let days = day.signed_duration_since(epoch().date()).num_days();
            self.value(|out| out.put_i32(i32::try_from(days).unwrap_or_default()));
        }
        self.value(|out| out.put_i64(hash));
        self.values(&row.customer);
    }

    fn contacts_of(&mut self, row: &CustomerRow<'_>) {
        for (position, contact) in (0_i64..).zip(&row.contacts) {
            self.begin_row(2, contact);
            self.value(|out| out.put_i64(row.id));
            self.value(|out| out.put_i64(position));
            self.values(contact);
        }
    }

    fn finish(mut self) -> Bytes {
        self.0.put_i16(-1);
        self.0.freeze()
    }

    /// Begins a row with so many keys before the values of `row`.
    fn begin_row(&mut self, keys: usize, row: &Row<'_>) {
        let fields = keys + row.cells.len() + 1;
        self.0.put_i16(i16::try_from(fields).unwrap_or_default());
    }

    /// The cells of a row and its extra object.
    fn values(&mut self, row: &Row<'_>) {
        for cell in &row.cells {
            match cell {
                Cell::Null => self.null(),
                Cell::Integer(number) => self.value(|out| out.put_i64(*number)),
                Cell::Float(number) => self.value(|out| out.put_f64(*number)),
                Cell::Bool(flag) => self.value(|out| out.put_u8(u8::from(*flag))),
                Cell::Timestamp(time) => self.value(|out| out.put_i64(microseconds(*time))),
                Cell::Text(text) => self.value(|out| out.put_slice(text.as_bytes())),
            }
        }
        match &row.extra {
            None => self.null(),
            Some(json) => self.value(|out| {
                out.put_u8(JSONB_VERSION);
                out.put_slice(json.as_bytes());
            }),
        }
    }

    fn null(&mut self) {
        self.0.put_i32(-1);
    }

    /// A value behind its length.
    fn value(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let start = self.0.len();
        self.0.put_i32(0);
        write(&mut self.0);
        let length = self.0.len() - start - size_of::<i32>();
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.0[start..start + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
    }
}

/// Where the binary format counts from.
fn epoch() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2000, 1, 1)
        .unwrap_or_default()
        .into()
}

fn microseconds(time: NaiveDateTime) -> i64 {
    let since = time.signed_duration_since(epoch());
    // The years 1 to 9999 are far from its bounds.
    since.num_microseconds().unwrap_or_default()
}
