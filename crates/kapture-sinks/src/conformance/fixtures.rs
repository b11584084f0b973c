//! Invented customers and receipts of the tests, and what a destination has to hold.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kapture_model::{DayState, EndBound, Normaliser, Proof, Receipt, Record};
use serde_json::{Value, json};

use crate::sink::Sink;

use super::Subject;

/// A day of May 2024.
pub(super) fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).expect("a day of May")
}

/// A customer with a field of each documented kind.
pub(super) fn plain(id: u32) -> Value {
    json!({
        "id": id, "cmId": 424_242, "isOrganization": true, "name": format!("Asha {id}"), "address": " ",
        "generationDate": "May 2, 2024 4:15:42 PM", "totalNoOfEnquiries": 3, "feedbackOnCustomer": "0",
        "contacts": [{
            "id": 1_000 + id, "leadId": id, "contactPerson": format!("Asha {id}"), "phone": "5550100101",
            "email": "asha@example.com", "isPrimaryContact": true,
            "generationDate": {"year": 2024, "month": 4, "dayOfMonth": 2, "hourOfDay": 16, "minute": 15, "second": 42},
        }],
        "lastModificationTime": {"year": 2024, "month": 4, "dayOfMonth": 2, "hourOfDay": 17, "minute": 0, "second": 1},
        "maxCreditAmt": 0.5, "deleted": false, "attr1": "gold",
    })
}

pub(super) fn small(id: u32) -> Value {
    json!({"id": id, "name": "Ravi Example", "generationDate": "May 2, 2024 4:15:42 PM", "contacts": [{"id": id}]})
}

pub(super) fn records(customers: &[Value]) -> Vec<Record> {
    let record = |customer: &Value| Record::decode(customer.to_string().into()).expect("a record");
    customers.iter().map(record).collect()
}

/// When all days were pulled.
pub(super) fn fetched() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_714_800_000_123)
}

pub(super) fn receipt(day: NaiveDate, customers: &[Value], state: DayState) -> Receipt {
    let mut receipt = Receipt::of(day, &records(customers), fetched());
    receipt.undated = 0;
    receipt.state = state;
    receipt.end_bound = EndBound::Inclusive;
    receipt.proof = Proof::Contiguous;
    receipt
}

pub(super) async fn commit(sink: &dyn Sink, day: NaiveDate, customers: &[Value], state: DayState) {
    let mut writer = sink.day(day).await.expect("a writer");
    writer.write(&records(customers)).await.expect("written");
    let receipt = receipt(day, customers, state);
    writer.commit(&receipt).await.expect("committed");
}

pub(super) async fn expect(subject: &impl Subject, days: &[(NaiveDate, &[Value])], what: &str) {
    let expected: BTreeMap<_, _> = days
        .iter()
        .map(|(day, customers)| {
            let normal = records(customers).into_iter().map(|record| normal(&record));
            (
                *day,
                sorted(
                    normal
                        .map(|customer| subject.representable(customer))
                        .collect(),
                ),
            )
        })
        .collect();
    // A day without customers may have a file without rows.
    let held = subject.held().await.into_iter();
    let held: BTreeMap<_, _> = held
        .filter(|(_, customers)| !customers.is_empty())
        .map(|(day, customers)| (day, sorted(customers)))
        .collect();
    assert_eq!(held, expected, "{what}");
}

/// Expects that the destination has other values than these customers of a day have, of `changed` only.
pub(super) async fn expect_changed(
    sink: &dyn Sink,
    day: NaiveDate,
    customers: &[Value],
    changed: &[u64],
) {
    let held = sink.row_hashes(day).await.expect("hashes");
    let of_these = sink.row_hashes_of(day, &records(customers)).await;
    let of_these = of_these.expect("hashes");
    assert!(held.keys().eq(of_these.keys()), "hashes of other customers");
    let differing = held
        .iter()
        .filter(|(id, hash)| of_these.get(id) != Some(hash));
    let differing: Vec<_> = differing.map(|(id, _)| id.as_u64()).collect();
    let changed: Vec<_> = changed.iter().map(|id| Some(*id)).collect();
    assert_eq!(differing, changed, "customers with other values");
}

pub(super) fn normal(record: &Record) -> Value {
    let mut line = Vec::new();
    Normaliser::default().write(record, &mut line);
    serde_json::from_slice(&line).expect("a line of JSON")
}

/// Sorts by id, and removes null fields.
pub(super) fn sorted(mut customers: Vec<Value>) -> Vec<Value> {
    for customer in &mut customers {
        without_nulls(customer);
    }
    customers.sort_by_key(|customer| customer["id"].to_string());
    customers
}

pub(super) fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        for (key, value) in fields.iter_mut() {
            if key == "contacts"
                && let Value::Array(contacts) = value
            {
                contacts.iter_mut().for_each(without_nulls);
            }
        }
    }
}
