//! A sink of one's own, in memory, and the conformance suite that checks it.
//! `cargo run --example own_sink --features conformance`.
//!
//! It depends on `kapture-model`, `serde_json`, and on `tokio` with the features `macros` and `rt`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kapture_model::{CustomerId, Drift, Normaliser, Receipt, Record, RowHasher, RowReader};
use kapture_sinks::chrono::NaiveDate;
use kapture_sinks::conformance::{self, Subject};
use kapture_sinks::{
    DayWriter, Ledger, RangeEnd, RowHashes, Run, RunLog, Sink, SinkError, async_trait,
};
use serde_json::Value;

/// What the destination holds: a real one would be a table or a file.
#[derive(Default)]
struct Held {
    days: BTreeMap<NaiveDate, (Receipt, Vec<Record>)>,
    start: Option<NaiveDate>,
    end: Option<RangeEnd>,
    runs: RunLog,
}

/// A destination in memory. Clones are the same destination, opened again.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Held>>);

impl Memory {
    fn held<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Sink for Memory {
    async fn day(&self, day: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(Writer {
            memory: self.clone(),
            day,
            records: Vec::new(),
        }))
    }

    fn drift(&self) -> Drift {
        Drift::default()
    }

    async fn ledger(&self) -> Result<Ledger, SinkError> {
        Ok(self.held(|held| {
            let receipts = held.days.values().map(|(receipt, _)| receipt.clone());
            let mut ledger: Ledger = receipts.collect();
            if let Some(start) = held.start {
                ledger.set_start(start);
            }
            if let Some(end) = held.end {
                ledger.set_end(end);
            }
            ledger
        }))
    }

    async fn set_range(&self, start: NaiveDate, end: RangeEnd) -> Result<(), SinkError> {
        self.held(|held| {
            held.start = Some(held.start.map_or(start, |held| held.min(start)));
            held.end = held.end.max(Some(end));
        });
        Ok(())
    }

    async fn runs(&self) -> Result<RunLog, SinkError> {
        Ok(self.held(|held| held.runs.clone()))
    }

    async fn record_run(&self, run: Run) -> Result<(), SinkError> {
        self.held(|held| held.runs.push(run));
        Ok(())
    }

    async fn customers(&self, day: NaiveDate) -> Result<BTreeSet<CustomerId>, SinkError> {
        Ok(self.held(|held| {
            let day = held.days.get(&day);
            let records = day.map(|(_, records)| records.as_slice());
            let records = records.unwrap_or_default();
            records.iter().map(|record| record.id().clone()).collect()
        }))
    }

    async fn row_hashes(&self, day: NaiveDate) -> Result<RowHashes, SinkError> {
        Ok(self.held(|held| {
            let day = held.days.get(&day);
            hashes(
                day.map(|(_, records)| records.as_slice())
                    .unwrap_or_default(),
            )
        }))
    }

    async fn row_hashes_of(
        &self,
        _day: NaiveDate,
        records: &[Record],
    ) -> Result<RowHashes, SinkError> {
        Ok(hashes(records))
    }
}

/// It keeps every value as it came, so a row hash says whether a customer differs.
fn hashes(records: &[Record]) -> RowHashes {
    let (mut reader, hasher) = (RowReader::default(), RowHasher::default());
    let hash = |record: &Record| (record.id().clone(), hasher.hash(&reader.read(record)));
    records.iter().map(hash).collect()
}

/// A day on its way: nothing is held of it before it is committed.
struct Writer {
    memory: Memory,
    day: NaiveDate,
    records: Vec<Record>,
}

#[async_trait]
impl DayWriter for Writer {
    async fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.records.extend_from_slice(records);
        Ok(())
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), SinkError> {
        let day = (receipt.clone(), self.records);
        self.memory.held(|held| held.days.insert(self.day, day));
        Ok(())
    }
}

/// How the suite opens the destination, and reads it without the sink.
#[async_trait]
impl Subject for Memory {
    async fn create(&self) -> Box<dyn Sink> {
        Box::new(self.clone())
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        let mut normaliser = Normaliser::default();
        let mut customer = |record: &Record| {
            let mut line = Vec::new();
            normaliser.write(record, &mut line);
            serde_json::from_slice(&line).expect("a line of JSON")
        };
        self.held(|held| {
            let days = held
                .days
                .iter()
                .filter(|(_, (_, records))| !records.is_empty());
            days.map(|(day, (_, records))| (*day, records.iter().map(&mut customer).collect()))
                .collect()
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Each test begins with an empty destination; the largest day has 2000 customers.
    conformance::check(async || Memory::default(), 2000).await;
    println!("the sink conforms");
}
