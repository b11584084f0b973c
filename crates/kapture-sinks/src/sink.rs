//! The two traits that every destination implements.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{CustomerId, Drift, Receipt, Record};

use crate::error::SinkError;
use crate::ledger::Ledger;

/// Where records go. Writers of several days are open at the same time.
#[async_trait]
pub trait Sink: Send + Sync {
    /// A writer for one day.
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError>;

    /// Every day was committed: whatever is only there as a whole is put in its place.
    async fn finish(&self) -> Result<(), SinkError> {
        self.prepare().await?;
        self.commit().await
    }

    /// The first step of [`finish`](Self::finish), which does all that may well fail: what was
    /// written is ended and on disk, and whatever is to be replaced still stands.
    async fn prepare(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// The second step of [`finish`](Self::finish): what is complete takes its name.
    async fn commit(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// What was met in the records that the documentation does not promise, as far as the sink
    /// had to look at them.
    fn drift(&self) -> Drift;

    /// The days it holds: all that was ever committed to it, by this process or others. Empty
    /// for a sink that remembers nothing.
    async fn ledger(&self) -> Result<Ledger, SinkError> {
        Ok(Ledger::default())
    }

    /// Remembers that it is to hold the days from `day` on: once it holds any, its ledger begins
    /// there, though the first ones may fail. An earlier day that it remembers stays. Nothing happens
    /// in a sink that remembers nothing.
    async fn set_start(&self, _day: NaiveDate) -> Result<(), SinkError> {
        Ok(())
    }

    /// The ids of the customers it holds of one day. None for a sink that remembers nothing.
    async fn customers(&self, _day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        Ok(BTreeSet::new())
    }
}

/// Takes the records of one day, each customer once. Dropped without [`commit`](Self::commit),
/// it leaves no trace in any destination that can take back what was written.
#[async_trait]
pub trait DayWriter: Send {
    /// Adds records.
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError>;

    /// The day is complete, as `receipt` says. A sink that remembers replaces what it held of the
    /// day, all at once; whatever interrupts it, the day is then wholly there or as it was.
    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError>;
}
