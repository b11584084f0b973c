//! What is done to every record, each against a plain `serde_json::Value` pass over the same bytes.
//!
//! `cargo bench -p kapture-benches`; a part of it with `-- split`.

use std::hint::black_box;
use std::io;

use bytes::Bytes;
use chrono::NaiveDate;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use kapture_model::{Answer, Normaliser, Record, Timestamp};
use kapture_sandbox::{Behaviour, PerDay, Population, Request, Tenant};
use kapture_sinks::{Encoding, Format, Sink, StreamSink};
use serde::de::IgnoredAny;
use serde_json::Value;

const ROWS: u32 = 500;

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, 2).expect("a date")
}

/// A page of customers as the sandbox sends it.
fn page() -> Bytes {
    let day = day();
    let population = Population::new(1).days(day, day, PerDay::Fixed(ROWS));
    let tenant = Tenant::new(population, Behaviour::default());
    let body = format!(
        r#"{{"cm_id":424242,"createStartDate":"{day}","createEndDate":"{day}","limit":"{ROWS}"}}"#
    );
    tenant.answer(&Request::search(body.as_bytes())).body
}

fn records(page: &Bytes) -> Vec<Record> {
    match Answer::decode(page.clone()) {
        Ok(Answer::Customers(records)) if records.len() == ROWS as usize => records,
        other => panic!("{other:?}"),
    }
}

fn pages(criterion: &mut Criterion) {
    let page = page();
    let records = records(&page);
    let mut group = criterion.benchmark_group("page");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("serde_json::Value", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(&page)));
    });
    group.bench_function("serde_json::IgnoredAny", |bencher| {
        bencher.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&page)));
    });
    group.bench_function("split", |bencher| {
        bencher.iter(|| Answer::decode(black_box(page.clone())));
    });
    group.bench_function("normalise", |bencher| {
        let mut normaliser = Normaliser::default();
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            for record in black_box(&records) {
                normaliser.write(record, &mut out);
            }
        });
    });
    for (name, format, raw) in [
        ("ndjson", Format::Ndjson, false),
        ("ndjson raw", Format::Ndjson, true),
        ("csv", Format::Csv, false),
        ("parquet", Format::Parquet, false),
    ] {
        group.bench_function(name, |bencher| {
            let mut encoding = Encoding::new(format);
            encoding.raw = raw;
            let sink = StreamSink::new(io::sink(), &encoding).expect("a form of this build");
            // A stream never waits.
            let day = sink.day(day()).now_or_never().expect("at once");
            let mut writer = day.expect("a writer");
            bencher.iter(|| writer.write(black_box(&records)).now_or_never());
        });
    }
    group.finish();
}

fn dates(criterion: &mut Criterion) {
    let encodings = [
        ("Gson", r#""May 2, 2024 4:15:42 PM""#),
        (
            "Calendar",
            r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"minute":15,"second":42}"#,
        ),
        ("milliseconds", "1714646742249"),
        ("ISO", r#""2024-05-02T16:15:42.249+05:30""#),
    ];
    let mut group = criterion.benchmark_group("date");
    for (name, json) in encodings {
        assert!(Timestamp::decode(json).is_some(), "{json}");
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(format!("{name}, serde_json::Value"), |bencher| {
            bencher.iter(|| serde_json::from_str::<Value>(black_box(json)));
        });
        group.bench_function(name, |bencher| {
            bencher.iter(|| Timestamp::decode(black_box(json)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = pages, dates
}
criterion_main!(benches);
