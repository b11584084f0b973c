//! Arrow streams, read as their readers see them while they are written.

#![cfg(feature = "arrow")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type};
use arrow_ipc::reader::StreamReader;
use chrono::{DateTime, NaiveDate};
use kapture_model::{Receipt, Record};
use kapture_sinks::{DayWriter, Encoding, Format, Sink, StreamSink};

/// The end-of-stream marker of Arrow's IPC streaming format.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// What a reader of the stream has received so far.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a pipe").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn received(&self) -> Vec<u8> {
        self.0.lock().expect("a pipe").clone()
    }

    fn is_at_end(&self) -> bool {
        self.received().ends_with(&END)
    }

    fn batches(&self) -> Vec<RecordBatch> {
        let received = self.received();
        let reader = StreamReader::try_new(&*received, None).expect("a schema");
        reader.map(|batch| batch.expect("a batch")).collect()
    }

    fn rows(&self) -> Vec<usize> {
        self.batches().iter().map(RecordBatch::num_rows).collect()
    }
}

fn sink(with_created_date: bool) -> (Pipe, StreamSink) {
    let mut encoding = Encoding::new(Format::Arrow);
    encoding.with_created_date = with_created_date;
    let pipe = Pipe::default();
    let sink = StreamSink::new(pipe.clone(), &encoding).expect("a sink");
    (pipe, sink)
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).expect("a day")
}

fn records(ids: std::ops::Range<u64>, filler: &str) -> Vec<Record> {
    let record = |id| Record::decode(format!(r#"{{"id":{id},"name":"{filler}"}}"#).into());
    ids.map(|id| record(id).expect("a record")).collect()
}

async fn commit(writer: Box<dyn DayWriter>, day: NaiveDate, records: &[Record]) {
    let receipt = Receipt::of(day, records, DateTime::UNIX_EPOCH);
    writer.commit(&receipt).await.expect("committed");
}

#[tokio::test]
async fn reader_knows_the_columns_before_the_first_customer() {
    let (pipe, _sink) = sink(false);
    let received = pipe.received();
    let reader = StreamReader::try_new(&*received, None).expect("a schema");
    let schema = reader.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let columns = kapture_model::customer_columns().iter();
    let expected = columns.map(|column| column.name.as_str());
    assert!(names.eq(expected.chain(["contacts", "extra"])), "{schema}");
}

#[tokio::test]
async fn complete_day_is_received_at_once() {
    let (pipe, sink) = sink(false);
    let first = records(0..3, "Asha Example");
    let mut writer = sink.day(day(1)).await.expect("a writer");
    writer.write(&first[..1]).await.expect("written");
    writer.write(&first[1..]).await.expect("written");
    assert!(pipe.rows().is_empty());
    commit(writer, day(1), &first).await;
    assert_eq!(pipe.rows(), [3]);
    assert!(!pipe.is_at_end());
    sink.finish().await.expect("finished");
    assert_eq!(pipe.rows(), [3]);
    assert!(pipe.is_at_end());
}

#[tokio::test]
async fn batches_are_bounded_by_rows_and_by_bytes() {
    let (pipe, sink) = sink(false);
    let many = records(0..3000, "Asha Example");
    let mut writer = sink.day(day(1)).await.expect("a writer");
    writer.write(&many).await.expect("written");
    assert_eq!(pipe.rows(), [1024, 1024]);
    commit(writer, day(1), &many).await;
    assert_eq!(pipe.rows(), [1024, 1024, 952]);

    let large = records(0..20, &"x".repeat(300_000));
    let mut writer = sink.day(day(2)).await.expect("a writer");
    writer.write(&large).await.expect("written");
    assert_eq!(pipe.rows()[3..], [4, 4, 4, 4, 4]);
}

#[tokio::test]
async fn stream_without_all_days_has_no_end() {
    let (pipe, sink) = sink(false);
    let first = records(0..3, "Asha Example");
    let mut writer = sink.day(day(1)).await.expect("a writer");
    writer.write(&first).await.expect("written");
    commit(writer, day(1), &first).await;
    let mut dropped = sink.day(day(2)).await.expect("a writer");
    dropped.write(&first).await.expect("written");
    drop(dropped);
    assert!(sink.finish().await.is_err());
    drop(sink);
    assert!(!pipe.is_at_end());
}

#[tokio::test]
async fn created_date_is_the_day_of_each_customer() {
    let (pipe, sink) = sink(true);
    let (one, other) = (records(0..2, "Asha"), records(2..3, "Ravi"));
    let mut first = sink.day(day(1)).await.expect("a writer");
    let mut second = sink.day(day(2)).await.expect("a writer");
    first.write(&one[..1]).await.expect("written");
    second.write(&other).await.expect("written");
    first.write(&one[1..]).await.expect("written");
    commit(first, day(1), &one).await;
    commit(second, day(2), &other).await;
    sink.finish().await.expect("finished");
    let batches = pipe.batches();
    let [batch] = &batches[..] else {
        panic!("{} batches", batches.len());
    };
    let ids = batch["id"].as_primitive::<Int64Type>();
    let days = batch["created_date"].as_primitive::<Date32Type>();
    let first = day(1).to_epoch_days();
    assert_eq!(ids.values()[..], [0, 2, 1]);
    assert_eq!(days.values()[..], [first, first + 1, first]);
}
