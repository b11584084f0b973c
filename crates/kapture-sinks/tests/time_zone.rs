//! Incremental destinations record the time zone of their days.
#![cfg(all(feature = "dataset", feature = "sqlite"))]

use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use kapture_model::{CustomerQuery, DayState, Receipt, Record};
use kapture_sinks::{Destination, Encoding, Format, Identity, RangeEnd, Sink, SinkError};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

const ZONE: Tz = Tz::Asia__Kolkata;

/// An incremental destination in a temporary folder.
struct Fixture {
    folder: TempDir,
    is_database: bool,
}

impl Fixture {
    fn each() -> [Self; 2] {
        [true, false].map(|is_database| Self {
            folder: tempfile::tempdir().expect("a folder"),
            is_database,
        })
    }

    fn destination(&self) -> Destination {
        let name = if self.is_database {
            "customers.db"
        } else {
            "lines/"
        };
        let path = self.folder.path().join(name);
        Destination::parse(path.to_str().expect("text"), None).expect("a destination")
    }

    async fn create(&self, zone: Tz) -> Result<Box<dyn Sink>, SinkError> {
        let encoding = Encoding::new(Format::Ndjson);
        self.destination().create(&identity(zone), &encoding).await
    }

    async fn open(&self, zone: Tz) -> Result<Box<dyn Sink>, SinkError> {
        self.destination().open(Some(&identity(zone))).await
    }

    /// The creation date of the customer of a day.
    fn created(&self, day: NaiveDate) -> String {
        if self.is_database {
            let select = "SELECT generation_date FROM customers";
            let created = self.database().query_row(select, [], |row| row.get(0));
            return created.expect("a customer");
        }
        let file = format!("lines/created_date={day}/customers.ndjson");
        let customer = json(&self.folder.path().join(file));
        customer["generationDate"].as_str().expect("text").into()
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join("customers.db")).expect("a database")
    }
}

fn identity(zone: Tz) -> Identity {
    Identity::of("acme.kapturecrm.com", &CustomerQuery::new(424_242), zone)
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

/// Expects the error that the days are those of `ZONE`, not of UTC.
fn expect_other_zone(outcome: Result<Box<dyn Sink>, SinkError>) {
    let error = outcome.err().expect("refused");
    assert!(
        matches!(&error, SinkError::OtherZone { held, asked, .. } if held == "Asia/Kolkata" && asked == "UTC"),
        "{error:?}"
    );
}

#[tokio::test]
async fn destination_has_days_of_one_time_zone() {
    for fixture in Fixture::each() {
        let sink = fixture.create(ZONE).await.expect("made");
        let day = NaiveDate::from_ymd_opt(2024, 5, 1).expect("a day");
        sink.set_range(day, RangeEnd::Today)
            .await
            .expect("remembered");
        drop(sink);
        expect_other_zone(fixture.create(Tz::UTC).await);
        expect_other_zone(fixture.open(Tz::UTC).await);
        fixture.open(ZONE).await.expect("the same zone");
        fixture.create(ZONE).await.expect("the same zone");
        // Without an identity any destination is opened.
        let sink = fixture.destination().open(None).await.expect("opened");
        let ledger = sink.ledger().await.expect("a ledger");
        assert_eq!(ledger.time_zone(), Some("Asia/Kolkata"));
    }
}

#[tokio::test]
async fn instants_become_local_times_of_the_zone() {
    let day = NaiveDate::from_ymd_opt(2024, 5, 3).expect("a day");
    for fixture in Fixture::each() {
        let sink = fixture.create(ZONE).await.expect("made");
        let mut writer = sink.day(day).await.expect("a writer");
        // The evening before, in UTC.
        let json = r#"{"id":1,"generationDate":1714680000000}"#;
        let record = Record::decode(json.into()).expect("a record");
        writer.write(&[record]).await.expect("written");
        writer.commit(&receipt(day)).await.expect("committed");
        drop(sink);
        let created = fixture.created(day).replace(' ', "T");
        assert!(created.starts_with("2024-05-03T01:30:00"), "{created}");
    }
}

fn receipt(day: NaiveDate) -> Receipt {
    let mut receipt = Receipt::new(day, DateTime::UNIX_EPOCH);
    receipt.customers = 1;
    receipt.state = DayState::Sealed;
    receipt
}
