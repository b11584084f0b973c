//! A day's records, kept aside until the day is complete.

use std::io::{self, BufReader, Read, Seek, Write};
use std::sync::Arc;

use async_trait::async_trait;
use kapture_model::{Receipt, Record};
use tempfile::SpooledTempFile;

use crate::error::SinkError;
use crate::sink::DayWriter;

/// What is kept in memory; more goes to a temporary file without a name, which no crash can leave
/// behind.
const IN_MEMORY: usize = 256 * 1024;

/// How much is taken back at a time, in bytes; one record at least.
const BATCH: usize = 1024 * 1024;

/// What a sink that remembers does with a day, once it is complete.
#[async_trait]
pub(crate) trait DayStore: Send + Sync {
    /// Replaces what is held of the day by `records`, all at once, and remembers `receipt`.
    async fn replace_day(&self, receipt: &Receipt, records: Spooled) -> Result<(), SinkError>;
}

/// Keeps the records of a day aside and hands them over when it is complete. So the destination
/// is not touched before, and a day that is dropped was never there.
pub(crate) struct SpoolWriter<K> {
    keeper: Arc<K>,
    file: SpooledTempFile,
    /// How many records it was given.
    customers: u64,
}

impl<K: DayStore> SpoolWriter<K> {
    pub(crate) fn new(keeper: Arc<K>) -> Self {
        Self {
            keeper,
            file: SpooledTempFile::new(IN_MEMORY),
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
        // A receipt of other customers than came would seal a day that lacks some.
        if self.customers != receipt.customers {
            return Err(SinkError::CountMismatch {
                day: receipt.day,
                given: self.customers,
                told: receipt.customers,
            });
        }
        self.file.rewind().map_err(SinkError::Spool)?;
        let records = Spooled(BufReader::new(self.file));
        self.keeper.replace_day(receipt, records).await
    }
}

/// The records of a day that is complete, in the order in which they came.
pub(crate) struct Spooled(BufReader<SpooledTempFile>);

impl Spooled {
    /// The next few records; none at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Vec<Record>, SinkError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH
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
    struct Kept(AtomicBool);

    #[async_trait]
    impl DayStore for Kept {
        async fn replace_day(&self, _: &Receipt, _: Spooled) -> Result<(), SinkError> {
            self.0.store(true, Ordering::Relaxed);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_receipt_of_other_customers_than_came_is_not_believed() {
        for (told, is_right) in [(0, false), (1, true), (2, false)] {
            let keeper = Arc::new(Kept::default());
            let mut writer = Box::new(SpoolWriter::new(Arc::clone(&keeper)));
            let record = Record::decode(r#"{"id":1}"#.into()).unwrap();
            writer.write(&[record]).await.unwrap();
            let receipt = Receipt {
                day: "2024-05-02".parse().unwrap(),
                customers: told,
                checksum: Checksum::default(),
                undated: 0,
                fetched: chrono::DateTime::UNIX_EPOCH,
                state: DayState::Sealed,
                end_bound: EndBound::Inclusive,
                proof: Proof::Contiguous,
                empty_response: None,
            };
            let committed = writer.commit(&receipt).await;
            assert_eq!(committed.is_ok(), is_right, "{told}: {committed:?}");
            assert_eq!(keeper.0.load(Ordering::Relaxed), is_right, "{told}");
        }
    }
}
