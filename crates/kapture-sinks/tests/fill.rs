//! A pull into a sink: which days are committed, and when the sink is finished.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate};
use futures_util::stream;
use kapture_model::{DayEvent, DayState, Days, Receipt, Record};
use kapture_sinks::{Encoding, FileSink, FillError, Filling, Format, SinkError, fill};
use tempfile::TempDir;

type Event = DayEvent<&'static str>;
type Failure = FillError<&'static str>;

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).unwrap()
}

fn records(d: u32) -> Event {
    DayEvent::Records {
        day: day(d),
        records: vec![Record::decode(format!(r#"{{"id":{d}}}"#).into()).unwrap()],
    }
}

fn done(d: u32, customers: u64) -> Event {
    let mut receipt = Receipt::new(day(d), DateTime::UNIX_EPOCH);
    receipt.customers = customers;
    receipt.state = DayState::Sealed;
    DayEvent::Done(receipt)
}

fn failed(d: u32) -> Event {
    DayEvent::Failed {
        day: day(d),
        error: "not proven",
    }
}

struct Filled {
    path: PathBuf,
    outcome: Result<Vec<Receipt>, Failure>,
    _folder: TempDir,
}

/// Fills a file with 2 and 3 May.
async fn filled(events: Vec<Result<Event, &'static str>>) -> Filled {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.ndjson");
    let sink = FileSink::create(&path, &Encoding::new(Format::Ndjson)).unwrap();
    let days = Days::between(day(2), day(3)).unwrap();
    let outcome = fill(stream::iter(events), &days, &sink).await;
    Filled {
        path,
        outcome,
        _folder: folder,
    }
}

#[tokio::test]
async fn file_of_complete_days_gets_its_name() {
    let events = [records(3), records(2), done(2, 1), done(3, 1)];
    let filled = filled(events.map(Ok).into()).await;
    let days: Vec<_> = filled.outcome.unwrap().iter().map(|r| r.day).collect();
    assert_eq!(days, [day(2), day(3)]);
    let lines = fs::read_to_string(&filled.path).unwrap();
    assert_eq!(lines.lines().count(), 2);
}

#[tokio::test]
async fn day_without_customers_is_committed() {
    let filled = filled([done(2, 0), records(3), done(3, 1)].map(Ok).into()).await;
    assert_eq!(filled.outcome.unwrap().len(), 2);
}

#[tokio::test]
async fn failed_day_keeps_the_file_from_its_name_and_others_go_on() {
    for events in [
        [records(2), failed(2), records(3), done(3, 1)].as_slice(),
        &[failed(2), records(3), done(3, 1)],
    ] {
        let filled = filled(events.iter().cloned().map(Ok).collect()).await;
        let Err(FillError::DaysFailed(failed)) = filled.outcome else {
            panic!("{:?}", filled.outcome);
        };
        assert_eq!(failed, [(day(2), "not proven")]);
        assert!(!filled.path.exists());
    }
}

#[tokio::test]
async fn pull_that_ends_early_does_not_finish_the_sink() {
    let error = filled(vec![Ok(records(2)), Ok(done(2, 1)), Err("refused")]).await;
    assert!(matches!(error.outcome, Err(FillError::Pull("refused"))));
    assert!(!error.path.exists());

    let silent = filled([records(2), done(2, 1)].map(Ok).into()).await;
    let Err(FillError::Sink(SinkError::Incomplete { days })) = silent.outcome else {
        panic!("{:?}", silent.outcome);
    };
    assert!(days.iter().eq([day(3)]));
    assert!(!silent.path.exists());
}

#[tokio::test]
async fn day_that_is_not_told_to_be_committed_keeps_the_sink_from_being_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.ndjson");
    let sink = FileSink::create(&path, &Encoding::new(Format::Ndjson)).unwrap();
    let days = Days::between(day(2), day(3)).unwrap();
    let mut filling = Filling::new(&sink, &days);
    for d in [3, 2] {
        let writer = filling.complete(day(d)).await.unwrap();
        let DayEvent::Done(receipt) = done(d, 0) else {
            panic!("no receipt");
        };
        writer.commit(&receipt).await.unwrap();
        let finished = filling.finish().await;
        assert!(matches!(finished, Err(SinkError::Incomplete { .. })));
        filling.committed(day(d));
    }
    filling.finish().await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn something_of_another_day_is_an_error() {
    let complete = [records(2), done(2, 1), done(3, 0)];
    for unexpected in [records(4), done(4, 0), failed(4), records(2), done(2, 1)] {
        let events = complete.iter().cloned().chain([unexpected]);
        let filled = filled(events.map(Ok).collect()).await;
        assert!(
            matches!(
                filled.outcome,
                Err(FillError::Sink(SinkError::UnexpectedDay { .. }))
            ),
            "{:?}",
            filled.outcome
        );
        assert!(!filled.path.exists());
    }
}
