//! The rows of a day, decoded on a thread of their own beside the work of the database.

use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use chrono_tz::Tz;
use kapture_model::{CustomerRow, Drift, RowHasher, RowReader};

use super::spool::Spooled;
use crate::error::SinkError;

/// How many batches wait to be taken: memory needs a bound.
const BATCHES_AHEAD: usize = 1;

/// A customer in columns, with the hash by which a changed one is noticed.
pub(crate) struct DecodedRow {
    pub(crate) row: CustomerRow<'static>,
    pub(crate) hash: i64,
}

/// Passes the rows of `records` to `take`, batch by batch, until it fails. Returns the schema drift in
/// the records.
pub(crate) fn decode_beside(
    records: &mut Spooled,
    zone: Tz,
    hasher: &RowHasher,
    mut take: impl FnMut(Vec<DecodedRow>) -> Result<(), SinkError>,
) -> Result<Drift, SinkError> {
    let (sender, batches) = sync_channel(BATCHES_AHEAD);
    thread::scope(|scope| {
        let decoding = scope.spawn(move || decode(records, zone, hasher, &sender));
        for batch in batches {
            take(batch?)?;
        }
        decoding.join().map_err(|panic| resume_unwind(panic))
    })
}

/// Sends batches until the end, or until nothing takes them any more.
fn decode(
    records: &mut Spooled,
    zone: Tz,
    hasher: &RowHasher,
    batches: &SyncSender<Result<Vec<DecodedRow>, SinkError>>,
) -> Drift {
    let mut reader = RowReader::new(zone);
    loop {
        let batch = match records.next_batch() {
            Ok(batch) if batch.is_empty() => break,
            batch => batch.map(|records| {
                let rows = records.iter().map(|record| {
                    let row = reader.read(record);
                    let hash = hasher.hash(&row).to_i64();
                    let row = row.into_owned();
                    DecodedRow { row, hash }
                });
                rows.collect()
            }),
        };
        let failed = batch.is_err();
        if batches.send(batch).is_err() || failed {
            break;
        }
    }
    reader.drift()
}
