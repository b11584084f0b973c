//! The traits that every sink implements: [`Sink`] and [`DayWriter`].

pub(crate) mod fill;
mod tee;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use chrono::NaiveDate;
use futures_core::Stream;
use kapture_model::{CustomerId, Drift, Receipt, Record, RowHash};

use crate::error::SinkError;
use crate::ledger::change::{Change, ChangeStream, SeenBetween};
use crate::ledger::rereads::Rereads;
use crate::ledger::run_log::{Run, RunLog};
use crate::ledger::stray::Stray;
use crate::ledger::{Ledger, RangeEnd};

pub use tee::Tee;

/// Customers, each with a hash of its values.
pub type RowHashes = BTreeMap<CustomerId, RowHash>;

/// Code that writes records to a destination.
///
/// What every sink does, and what `conformance` (feature of the same name) checks of an incremental
/// one, which has a ledger and holds a committed day from then on, also without
/// [`finish`](Self::finish):
///
/// - Writers of several days are open at the same time, and their days do not mix.
/// - A commit replaces the whole day: customers, contacts and receipt. A day without customers is a
///   day: its receipt is in the ledger, and replaces the customers that were held.
/// - A writer that is dropped changes nothing of an incremental destination, and keeps any other from
///   being finished.
/// - The same day committed again leaves the same, and no value is lost, whatever its type.
#[async_trait]
pub trait Sink: Send + Sync {
    /// A writer for one day. Opening it changes nothing that the destination holds.
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError>;

    /// Commits the sink after all days were committed, in two phases: a single file gets its name.
    async fn finish(&self) -> Result<(), SinkError> {
        self.prepare().await?;
        self.commit().await
    }

    /// The first phase of [`finish`](Self::finish): everything that is likely to fail. Afterwards
    /// all data is on disk, and nothing has been replaced.
    async fn prepare(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// The second phase of [`finish`](Self::finish): replaces the target by what was prepared.
    async fn commit(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Releases the lock of the destination, whether the run succeeded or not. Where there is no
    /// other way, dropping the sink leaves the lock until it expires.
    async fn close(&self) {}

    /// The schema drift in the records: differences from the API's documentation, as far as the
    /// sink decoded them.
    fn drift(&self) -> Drift;

    /// The ledger of the destination: all days that were ever committed to it, by this process or
    /// others. Empty for a sink that is not incremental.
    async fn ledger(&self) -> Result<Ledger, SinkError> {
        Ok(Ledger::default())
    }

    /// Writes to the manifest that the destination is to hold the days from `start` to `end`: the
    /// bounds of its ledger begin there, even if the first days fail, and days that were never
    /// asked for are known to be missing. An earlier start and a later end stay, and no receipt is
    /// added. Does nothing in a sink that is not incremental.
    async fn set_range(&self, _start: NaiveDate, _end: RangeEnd) -> Result<(), SinkError> {
        Ok(())
    }

    /// The last runs that wrote to the destination, up to a hundred. None for a sink that is not
    /// incremental.
    async fn runs(&self) -> Result<RunLog, SinkError> {
        Ok(RunLog::default())
    }

    /// Adds a run to those that the destination keeps, whether it succeeded or not, before the sink
    /// is [closed](Self::close). Does nothing in a sink that is not incremental.
    async fn record_run(&self, _run: Run) -> Result<(), SinkError> {
        Ok(())
    }

    /// The ids of the customers that it holds of a day: all that were committed, also those that
    /// another day holds now because both listed them. Empty for a day that it does not hold, and for
    /// a sink that is not incremental.
    async fn customers(&self, _day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        Ok(BTreeSet::new())
    }

    /// The same customers, each with a hash of the values that it holds. An incremental sink returns one for
    /// each of [`customers`](Self::customers); a sink that is not incremental returns none.
    async fn row_hashes(&self, _day: NaiveDate) -> Result<RowHashes, SinkError> {
        Ok(RowHashes::new())
    }

    /// What [`row_hashes`](Self::row_hashes) would be of these customers of a day if they were written
    /// now. Their hashes depend on the format, which may have fewer values than a record.
    async fn row_hashes_of(
        &self,
        _day: NaiveDate,
        _records: &[Record],
    ) -> Result<RowHashes, SinkError> {
        Ok(RowHashes::new())
    }

    /// What it holds that belongs to no day of its ledger. Nothing for a sink that is not incremental.
    async fn strays(&self) -> Result<Vec<Stray>, SinkError> {
        Ok(Vec::new())
    }

    /// What was found when its sealed days were read again, by age. Nothing for a sink that does not
    /// compare.
    async fn rereads(&self) -> Result<Rereads, SinkError> {
        Ok(Rereads::default())
    }

    /// The changes of its customers that were seen in a span of time, in the order in which they were
    /// seen. None for a sink that is not incremental.
    ///
    /// # Errors
    /// [`SinkError::NoHistory`] when the destination does not keep its history.
    fn changes(&self, _span: SeenBetween) -> Result<ChangeStream<'_>, SinkError> {
        Ok(Box::pin(NoChanges))
    }
}

/// A stream that ends at once.
struct NoChanges;

impl Stream for NoChanges {
    type Item = Result<Change, SinkError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

/// Writes the records of one day, each customer once. An incremental sink discards the records of a
/// writer that is dropped without [`commit`](Self::commit).
#[async_trait]
pub trait DayWriter: Send {
    /// Adds records.
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError>;

    /// Commits the day, which is complete as `receipt` says. An incremental sink replaces the day
    /// atomically: whatever interrupts it, the destination has the old day or the new one.
    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError>;
}
