//! The normal form: compared with a slow reference, and rule by rule.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use chrono::FixedOffset;
use kapture_model::{
    Cell, Column, Customer, Drift, Normaliser, Record, Row, RowReader, Timestamp, contact_columns,
    customer_columns,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn normal(json: &str) -> (String, Drift) {
    let mut normaliser = Normaliser::default();
    let mut line = Vec::new();
    let record = Record::decode(json.as_bytes().to_vec().into()).unwrap();
    normaliser.write(&record, &mut line);
    (String::from_utf8(line).unwrap(), normaliser.drift())
}

fn lines(drift: &Drift) -> Vec<String> {
    drift.iter().map(|entry| entry.to_string()).collect()
}

#[test]
fn each_rule() {
    for (json, expected) in [
        // Order, unknown keys, spelling of numbers and escapes stay.
        (
            r#"{"zz":1.50,"id":2,"n":-0.0e+1,"s":"\u00e9\/\n\ud83d\ude00"}"#,
            None,
        ),
        // Of a repeated key the last one counts.
        (
            r#"{"id":1,"a":1,"id":2,"x":[{"y":1,"y":2}],"\u0061":3,"contacts":[{"id":1,"id":2}]}"#,
            Some(r#"{"id":2,"x":[{"y":2}],"\u0061":3,"contacts":[{"id":2}]}"#),
        ),
        (
            r#"{"id":1,"x":{"a":" ","generationDate":0},"y":[""," "]}"#,
            None,
        ),
        // What is no text.
        (
            r#"{"id":1,"half":"a\ud800","\udc00":{"x":["\u0000"]}}"#,
            Some("{\"id\":1,\"half\":\"a\u{fffd}\",\"\u{fffd}\":{\"x\":[\"\u{fffd}\"]}}"),
        ),
        (r#"{"id":"A\u0000"}"#, Some(r#"{"id":"A\\u0000"}"#)),
        // What no double holds.
        (
            r#"{"id":1,"huge":1e999,"x":[-1E400,1e-400]}"#,
            Some(r#"{"id":1,"huge":null,"x":[null,null]}"#),
        ),
        // What no integer of 64 bits holds.
        (
            r#"{"id":98765432109876543210,"cmId":98765432109876543210,"maxCreditAmt":98765432109876543210,"a":-98765432109876543210,"x":[98765432109876543210]}"#,
            Some(
                r#"{"id":"98765432109876543210","cmId":"98765432109876543210","maxCreditAmt":9.8765432109876543210E19,"a":"-98765432109876543210","x":["98765432109876543210"]}"#,
            ),
        ),
        (
            r#"{"id":9.8765432109876543210E19}"#,
            Some(r#"{"id":"98765432109876543210"}"#),
        ),
        (
            r#"{"id":18446744073709551615,"a":-9223372036854775808,"b":98765432109876543210.5}"#,
            Some(
                r#"{"id":18446744073709551615,"a":-9223372036854775808,"b":9.87654321098765432105E19}"#,
            ),
        ),
        // Documented fields have their documented type.
        (
            r#"{"id":1,"cmId":"17","zone":"17.0","name":17,"city":true,"deleted":"TRUE","isApi":0,"maxCreditAmt":"0.5","contacts":[{"id":" 8 ","phone":5550100}]}"#,
            Some(
                r#"{"id":1,"cmId":17,"zone":17,"name":"17","city":"true","deleted":true,"isApi":false,"maxCreditAmt":0.5,"contacts":[{"id":8,"phone":"5550100"}]}"#,
            ),
        ),
        (
            r#"{"id":1,"cmId":"north","zone":"007","name":{"a":1},"deleted":2,"maxCreditAmt":"12E4","attr1":17,"attr2":"17"}"#,
            None,
        ),
        // Whole numbers are written plainly, and so is an id that is text.
        (
            r#"{"id":7.08888E8,"cmId":424242.0,"maxCreditAmt":1E3,"attr1":1E3,"contacts":[{"id":8E8,"age":1.5}]}"#,
            Some(
                r#"{"id":708888000,"cmId":424242,"maxCreditAmt":1E3,"attr1":1E3,"contacts":[{"id":800000000,"age":1.5}]}"#,
            ),
        ),
        (r#"{"id":"17"}"#, Some(r#"{"id":17}"#)),
        (r#"{"id":"1"}"#, Some(r#"{"id":1}"#)),
        (
            r#"{"id":"18446744073709551615"}"#,
            Some(r#"{"id":18446744073709551615}"#),
        ),
        (r#"{"id":"A-17"}"#, None),
        (r#"{"id":" 17"}"#, Some(r#"{"id":17}"#)),
        (r#"{"id":"+17"}"#, None),
        (r#"{"id":1e400}"#, Some(r#"{"id":"1e400"}"#)),
        // What JSON forbids.
        (
            "{\"id\":1,\"a\tb\":\"x\ny\",\"c\":\"\u{1}\"}",
            Some(r#"{"id":1,"a\tb":"x\ny","c":"\u0001"}"#),
        ),
        (
            r#"{"id":1,"maxCreditAmt":NaN,"attr1":-Infinity,"x":{"y":[Infinity,"NaN"]}}"#,
            Some(r#"{"id":1,"maxCreditAmt":null,"attr1":null,"x":{"y":[null,"NaN"]}}"#),
        ),
        // Whitespace between values goes, within text it stays.
        (
            "\n{ \"id\" :\t1 , \"x\" : [ 1 ,\r\n { } , [ ] , \" a \" ] , \"y\" : { \"a b\" : null } }\n",
            Some(r#"{"id":1,"x":[1,{},[]," a "],"y":{"a b":null}}"#),
        ),
        // Blank text.
        (
            r#"{"id":1,"a":"","b":"   ","c":"\t\u00a0\u2003","d":" . ","":""}"#,
            Some(r#"{"id":1,"a":null,"b":null,"c":null,"d":" . ","":null}"#),
        ),
        ("{\"id\":1,\"a\":\"\u{a0}\"}", Some(r#"{"id":1,"a":null}"#)),
        (
            r#"{"id":1,"contacts":[{"a":" ","b":{"c":" "}}," ",[" "],7]}"#,
            Some(r#"{"id":1,"contacts":[{"a":null,"b":{"c":" "}}," ",[" "],7]}"#),
        ),
        // Contacts that are one object, or no list.
        (
            r#"{"id":1,"contacts":" "}"#,
            Some(r#"{"id":1,"contacts":null}"#),
        ),
        (
            r#"{"id":1,"contacts": { "a" :" ","generationDate":"2024-05-02"} ,"b":1}"#,
            Some(
                r#"{"id":1,"contacts":[{"a":null,"generationDate":"2024-05-02T00:00:00"}],"b":1}"#,
            ),
        ),
        (
            r#"{"id":1,"contacts":[ ]}"#,
            Some(r#"{"id":1,"contacts":[]}"#),
        ),
        // Dates, under any spelling of the key.
        (
            r#"{"id":1,"generationDat\u0065":"May 2, 2024 12:15:42 AM"}"#,
            Some(r#"{"id":1,"generationDat\u0065":"2024-05-02T00:15:42"}"#),
        ),
        (
            r#"{"id":1,"lastModificationTime":{ "year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16 }}"#,
            Some(r#"{"id":1,"lastModificationTime":"2024-05-02T16:00:00"}"#),
        ),
        (
            r#"{"id":1,"contacts":[{"generationDate":"2024-05-02 16:15:42.5","lastModificationTime":"2024-05-02"}]}"#,
            Some(
                r#"{"id":1,"contacts":[{"generationDate":"2024-05-02T16:15:42.500","lastModificationTime":"2024-05-02"}]}"#,
            ),
        ),
        (
            r#"{"id":1,"generationDate":1714666542249}"#,
            Some(r#"{"id":1,"generationDate":"2024-05-02T16:15:42.249"}"#),
        ),
        (
            r#"{"id":1,"generationDate":{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"milliseconds":7}}"#,
            Some(r#"{"id":1,"generationDate":"2024-05-02T16:00:00.007"}"#),
        ),
        // Dates with parts that a date-time has no place for.
        (
            r#"{"id":1,"generationDate":{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"zone":"IST"}}"#,
            None,
        ),
        (
            r#"{"id":1,"contacts":[{"generationDate":{"year":2024, "month":4,"dayOfMonth":2,"hourOfDay":16,"weekYear":null}}]}"#,
            Some(
                r#"{"id":1,"contacts":[{"generationDate":{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"weekYear":null}}]}"#,
            ),
        ),
        (
            r#"{"id":1,"generationDate":{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"millisecond":"x"}}"#,
            None,
        ),
        // Dates in no known form.
        (
            r#"{"id":1,"generationDate":"soon","lastModificationTime":0}"#,
            None,
        ),
        (
            r#"{"id":1,"generationDate":" ","lastModificationTime":{ "year" : 1, "x":" "}}"#,
            Some(r#"{"id":1,"generationDate":null,"lastModificationTime":{"year":1,"x":" "}}"#),
        ),
    ] {
        assert_eq!(normal(json).0, expected.unwrap_or(json), "{json}");
    }
}

#[test]
fn instant_is_written_in_the_given_zone() {
    let mut normaliser = Normaliser::new(FixedOffset::east_opt(5 * 3600 + 1800).unwrap());
    let json = br#"{"id":1,"generationDate":1714666542000,"lastModificationTime":"2024-05-02"}"#;
    let mut line = Vec::new();
    normaliser.write(&Record::decode(json.as_slice().into()).unwrap(), &mut line);
    let expected = r#"{"id":1,"generationDate":"2024-05-02T21:45:42","lastModificationTime":"2024-05-02T00:00:00"}"#;
    assert_eq!(String::from_utf8(line).unwrap(), expected);
    assert_eq!(
        lines(&normaliser.drift()),
        ["customer.generationDate: date given as an instant (1)"]
    );
}

#[test]
fn lines_follow_each_other() {
    let record = Record::decode(b"{\"id\":1}".as_slice().into()).unwrap();
    let mut out = b"x".to_vec();
    let mut normaliser = Normaliser::default();
    normaliser.write(&record, &mut out);
    normaliser.write(&record, &mut out);
    assert_eq!(out, b"x{\"id\":1}{\"id\":1}");
}

#[test]
fn what_is_nested_too_deep_becomes_text() {
    let deep = |levels| {
        let inside = "1".to_owned() + &"}]".repeat(levels);
        "[{\"a\":".repeat(levels) + &inside
    };
    let json = |levels| format!(r#"{{"id":1,"x":{}}}"#, deep(levels));
    assert_eq!(normal(&json(49)).0, json(49));
    let (line, drift) = normal(&json(50_000));
    let customer: Value = serde_json::from_str(&line).unwrap();
    let innermost = std::iter::successors(Some(&customer["x"]), |value| match value {
        Value::Array(values) => values.first(),
        value => value.get("a"),
    });
    let text = innermost.last().unwrap().as_str().unwrap();
    assert!(json(50_000).contains(text) && text.len() > 300_000);
    let told = "customer.x: nested too deep (1)".to_owned();
    assert!(lines(&drift).contains(&told));
}

#[test]
fn drift_names_fields_and_counts_by_kind() {
    let (_, drift) = normal(
        r#"{"id":"1","name":7,"city":null,"deleted":"","isApi":"true","zone":0.5,"attr1":"x",
            "generationDate":1714666542249,"lastModificationTime":"soon",
            "contacts":[{"id":1,"generationDate":null},{"id":true,"attr1":1},7]}"#,
    );
    assert_eq!(
        lines(&drift),
        [
            "customer.attr1: unknown field (1)",
            "customer.contacts: unexpected type (1)",
            "customer.generationDate: date given as an instant (1)",
            "customer.id: unexpected type (1)",
            "customer.isApi: unexpected type (1)",
            "customer.lastModificationTime: undecodable date (1)",
            "customer.name: unexpected type (1)",
            "contact.attr1: unknown field (1)",
            "contact.generationDate: missing date (2)",
            "contact.id: unexpected type (1)",
        ]
    );
    let mut sum = drift.clone();
    sum.merge(&drift);
    assert!(lines(&sum).contains(&"contact.generationDate: missing date (4)".to_owned()));
    assert_eq!(sum.iter().count(), drift.iter().count());
}

#[test]
fn date_with_extra_parts_is_counted_and_used() {
    let json = r#"{"id":1,"generationDate":{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"zone":"IST"}}"#;
    let record = Record::decode(json.as_bytes().into()).unwrap();
    assert_eq!(record.created(), Timestamp::decode("\"2024-05-02 16:00\""));
    assert_eq!(
        lines(&normal(json).1),
        [
            "customer.generationDate: date with unknown parts (1)",
            "customer.lastModificationTime: missing date (1)",
        ]
    );
}

#[test]
fn drift_is_bounded_in_size() {
    let mut normaliser = Normaliser::default();
    let mut line = Vec::new();
    for row in 0..300 {
        let json = format!(
            r#"{{"id":1,"generationDate":"2024-05-02","lastModificationTime":"2024-05-02","u{row}":1}}"#
        );
        normaliser.write(&Record::decode(json.into()).unwrap(), &mut line);
    }
    let drift = normaliser.drift();
    assert_eq!(drift.iter().count(), 200);
    assert_eq!(drift.iter().map(|entry| entry.count).sum::<u64>(), 200);
    assert_eq!(drift.overflow(), 100);

    let mut sum = normal(r#"{"id":1,"other":1}"#).1;
    sum.merge(&drift);
    assert_eq!(sum.iter().count(), 200);
    assert_eq!(sum.overflow(), 103);
}

#[test]
fn drift_sanitizes_field_names() {
    let name = format!("a\u{9b}31m\u{202e}{}", "x".repeat(1000));
    let json = json!({"id": 1, "generationDate": "2024-05-02", "lastModificationTime": "2024-05-02", name: 1});
    let (_, drift) = normal(&json.to_string());
    let expected = format!("customer.a\\u{{9b}}31m\\u{{202e}}{}…", "x".repeat(58));
    assert_eq!(drift.iter().next().unwrap().path, expected);
}

/// The normal form by way of values, as slow as it is plain.
fn reference(mut customer: Value) -> Value {
    fn tidy(object: &mut Map<String, Value>, dates: &[&str], columns: &[Column], row: &Row<'_>) {
        let typed = |key: &str| {
            let column = columns.iter().position(|column| column.key == key)?;
            match &row.cells[column] {
                Cell::Null | Cell::Timestamp(_) => None,
                Cell::Integer(number) => Some(Value::from(*number)),
                Cell::Float(number) => Some(Value::from(*number)),
                Cell::Text(text) => Some(Value::from(&**text)),
                Cell::Bool(flag) => Some(Value::from(*flag)),
            }
        };
        for (key, value) in object {
            let date = dates.contains(&key.as_str());
            let more = value.get("zone").is_some();
            if let Some(moment) = Timestamp::decode(&value.to_string()).filter(|_| date && !more) {
                *value = format!("{:?}", moment.local(&chrono::Utc)).into();
            } else if let Some(typed) = typed(key).filter(|typed| {
                // An amount keeps its spelling.
                !(typed.is_f64() && value.is_number())
            }) {
                *value = typed;
            } else if value.as_str().is_some_and(|text| text.trim().is_empty()) {
                *value = Value::Null;
            }
        }
    }
    // Text without U+0000.
    let json = customer.to_string().replace("\\u0000", "\u{fffd}");
    customer = serde_json::from_str(&json).unwrap();
    let record = Record::decode(json.into()).unwrap();
    let row = RowReader::default().read(&record);
    let object = customer.as_object_mut().unwrap();
    if let Some(contact @ Value::Object(_)) = object.get_mut("contacts") {
        *contact = json!([contact]);
    }
    let dates = ["generationDate", "lastModificationTime"];
    tidy(object, &dates, customer_columns(), &row.customer);
    if let Some(Value::Array(contacts)) = object.get_mut("contacts") {
        let contacts = contacts.iter_mut().filter_map(Value::as_object_mut);
        for (contact, row) in contacts.zip(&row.contacts) {
            tidy(contact, &["generationDate"], contact_columns(), row);
        }
    }
    customer
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ \\t\\n\u{a0}\u{2003}]{1,3}",
        "\\PC{0,12}",
        "[\"\\\\/\u{0}-\u{1f}é ]{0,6}",
        Just("May 2, 2024, 4:15:42\u{202f}PM".to_owned()),
        Just("2024-05-02T16:15:42.249+05:30".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let more = prop_oneof![Just(None), Just(Some("millisecond")), Just(Some("zone"))];
    let calendar =
        (2000..2030, -1..13, 0..32, 0..25, more).prop_map(|(year, month, day, hour, more)| {
            let mut calendar =
                json!({"year": year, "month": month, "dayOfMonth": day, "hourOfDay": hour});
            if let Some(key) = more {
                calendar[key] = json!(249);
            }
            calendar
        });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(json!(0.0)),
        (-1e9..1e9).prop_map(Value::from),
        (0..9_999_999_999_999_i64).prop_map(Value::from),
        text().prop_map(Value::from),
        calendar,
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let names =
        "id name contacts generationDate lastModificationTime isApi maxCreditAmt leadId attr1";
    prop_oneof![
        4 => prop::sample::select(names.split(' ').collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => text(),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), value), 0..8)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

proptest! {
    #[test]
    fn equals_the_reference(rows in prop::collection::vec((object(value()), 0..9_u32, any::<bool>()), 1..4)) {
        // One normaliser for all rows: what it learnt from one must not show in the next.
        let mut normaliser = Normaliser::default();
        for (mut row, id, pretty) in rows {
            row["id"] = id.into();
            let json = if pretty { format!("{row:#}") } else { row.to_string() };
            let record = Record::decode(json.into()).unwrap();
            let mut line = Vec::new();
            normaliser.write(&record, &mut line);
            let line = String::from_utf8(line).unwrap();
            prop_assert_eq!(&line, &reference(row).to_string());
            prop_assert!(!line.contains('\n'));
        }
    }

    #[test]
    fn like_records_are_written_as_if_each_were_the_first(
        base in object(value()),
        contact in object(value()),
        changes in prop::collection::vec((0..10_usize, 0..4_u8, value(), any::<bool>()), 1..12),
    ) {
        let mut normaliser = Normaliser::default();
        let mut drifts = Vec::new();
        let mut row = base;
        row["id"] = 1.into();
        row["contacts"] = json!([contact]);
        for (place, change, value, pretty) in changes {
            let fields = row.as_object_mut().unwrap();
            let key = fields.keys().nth(place % fields.len()).unwrap().clone();
            match change {
                0 if key != "id" => drop(fields.shift_remove(&key)),
                1 => row["contacts"][0]["leadId"] = value,
                2 => drop(fields.insert(format!("attr{place}"), value)),
                _ if key != "id" => drop(fields.insert(key, value)),
                _ => {}
            }
            if !row["contacts"][0].is_object() {
                row["contacts"] = json!([{"id": place}]);
            }
            let json = if pretty { format!("{row:#}") } else { row.to_string() };
            let (expected, drift) = normal(&json);
            drifts.push(drift);
            let mut line = Vec::new();
            normaliser.write(&Record::decode(json.into()).unwrap(), &mut line);
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
        let counts = |drifts: &[Drift]| {
            let mut counts = std::collections::BTreeMap::new();
            for entry in drifts.iter().flat_map(Drift::iter) {
                *counts.entry((entry.path, entry.kind)).or_insert(0) += entry.count;
            }
            counts
        };
        prop_assert_eq!(counts(&[normaliser.drift()]), counts(&drifts));
    }

    #[test]
    fn any_object_survives_the_typed_customer(row in object(value())) {
        let customer: Customer = serde_json::from_value(row.clone()).unwrap();
        let encoded = serde_json::to_value(&customer).unwrap();
        prop_assert_eq!(&encoded, &row);
        let again: Customer = serde_json::from_str(&serde_json::to_string(&customer).unwrap()).unwrap();
        prop_assert_eq!(serde_json::to_value(&again).unwrap(), row);
        // Reading never panics, whatever is there.
        let _ = (customer.id.value(), customer.generation_date.get(), customer.is_api.get());
        let _ = (customer.max_credit_amt.get(), customer.contacts.value(), customer.name.value());
    }
}

#[test]
fn keys_beyond_the_limit_are_counted_and_not_kept() {
    let json = json!({"id": 1, "generationDate": "2024-05-02", "lastModificationTime": "2024-05-02", "x".repeat(5000): 1});
    let (line, drift) = normal(&json.to_string());
    assert!(line.contains(&"x".repeat(5000)));
    assert_eq!((drift.iter().count(), drift.overflow()), (0, 1));
}
