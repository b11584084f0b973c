//! The conformance suite for the incremental sinks of this crate.

mod subject;

#[cfg(feature = "sqlite")]
use subject::sqlite::SqliteSubject;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_model::{Drift, Receipt, Record};
use kapture_sinks::conformance::{self, Subject};
use kapture_sinks::{DayWriter, Sink, SinkError};
use serde_json::Value;

#[cfg(feature = "dataset")]
#[tokio::test]
async fn dataset_of_ndjson() {
    conformance::check(async || subject::dataset::Ndjson::default(), 20_000).await;
}

#[cfg(all(feature = "dataset", feature = "csv"))]
#[tokio::test]
async fn dataset_of_csv() {
    conformance::check(async || subject::dataset::Csv::default(), 20_000).await;
}

#[cfg(all(feature = "dataset", feature = "parquet"))]
#[tokio::test]
async fn dataset_of_parquet() {
    conformance::check(async || subject::dataset::Parquet::default(), 20_000).await;
}

/// A sink that takes everything and holds nothing.
struct Forgetful;

#[async_trait]
impl Sink for Forgetful {
    async fn day(&self, _: NaiveDate) -> Result<Box<dyn DayWriter>, SinkError> {
        Ok(Box::new(Forgetful))
    }

    fn drift(&self) -> Drift {
        Drift::default()
    }
}

#[async_trait]
impl DayWriter for Forgetful {
    async fn write(&mut self, _: &[Record]) -> Result<(), SinkError> {
        Ok(())
    }

    async fn commit(self: Box<Self>, _: &Receipt) -> Result<(), SinkError> {
        Ok(())
    }
}

#[async_trait]
impl Subject for Forgetful {
    async fn create(&self) -> Box<dyn Sink> {
        Box::new(Forgetful)
    }

    async fn held(&self) -> BTreeMap<NaiveDate, Vec<Value>> {
        BTreeMap::new()
    }
}

#[tokio::test]
#[should_panic(
    expected = "conformance test committed_day_is_complete failed: expected that a day is held as soon as it is committed, also one without customers: assertion"
)]
async fn failure_says_its_test_and_the_rule() {
    conformance::check(async || Forgetful, 10).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    conformance::check(async || SqliteSubject::default(), 20_000).await;
}
