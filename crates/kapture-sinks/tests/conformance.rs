//! The conformance suite for the incremental sinks of this crate.

mod subject;

#[cfg(feature = "sqlite")]
use subject::sqlite::SqliteSubject;

use kapture_sinks::conformance;

#[cfg(feature = "dataset")]
#[tokio::test]
async fn dataset_of_ndjson() {
    conformance::check(async || subject::dataset::Ndjson::default(), 200_000).await;
}

#[cfg(all(feature = "dataset", feature = "csv"))]
#[tokio::test]
async fn dataset_of_csv() {
    conformance::check(async || subject::dataset::Csv::default(), 200_000).await;
}

#[cfg(all(feature = "dataset", feature = "parquet"))]
#[tokio::test]
async fn dataset_of_parquet() {
    conformance::check(async || subject::dataset::Parquet::default(), 200_000).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    conformance::check(async || SqliteSubject::default(), 200_000).await;
}
