//! Two sinks fed with the same records: customers here, all of their contacts there.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Drift, Receipt, Record};

use crate::error::SinkError;
use crate::ledger::change::{ChangeStream, SeenBetween};
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::{Run, RunLog};
use crate::ledger::stray::Stray;
use crate::ledger::{Ledger, RangeEnd};
use crate::sink::{DayWriter, RowHashes, Sink};

/// Writes the same records to two sinks. The ledger is that of the first.
pub struct Tee {
    sink: Box<dyn Sink>,
    other: Box<dyn Sink>,
}

impl Tee {
    /// Writes every record to both sinks. Drift and ledger are those of `sink`.
    pub fn new(sink: Box<dyn Sink>, other: Box<dyn Sink>) -> Self {
        Self { sink, other }
    }
}

#[async_trait]
impl Sink for Tee {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(Writers {
            writer: self.sink.day(day).await?,
            other: self.other.day(day).await?,
        }))
    }

    async fn prepare(&self) -> Result<(), SinkError> {
        self.sink.prepare().await.map_err(closed_is_an_error)?;
        self.other.prepare().await.map_err(closed_is_an_error)
    }

    async fn commit(&self) -> Result<(), SinkError> {
        self.sink.commit().await.map_err(closed_is_an_error)?;
        self.other.commit().await.map_err(closed_is_an_error)
    }

    async fn close(&self) {
        self.sink.close().await;
        self.other.close().await;
    }

    fn drift(&self) -> Drift {
        self.sink.drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        self.sink.ledger().await
    }

    async fn set_range(&self, start: NaiveDate, end: RangeEnd) -> Result<(), SinkError> {
        self.sink.set_range(start, end).await
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        self.sink.runs().await
    }

    async fn record_run(&self, run: Run) -> Result<(), SinkError> {
        self.sink.record_run(run).await
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        self.sink.customers(day).await
    }

    async fn row_hashes(&self, day: NaiveDate) -> Result<RowHashes, SinkError> {
        self.sink.row_hashes(day).await
    }

    async fn row_hashes_of(
        &self,
        day: NaiveDate,
        records: &[Record],
    ) -> Result<RowHashes, SinkError> {
        self.sink.row_hashes_of(day, records).await
    }

    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        self.sink.strays().await
    }

    async fn rereads(&self) -> Result<Rereads, SinkError> {
        self.sink.rereads().await
    }

    fn changes(&self, span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        self.sink.changes(span)
    }
}

struct Writers {
    writer: Box<dyn DayWriter>,
    other: Box<dyn DayWriter>,
}

#[async_trait]
impl DayWriter for Writers {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.writer
            .write(records)
            .await
            .map_err(closed_is_an_error)?;
        self.other.write(records).await.map_err(closed_is_an_error)
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        self.writer
            .commit(receipt)
            .await
            .map_err(closed_is_an_error)?;
        self.other.commit(receipt).await.map_err(closed_is_an_error)
    }
}

/// A closed pipe ends a run quietly, but not while the other sink is still being written.
fn closed_is_an_error(error: SinkError) -> SinkError {
    match error {
        SinkError::Closed => SinkError::Stream(std::io::ErrorKind::BrokenPipe.into()),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};

    use super::*;
    use crate::encoding::Encoding;
    use crate::encoding::format::Format;
    use crate::file::FileSink;
    use crate::stream::StreamSink;

    /// Fails every write, as a full disk does.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[tokio::test]
    async fn failing_sink_keeps_the_other_from_replacing_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.ndjson");
        let encoding = Encoding::new(Format::Ndjson);
        for file_first in [true, false] {
            fs::write(&path, "before").unwrap();
            let file: Box<dyn Sink> = Box::new(FileSink::create(&path, &encoding).unwrap());
            let full: Box<dyn Sink> = Box::new(StreamSink::new(Full, &encoding).unwrap());
            let both = match file_first {
                true => Tee::new(file, full),
                false => Tee::new(full, file),
            };
            assert!(both.finish().await.is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), "before");
            drop(both);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        }
    }
}
