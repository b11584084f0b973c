//! The spool: a day's records, buffered until the day is complete.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use kapture_model::{CustomerId, Receipt, Record, RecordDecoder};

use super::{DayStore, Opened, blocking};
use crate::error::SinkError;
use crate::sink::DayWriter;

/// The part of a day that is kept in memory, where many days are open at once. The rest goes to an
/// unnamed temporary file, which no crash can leave behind.
const MAX_MEMORY: usize = 128 * 1024;

/// The size of a batch that is read back, in bytes; at least one record. A decoded one takes several
/// times as much.
const BATCH_BYTES: usize = 256 * 1024;

/// Spools the records of a day and replaces the day when it is committed. Until then the
/// destination is unchanged.
pub(crate) struct SpoolWriter<S> {
    opened: Arc<Opened<S>>,
    /// `None` after a write that failed or was abandoned.
    spool: Option<Spool>,
    /// How many records were written, forgotten ones included.
    customers: u64,
    /// Those of them that are forgotten, which the destination must not hold.
    forgotten: BTreeSet<CustomerId>,
}

impl<S: DayStore> SpoolWriter<S> {
    pub(super) fn new(opened: Arc<Opened<S>>) -> Self {
        Self {
            opened,
            spool: Some(Spool::default()),
            customers: 0,
            forgotten: BTreeSet::new(),
        }
    }

    fn spool(&mut self) -> Result<Spool, SinkError> {
        let lost = || SinkError::Spool(io::Error::other("an earlier write failed"));
        self.spool.take().ok_or_else(lost)
    }
}

#[async_trait]
impl<S: DayStore> DayWriter for SpoolWriter<S> {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let mut spool = self.spool()?;
        let forgotten = &self.opened.forgotten;
        let (erased, kept): (Vec<_>, Vec<_>) = records
            .iter()
            .cloned()
            .partition(|record| forgotten.contains(record.id()));
        let erased = erased.iter().map(|record| record.id().clone());
        self.forgotten.extend(erased);
        spool = match spool.has_room_for(&kept) {
            true => spool.added(&kept),
            false => blocking::run(move || spool.added(&kept)).await,
        }
        .map_err(SinkError::Spool)?;
        self.spool = Some(spool);
        self.customers += records.len() as u64;
        Ok(())
    }

    async fn commit(mut self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        SinkError::check_count(receipt, self.customers)?;
        let spool = self.spool()?;
        let records = blocking::run(move || spool.rewind()).await;
        let records = records.map_err(SinkError::Spool)?;
        let receipt = receipt.without(&self.forgotten);
        self.opened.replace_day(&receipt, records).await
    }
}

/// Records, each behind its length: the first ones in the file, the last ones in memory.
#[derive(Default)]
struct Spool {
    file: Option<File>,
    memory: Vec<u8>,
}

impl Spool {
    /// Whether records can be added without writing to the file.
    fn has_room_for(&self, records: &[Record]) -> bool {
        let lengths = records.iter().map(|record| 8 + record.raw().len());
        self.memory.len() + lengths.sum::<usize>() <= MAX_MEMORY
    }

    /// With these records.
    fn added(mut self, records: &[Record]) -> io::Result<Self> {
        for record in records {
            let raw = record.raw();
            self.memory.extend((raw.len() as u64).to_le_bytes());
            self.memory.extend(raw);
            if self.memory.len() > MAX_MEMORY {
                self.flush()?;
            }
        }
        Ok(self)
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.memory)?;
        self.memory.clear();
        Ok(())
    }

    fn rewind(mut self) -> io::Result<Spooled> {
        if let Some(file) = &mut self.file {
            file.rewind()?;
        }
        Ok(Spooled {
            file: self.file.map(BufReader::new),
            is_file_read: false,
            decoder: RecordDecoder::default(),
            memory: io::Cursor::new(mem::take(&mut self.memory)),
        })
    }
}

/// The records of a complete day, in the order in which they were written.
pub(crate) struct Spooled {
    file: Option<BufReader<File>>,
    is_file_read: bool,
    decoder: RecordDecoder,
    memory: io::Cursor<Vec<u8>>,
}

impl Spooled {
    /// The next batch of records; empty at the end. Reads a file, so it blocks.
    pub(crate) fn next_batch(&mut self) -> Result<Vec<Record>, SinkError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(record) = self.next().map_err(SinkError::Spool)?
        {
            bytes += record.raw().len();
            batch.push(record);
        }
        Ok(batch)
    }

    /// Begins with the first record again.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn rewind(&mut self) -> Result<(), SinkError> {
        self.is_file_read = false;
        self.memory.set_position(0);
        let rewound = self.file.as_mut().map_or(Ok(()), Seek::rewind);
        rewound.map_err(SinkError::Spool)
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        if let Some(file) = self.file.as_mut().filter(|_| !self.is_file_read) {
            match read_record(file, &mut self.decoder)? {
                Some(record) => return Ok(Some(record)),
                None => self.is_file_read = true,
            }
        }
        read_record(&mut self.memory, &mut self.decoder)
    }
}

/// The next record; `None` at the end.
fn read_record(from: &mut impl Read, decoder: &mut RecordDecoder) -> io::Result<Option<Record>> {
    let mut length = [0; 8];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
    let mut raw = vec![0; length];
    from.read_exact(&mut raw)?;
    let record = decoder.decode(raw.into());
    record.map(Some).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::incremental::Incremental;
    use crate::incremental::forget::Erased;
    use crate::ledger::Ledger;
    use crate::ledger::identity::Identity;
    use crate::ledger::manifest::Manifest;
    use crate::ledger::run_log::RunLog;
    use crate::ledger::tombstones::Tombstones;
    use crate::sink::{RowHashes, Sink};
    use chrono::NaiveDate;
    use chrono_tz::Tz;
    use kapture_model::{DayState, Drift, RowHasher};

    /// Keeps the records of the last day, and does nothing else.
    #[derive(Default)]
    struct Recorder(Mutex<Option<Vec<Record>>>);

    fn opened(forgotten: Tombstones) -> Incremental<Recorder> {
        let (store, hasher) = (Recorder::default(), RowHasher::default());
        Incremental::opened(store, Tz::UTC, hasher, forgotten)
    }

    #[async_trait]
    impl DayStore for Recorder {
        fn destination(&self) -> String {
            "memory".into()
        }
        async fn manifest(&self) -> Result<Option<Manifest>, SinkError> {
            Ok(None)
        }
        async fn write_manifest(&self, _: &Manifest) -> Result<(), SinkError> {
            Ok(())
        }
        async fn lock(&self) -> Result<(), SinkError> {
            Ok(())
        }
        async fn initialize(&self, _: Option<Manifest>, _: &Identity) -> Result<(), SinkError> {
            Ok(())
        }
        async fn prepare_to_read(&self, _: &Manifest) -> Result<(), SinkError> {
            Ok(())
        }
        async fn receipts(&self, ledger: Ledger) -> Result<Ledger, SinkError> {
            Ok(ledger)
        }
        async fn runs(&self) -> Result<RunLog, SinkError> {
            Ok(RunLog::default())
        }
        async fn store_last_run(&self, _: &RunLog) -> Result<(), SinkError> {
            Ok(())
        }
        async fn row_hashes(&self, _: NaiveDate, _: RowHasher) -> Result<RowHashes, SinkError> {
            Ok(RowHashes::new())
        }
        async fn erase(&self, _: &BTreeSet<CustomerId>) -> Result<Erased, SinkError> {
            Ok(Erased::default())
        }
        async fn replace_day(&self, _: &Receipt, mut records: Spooled) -> Result<Drift, SinkError> {
            let mut all = Vec::new();
            loop {
                match records.next_batch()? {
                    batch if batch.is_empty() => break,
                    batch => all.extend(batch),
                }
            }
            *self.0.lock().unwrap() = Some(all);
            Ok(Drift::default())
        }
    }

    fn receipt(customers: u64) -> Receipt {
        let mut receipt = Receipt::new("2024-05-02".parse().unwrap(), chrono::DateTime::UNIX_EPOCH);
        receipt.customers = customers;
        receipt.state = DayState::Sealed;
        receipt
    }

    #[tokio::test]
    async fn receipt_with_another_count_is_refused() {
        for (stated, is_right) in [(0, false), (1, true), (2, false)] {
            let sink = opened(Tombstones::default());
            let mut writer = sink.day(receipt(stated).day).await.unwrap();
            let record = Record::decode(r#"{"id":1}"#.into()).unwrap();
            writer.write(&[record]).await.unwrap();
            let committed = writer.commit(&receipt(stated)).await;
            assert_eq!(committed.is_ok(), is_right, "{stated}: {committed:?}");
            assert_eq!(
                sink.store().0.lock().unwrap().is_some(),
                is_right,
                "{stated}"
            );
        }
    }

    #[tokio::test]
    async fn forgotten_customers_are_neither_written_nor_counted() {
        let [one, two] = [r#"{"id":1}"#, r#"{"id":2}"#];
        let [one, two] = [one, two].map(|json| Record::decode(json.into()).unwrap());
        let mut forgotten = Tombstones::default();
        forgotten.add(one.id());
        let sink = opened(forgotten);
        let mut writer = sink.day(receipt(2).day).await.unwrap();
        writer.write(&[one, two.clone()]).await.unwrap();
        // The pull counts all of them.
        writer.commit(&receipt(2)).await.unwrap();
        let spooled = sink.store().0.lock().unwrap().take().unwrap();
        let ids: Vec<_> = spooled.iter().map(Record::id).collect();
        assert_eq!(ids, [two.id()]);
    }

    #[test]
    fn many_records_at_once_are_not_kept_in_memory() {
        let json = format!(r#"{{"id":1,"name":"{}"}}"#, "x".repeat(1_000));
        let record = Record::decode(json.into()).unwrap();
        let records = vec![record; 4_000];
        let spool = Spool::default().added(&records).unwrap();
        assert!(spool.memory.capacity() <= 2 * MAX_MEMORY);
    }

    #[tokio::test]
    async fn records_beyond_the_memory_keep_their_order() {
        let sink = opened(Tombstones::default());
        let mut writer = sink.day(receipt(10).day).await.unwrap();
        let padding = "x".repeat(MAX_MEMORY / 3);
        let records: Vec<_> = (1..=10)
            .map(|id| format!(r#"{{"id":{id},"name":"{padding}"}}"#))
            .map(|json| Record::decode(json.into()).unwrap())
            .collect();
        for record in &records {
            writer.write(std::slice::from_ref(record)).await.unwrap();
        }
        writer.commit(&receipt(10)).await.unwrap();
        let spooled = sink.store().0.lock().unwrap().take().unwrap();
        let ids = |records: &[Record]| -> Vec<_> {
            records.iter().map(|record| record.id().clone()).collect()
        };
        assert_eq!(ids(&spooled), ids(&records));
    }
}
