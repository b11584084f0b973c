//! A sink without a ledger refuses to finish an incomplete output.

use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use kapture_model::{DayState, Receipt, Record};
use kapture_sinks::{Encoding, FileSink, Format, Sink, SinkError, StreamSink, Tee};
use tempfile::TempDir;

const BEFORE: &str = "the file of an earlier run\n";

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).expect("a day")
}

fn record() -> Record {
    Record::decode(r#"{"id":1}"#.into()).expect("a record")
}

fn receipt(day: NaiveDate, customers: u64) -> Receipt {
    let mut receipt = Receipt::new(day, DateTime::UNIX_EPOCH);
    receipt.customers = customers;
    receipt.state = DayState::Sealed;
    receipt
}

/// A folder with the file of an earlier run, and a sink that would replace it.
fn file_sink() -> (TempDir, FileSink) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("customers.ndjson");
    fs::write(&path, BEFORE).expect("written");
    let sink = FileSink::create(&path, &Encoding::new(Format::Ndjson)).expect("a sink");
    (folder, sink)
}

fn stream_sink() -> StreamSink {
    StreamSink::new(std::io::sink(), &Encoding::new(Format::Ndjson)).expect("a sink")
}

fn content(folder: &TempDir) -> String {
    fs::read_to_string(Path::new(folder.path()).join("customers.ndjson")).expect("a file")
}

async fn commit(sink: &dyn Sink, day: NaiveDate) {
    let mut writer = sink.day(day).await.expect("a writer");
    writer.write(&[record()]).await.expect("written");
    let receipt = receipt(day, 1);
    writer.commit(&receipt).await.expect("committed");
}

/// Writes a day, and drops its writer.
async fn drop_day(sink: &dyn Sink, day: NaiveDate) {
    let mut writer = sink.day(day).await.expect("a writer");
    writer.write(&[record()]).await.expect("written");
}

async fn expect_incomplete(sink: &dyn Sink, expected: &[NaiveDate]) {
    let error = sink.finish().await.expect_err("incomplete");
    match &error {
        SinkError::Incomplete { days } => assert!(days.iter().eq(expected.iter().copied())),
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().contains("2024-05-03"), "{error}");
}

#[tokio::test]
async fn dropped_day_keeps_the_file_from_being_replaced() {
    let (folder, sink) = file_sink();
    commit(&sink, day(2)).await;
    drop_day(&sink, day(3)).await;
    expect_incomplete(&sink, &[day(3)]).await;
    assert_eq!(content(&folder), BEFORE);
    sink.commit().await.expect_err("not prepared");
    assert_eq!(content(&folder), BEFORE);
}

#[tokio::test]
async fn open_day_keeps_the_file_from_being_replaced() {
    let (folder, sink) = file_sink();
    let _writer = sink.day(day(3)).await.expect("a writer");
    expect_incomplete(&sink, &[day(3)]).await;
    assert_eq!(content(&folder), BEFORE);
}

#[tokio::test]
async fn commit_without_prepare_replaces_nothing() {
    let (folder, sink) = file_sink();
    commit(&sink, day(2)).await;
    let error = sink.commit().await.expect_err("not prepared");
    assert!(matches!(error, SinkError::File { .. }), "{error:?}");
    assert_eq!(content(&folder), BEFORE);
    sink.finish().await.expect("finished");
    assert_eq!(content(&folder), "{\"id\":1}\n");
}

#[tokio::test]
async fn dropped_day_is_an_error_of_streams_and_tees() {
    let stream = stream_sink();
    drop_day(&stream, day(3)).await;
    expect_incomplete(&stream, &[day(3)]).await;
    let (folder, file) = file_sink();
    let tee = Tee::new(Box::new(stream_sink()), Box::new(file));
    drop_day(&tee, day(3)).await;
    expect_incomplete(&tee, &[day(3)]).await;
    assert_eq!(content(&folder), BEFORE);
}

#[tokio::test]
async fn receipt_with_another_count_leaves_the_day_incomplete() {
    let (folder, sink) = file_sink();
    let mut writer = sink.day(day(3)).await.expect("a writer");
    writer.write(&[record()]).await.expect("written");
    let error = writer.commit(&receipt(day(3), 2)).await;
    let error = error.expect_err("another count");
    assert!(
        matches!(error, SinkError::CountMismatch { .. }),
        "{error:?}"
    );
    expect_incomplete(&sink, &[day(3)]).await;
    assert_eq!(content(&folder), BEFORE);
}
