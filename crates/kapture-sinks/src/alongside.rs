//! Two sinks fed with the same records: customers here, all of their contacts there.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_customers::Receipt;
use kapture_model::{CustomerId, Drift, Record};

use crate::error::SinkError;
use crate::ledger::Ledger;
use crate::sink::{DayWriter, Sink};

/// A sink, and another one alongside that takes the same records in another form.
pub struct Alongside {
    sink: Box<dyn Sink>,
    other: Box<dyn Sink>,
}

impl Alongside {
    /// Both sinks take every record. What is asked of them as one, `sink` answers.
    pub fn new(sink: Box<dyn Sink>, other: Box<dyn Sink>) -> Self {
        Self { sink, other }
    }
}

#[async_trait]
impl Sink for Alongside {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(Writers {
            writer: self.sink.day(day).await?,
            other: self.other.day(day).await?,
        }))
    }

    async fn finish(&self) -> Result<(), SinkError> {
        self.sink.finish().await.map_err(no_quiet_end)?;
        self.other.finish().await.map_err(no_quiet_end)
    }

    fn drift(&self) -> Drift {
        self.sink.drift()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        self.sink.ledger().await
    }

    async fn want_from(&self, day: NaiveDate) -> Result<(), SinkError> {
        self.sink.want_from(day).await
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        self.sink.customers(day).await
    }
}

struct Writers {
    writer: Box<dyn DayWriter>,
    other: Box<dyn DayWriter>,
}

#[async_trait]
impl DayWriter for Writers {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.writer.write(records).await.map_err(no_quiet_end)?;
        self.other.write(records).await.map_err(no_quiet_end)
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        self.writer.commit(receipt).await.map_err(no_quiet_end)?;
        self.other.commit(receipt).await.map_err(no_quiet_end)
    }
}

/// Whoever reads one output may have seen enough of it, but not of the other one.
fn no_quiet_end(error: SinkError) -> SinkError {
    match error {
        SinkError::Closed => SinkError::Stream(std::io::ErrorKind::BrokenPipe.into()),
        error => error,
    }
}
