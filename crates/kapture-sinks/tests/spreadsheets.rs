//! A dataset keeps the form of CSV that it was created with.
#![cfg(all(feature = "dataset", feature = "csv"))]

use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use kapture_model::{AttributeColumn, CustomerQuery, Receipt, Record};
use kapture_sinks::{Destination, Encoding, Format, Identity, Sink, SinkError};
use serde_json::Value;

async fn create(root: &Path, spreadsheet_safe: bool) -> Result<Box<dyn Sink>, SinkError> {
    create_as(root, |encoding| {
        encoding.spreadsheet_safe = spreadsheet_safe
    })
    .await
}

async fn create_as(
    root: &Path,
    set: impl FnOnce(&mut Encoding),
) -> Result<Box<dyn Sink>, SinkError> {
    let identity = Identity::of("acme.kapturecrm.com", &CustomerQuery::new(424_242), Tz::UTC);
    let mut encoding = Encoding::new(Format::Csv);
    set(&mut encoding);
    let root = root.join("");
    let destination = Destination::parse(root.to_str().expect("text"), None);
    let destination = destination.expect("a destination");
    destination.create(&identity, &encoding).await
}

/// The file of a day after writing a customer whose name is a formula.
async fn written(root: &Path, sink: &dyn Sink) -> String {
    let day = NaiveDate::from_ymd_opt(2024, 5, 2).expect("a day");
    let record = Record::decode(r#"{"id":1,"name":"=SUM(A1)","city":"a;b","attr3":"gold"}"#.into())
        .expect("a record");
    let mut writer = sink.day(day).await.expect("a writer");
    let records = [record];
    writer.write(&records).await.expect("written");
    let receipt = Receipt::of(day, &records, DateTime::UNIX_EPOCH);
    writer.commit(&receipt).await.expect("committed");
    let file = root.join("created_date=2024-05-02/customers.csv");
    fs::read_to_string(file).expect("a file")
}

#[tokio::test]
async fn safe_dataset_stays_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    for asked in [true, false, true] {
        let sink = create(folder.path(), asked).await.expect("opened");
        let text = written(folder.path(), &*sink).await;
        assert!(text.contains(",'=SUM(A1),"), "{asked}: {text}");
    }
}

#[tokio::test]
async fn other_dataset_does_not_become_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    let sink = create(folder.path(), false).await.expect("made");
    let text = written(folder.path(), &*sink).await;
    assert!(text.contains(",=SUM(A1),"), "{text}");
    drop(sink);
    let manifest = fs::read(folder.path().join("_kapture/manifest.json")).expect("a file");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest.get("spreadsheet_safe"), None);
    let error = create(folder.path(), true).await.err().expect("refused");
    assert!(
        matches!(error, SinkError::OtherEncoding { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn separator_mark_and_columns_are_those_of_the_first_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let column = AttributeColumn::new("attr3", "loyalty_tier").expect("a column");
    let set = |encoding: &mut Encoding| {
        encoding.csv_separator = b';';
        encoding.csv_bom = true;
        encoding.columns = vec![column.clone()];
    };
    let sink = create_as(folder.path(), set).await.expect("made");
    let first = written(folder.path(), &*sink).await;
    let (header, row) = first.split_once('\n').expect("two lines");
    assert!(header.starts_with("\u{feff}id;cm_id;"), "{header}");
    let names: Vec<_> = header.split(';').collect();
    let at = names.iter().position(|name| *name == "loyalty_tier");
    // The city has a separator in it.
    let cells: Vec<_> = row
        .replace("\"a;b\"", "a b")
        .split(';')
        .map(str::to_owned)
        .collect();
    assert_eq!(cells[at.expect("the column")], "gold");
    let day = NaiveDate::from_ymd_opt(2024, 5, 2).expect("a day");
    assert_eq!(sink.customers(day).await.expect("readable").len(), 1);
    drop(sink);
    // Without the options the next run writes the same.
    let sink = create_as(folder.path(), |_| ()).await.expect("opened");
    assert_eq!(written(folder.path(), &*sink).await, first);
    drop(sink);
    let others: [fn(&mut Encoding); 2] = [
        |encoding| encoding.csv_separator = b'\t',
        |encoding| {
            let column = AttributeColumn::new("attr4", "loyalty_tier");
            encoding.columns = vec![column.expect("a column")];
        },
    ];
    for other in others {
        let error = create_as(folder.path(), other).await.err();
        assert!(
            matches!(error, Some(SinkError::OtherEncoding { .. })),
            "{error:?}"
        );
    }
}
