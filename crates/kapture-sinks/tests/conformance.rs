//! Every sink that remembers, put to the same tests.

mod subject;

#[cfg(feature = "sqlite")]
use subject::sqlite::SqliteSubject;

use kapture_sinks::conformance;

#[cfg(feature = "dataset")]
#[tokio::test]
async fn a_dataset_of_lines() {
    conformance::check(async || subject::dataset::Lines::default(), 200_000).await;
}

#[cfg(all(feature = "dataset", feature = "csv"))]
#[tokio::test]
async fn a_dataset_of_csv() {
    conformance::check(async || subject::dataset::Csv::default(), 200_000).await;
}

#[cfg(all(feature = "dataset", feature = "parquet"))]
#[tokio::test]
async fn a_dataset_of_parquet() {
    conformance::check(async || subject::dataset::Parquet::default(), 200_000).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    conformance::check(async || SqliteSubject::default(), 200_000).await;
}
