//! Fields with values of other types than documented: understood where possible, never lost.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use kapture_model::{Customer, CustomerId, Field, FieldValue, Record, Timestamp};
use serde_json::{Value, json};

fn check<T: FieldValue + PartialEq + std::fmt::Debug>(cases: &[(Value, Option<T>)]) {
    for (value, expected) in cases {
        let field: Field<T> = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(field.value(), expected.as_ref(), "{value}");
        assert_eq!(&serde_json::to_value(&field).unwrap(), value);
    }
}

#[test]
fn numbers() {
    check(&[
        (json!(17), Some(17_i64)),
        (json!(-1), Some(-1)),
        (json!("17"), Some(17)),
        (json!(" -17 "), Some(-17)),
        (json!(17.0), Some(17)),
        (json!(17.5), None),
        (json!(u64::MAX), None),
        (json!(1e300), None),
        (json!(""), None),
        (json!(" "), None),
        (json!("x"), None),
        (json!(null), None),
        (json!(true), None),
        (json!([17]), None),
    ]);
    check(&[
        (json!(0.0), Some(0.0)),
        (json!(0), Some(0.0)),
        (json!(391281261.42956316), Some(391281261.42956316)),
        (json!("12.5"), Some(12.5)),
        (json!("NaN"), None),
        (json!(" "), None),
        (json!(null), None),
    ]);
}

#[test]
fn flags() {
    check(&[
        (json!(true), Some(true)),
        (json!("true"), Some(true)),
        (json!("FALSE"), Some(false)),
        (json!(1), Some(true)),
        (json!(0), Some(false)),
        (json!(0.0), Some(false)),
        (json!("1"), Some(true)),
        (json!("0"), Some(false)),
        (json!(2), None),
        (json!("yes"), None),
        (json!(" "), None),
        (json!(null), None),
    ]);
}

#[test]
fn text() {
    check(&[
        (json!("0"), Some("0".to_owned())),
        (json!(" a "), Some(" a ".to_owned())),
        (json!(7), Some("7".to_owned())),
        (json!(true), Some("true".to_owned())),
        (json!(""), None),
        (json!(" \u{a0}"), None),
        (json!(null), None),
        (json!({"a": 1}), None),
    ]);
}

#[test]
fn ids_and_dates() {
    check(&[
        (json!(u64::MAX), Some(CustomerId::from(u64::MAX))),
        (json!("17"), Some(CustomerId::from(17))),
        (json!("A-17"), Some(CustomerId::from("A-17"))),
        (json!(-17), Some(CustomerId::from("-17"))),
        (json!(" "), None),
        (json!(null), None),
        (json!(false), None),
    ]);
    let moment = Timestamp::decode("\"2024-05-02T16:15:42\"");
    check(&[
        (json!("May 2, 2024 4:15:42 PM"), moment),
        (json!("2024-05-02 16:15:42"), moment),
        (
            json!({"month": 4, "year": 2024, "dayOfMonth": 2, "hourOfDay": 16, "minute": 15, "second": 42}),
            moment,
        ),
        (json!("soon"), None),
        (json!(" "), None),
        (json!(null), None),
    ]);
}

#[test]
fn contacts_that_are_not_objects_are_kept() {
    let row = json!({"contacts": [{"id": 1, "attr1": " "}, null, "x"]});
    let customer: Customer = serde_json::from_value(row.clone()).unwrap();
    let contacts = customer.contacts.value().unwrap();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].extra.get("attr1"), Some(&" ".into()));
    assert_eq!(serde_json::to_value(&customer).unwrap(), row);
}

#[test]
fn values_made_by_hand_decode_to_themselves() {
    let moment = Timestamp::decode("\"2024-05-02T16:15:42.249\"").unwrap();
    let instant = Timestamp::decode("1714666542249").unwrap();
    let mut customer = Customer::default();
    customer.id = Field::Known("A-17".into());
    customer.generation_date = Field::Known(moment);
    customer.last_modification_time = Field::Known(instant);
    let json = serde_json::to_string(&customer).unwrap();
    assert_eq!(
        json,
        r#"{"id":"A-17","generationDate":"2024-05-02T16:15:42.249","lastModificationTime":"2024-05-02T16:15:42.249Z"}"#
    );
    let again: Customer = serde_json::from_str(&json).unwrap();
    assert_eq!(again.id.value(), customer.id.value());
    assert_eq!(again.generation_date.get(), Some(moment));
    assert_eq!(again.last_modification_time.get(), Some(instant));
}

#[test]
fn absent_is_not_null() {
    let customer: Customer = serde_json::from_str(r#"{"id":1,"name":null}"#).unwrap();
    assert_eq!(customer.name, Field::from(Value::Null));
    assert!(customer.city.is_absent());
    assert_eq!(
        serde_json::to_string(&customer).unwrap(),
        r#"{"id":1,"name":null}"#
    );
}

#[test]
fn repeated_keys_and_unpaired_surrogates_decode_to_a_customer() {
    let json = r#"{"id":1,"id":2,"name":"a\ud800\\ud800","city":"\ud83d\ude00\udc00","zone":"\ud83d\u0041"}"#;
    let customer = Record::decode(json.into()).unwrap().customer().unwrap();
    assert_eq!(customer.id.value(), Some(&2.into()));
    assert_eq!(customer.name.value().unwrap(), "a\u{fffd}\\ud800");
    assert_eq!(customer.city.value().unwrap(), "😀\u{fffd}");
    assert_eq!(customer.zone, Field::from(Value::from("\u{fffd}A")));
}
