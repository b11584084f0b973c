//! The spool: a day's records, buffered until the day is complete.

use std::io::{self, BufReader, Read, Seek, Write};
use std::sync::Arc;

use async_trait::async_trait;
use kapture_model::{Receipt, Record};
use tempfile::SpooledTempFile;

use crate::error::SinkError;
use crate::sink::DayWriter;

/// The part that is kept in memory. The rest goes to an unnamed temporary file, which no crash can
/// leave behind.
const MAX_MEMORY: usize = 256 * 1024;

/// The size of a batch that is read back, in bytes; at least one record.
const BATCH_BYTES: usize = 1024 * 1024;

/// Replaces the days of an incremental destination.
#[async_trait]
pub(crate) trait DayStore: Send + Sync {
    /// Replaces the day by `records` and `receipt`, atomically.
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<(), SinkError>;
}

/// Spools the records of a day and replaces the day when it is committed. Until then the
/// destination is unchanged.
pub(crate) struct SpoolWriter<K> {
    store: Arc<K>,
    file: SpooledTempFile,
    /// How many records were written.
    customers: u64,
}

impl<K: DayStore> SpoolWriter<K> {
    pub(crate) fn new(store: Arc<K>) -> Self {
        Self {
            store,
            file: SpooledTempFile::new(MAX_MEMORY),
            customers: 0,
        }
    }
}

#[async_trait]
impl<K: DayStore> DayWriter for SpoolWriter<K> {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let mut write = |record: &Record| {
            let raw = record.raw();
            let length = u64::try_from(raw.len()).map_err(io::Error::other)?;
            self.file.write_all(&length.to_le_bytes())?;
            self.file.write_all(raw)?;
            self.customers += 1;
            Ok(())
        };
        records
            .iter()
            .try_for_each(&mut write)
            .map_err(SinkError::Spool)
    }

    async fn commit(mut self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        SinkError::check_count(receipt, self.customers)?;
        self.file.rewind().map_err(SinkError::Spool)?;
        let records = Spooled(BufReader::new(self.file));
        self.store.replace_day(receipt, records).await
    }
}

/// The records of a complete day, in the order in which they were written.
pub(crate) struct Spooled(BufReader<SpooledTempFile>);

impl Spooled {
    /// The next batch of records; empty at the end.
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

    fn next(&mut self) -> io::Result<Option<Record>> {
        let mut length = [0; 8];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
        let mut raw = vec![0; length];
        self.0.read_exact(&mut raw)?;
        Record::decode(raw.into())
            .map(Some)
            .map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use kapture_model::{Checksum, DayState, EndBound, Proof};

    #[derive(Default)]
    struct Recorder(AtomicBool);

    #[async_trait]
    impl DayStore for Recorder {
        async fn replace_day(&self, _: &Receipt, _: Spooled) -> Result<(), SinkError> {
            self.0.store(true, Ordering::Relaxed);
            Ok(())
        }
    }

    #[tokio::test]
    async fn receipt_with_another_count_is_refused() {
        for (stated, is_right) in [(0, false), (1, true), (2, false)] {
            let store = Arc::new(Recorder::default());
            let mut writer = Box::new(SpoolWriter::new(Arc::clone(&store)));
            let record = Record::decode(r#"{"id":1}"#.into()).unwrap();
            writer.write(&[record]).await.unwrap();
            let receipt = Receipt {
                day: "2024-05-02".parse().unwrap(),
                customers: stated,
                checksum: Checksum::default(),
                undated: 0,
                fetched: chrono::DateTime::UNIX_EPOCH,
                state: DayState::Sealed,
                end_bound: EndBound::Inclusive,
                proof: Proof::Contiguous,
                empty_response: None,
            };
            let committed = writer.commit(&receipt).await;
            assert_eq!(committed.is_ok(), is_right, "{stated}: {committed:?}");
            assert_eq!(store.0.load(Ordering::Relaxed), is_right, "{stated}");
        }
    }
}
