//! Records as rows of tables.

use bytes::Bytes;
use kapture_model::{
    Cell, CustomerRow, Drift, DriftKind, Normaliser, Record, RecordDecoder, RowReader,
    contact_columns, customer_columns,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn record(json: impl Into<Bytes>) -> Record {
    Record::decode(json.into()).expect("a record")
}

fn cell<'a, 'r>(row: &'r CustomerRow<'a>, name: &str) -> &'r Cell<'a> {
    let column = customer_columns()
        .iter()
        .position(|column| column.name == name);
    &row.customer.cells[column.expect("a column")]
}

fn extra(row: &CustomerRow<'_>) -> Value {
    let extra = row.customer.extra.as_deref();
    extra.map_or(Value::Null, |json| {
        serde_json::from_str(json).expect("an object")
    })
}

#[test]
fn every_documented_field_of_the_sample_is_in_its_column() {
    let sample: Value = serde_json::from_str(include_str!("sample-response.json")).unwrap();
    let mut reader = RowReader::default();
    for customer in sample["message"].as_array().unwrap() {
        let record = record(customer.to_string());
        let row = reader.read(&record);
        assert_eq!(row.customer.extra, None);
        for (column, cell) in customer_columns().iter().zip(&row.customer.cells) {
            expect(&customer[column.key], cell);
        }
        let contacts = customer["contacts"].as_array().unwrap();
        assert_eq!(row.contacts.len(), contacts.len());
        for (contact, row) in contacts.iter().zip(&row.contacts) {
            for (column, cell) in contact_columns().iter().zip(&row.cells) {
                expect(&contact[column.key], cell);
            }
        }
    }
    assert!(reader.drift().is_empty());
}

fn expect(value: &Value, cell: &Cell<'_>) {
    match (value, cell) {
        (Value::String(text), Cell::Null) => assert_eq!(text.trim(), ""),
        (Value::String(text), Cell::Text(cell)) => assert_eq!(text, cell),
        (Value::String(_) | Value::Object(_), Cell::Timestamp(time)) => {
            assert!(time.to_string().starts_with("2024-05-02 "), "{time}");
        }
        (Value::Number(number), Cell::Integer(cell)) => assert_eq!(number.as_i64(), Some(*cell)),
        (Value::Number(number), Cell::Float(cell)) => assert_eq!(number.as_f64(), Some(*cell)),
        (Value::Bool(flag), Cell::Bool(cell)) => assert_eq!(flag, cell),
        (value, cell) => panic!("{value} is {cell:?}"),
    }
}

#[test]
fn values_of_other_types_are_converted_or_kept() {
    let cases = [
        // In the column, nothing kept.
        ("zone", json!("17"), Cell::Integer(17), None),
        ("zone", json!(17.0), Cell::Integer(17), None),
        ("zone", json!(null), Cell::Null, None),
        ("zone", json!(" "), Cell::Null, None),
        ("name", json!(17), Cell::Text("17".into()), None),
        ("name", json!(true), Cell::Text("true".into()), None),
        ("deleted", json!("TRUE"), Cell::Bool(true), None),
        ("deleted", json!(0), Cell::Bool(false), None),
        ("maxCreditAmt", json!(5), Cell::Float(5.0), None),
        ("maxCreditAmt", json!("0.5"), Cell::Float(0.5), None),
        // Not in the column, so kept.
        ("zone", json!("north"), Cell::Null, Some(json!("north"))),
        ("zone", json!("007"), Cell::Null, Some(json!("007"))),
        ("zone", json!("+17"), Cell::Null, Some(json!("+17"))),
        ("zone", json!("-017"), Cell::Null, Some(json!("-017"))),
        ("zone", json!(1.5), Cell::Null, Some(json!(1.5))),
        ("name", json!(["a"]), Cell::Null, Some(json!(["a"]))),
        (
            "deleted",
            json!("perhaps"),
            Cell::Null,
            Some(json!("perhaps")),
        ),
        (
            "generationDate",
            json!("soon"),
            Cell::Null,
            Some(json!("soon")),
        ),
        // A code, though it can be read as a number.
        (
            "maxCreditAmt",
            json!("12E4"),
            Cell::Null,
            Some(json!("12E4")),
        ),
        (
            "maxCreditAmt",
            json!(9_007_199_254_740_993_i64),
            Cell::Null,
            Some(json!(9_007_199_254_740_993_i64)),
        ),
        // What is no text.
        ("name", json!("a\0b"), Cell::Text("a\u{fffd}b".into()), None),
    ];
    for (key, value, expected, kept) in cases {
        let record = record(json!({"id": 1, key: value}).to_string());
        let row = RowReader::default().read(&record);
        let column = customer_columns()
            .iter()
            .find(|column| column.key == key)
            .unwrap();
        assert_eq!(*cell(&row, &column.name), expected, "{key}: {value}");
        assert_eq!(
            extra(&row),
            kept.map_or(Value::Null, |kept| json!({key: kept})),
            "{key}: {value}"
        );
    }
}

#[test]
fn what_is_no_text_is_replaced_everywhere_and_counted_by_field() {
    let record = record(
        b"{\"id\":1,\"name\":\"a\xffb\",\"city\":\"x\\ud83d\",\"attr\\u0000\":{\"\\udc00\":[\"\\u0000\"]},\"state\":\"\xef\xbf\xbd\"}"
            .to_vec(),
    );
    let mut reader = RowReader::default();
    let row = reader.read(&record);
    assert_eq!(*cell(&row, "name"), Cell::Text("a\u{fffd}b".into()));
    assert_eq!(*cell(&row, "city"), Cell::Text("x\u{fffd}".into()));
    let kept = json!({"attr\u{fffd}": {"\u{fffd}": ["\u{fffd}"]}});
    assert_eq!(extra(&row), kept);
    let mut normaliser = Normaliser::default();
    normaliser.write(&record, &mut Vec::new());
    assert_eq!(normaliser.drift(), reader.drift());
    let replaced = reader.drift();
    let replaced = replaced
        .iter()
        .filter(|entry| entry.kind == DriftKind::InvalidText);
    let replaced: Vec<_> = replaced.map(|entry| entry.to_string()).collect();
    let expected =
        ["attr\u{fffd}", "city", "name"].map(|field| format!("customer.{field}: invalid text (1)"));
    assert_eq!(replaced, expected);
}

#[test]
fn extra_date_parts_are_kept_in_extra() {
    let date = r#"{"year":2024,"month":4,"dayOfMonth":2,"hourOfDay":16,"era":1}"#;
    let text = format!(r#"{{"id":1,"generationDate":{date}}}"#);
    let record = self::record(text);
    let row = RowReader::default().read(&record);
    assert!(matches!(cell(&row, "generation_date"), Cell::Timestamp(_)));
    assert_eq!(extra(&row)["generationDate"]["era"], 1);
}

#[test]
fn amounts_beyond_double_precision_are_kept_in_extra() {
    for (amount, kept) in [
        ("0.12345678901234567890123", true),
        ("12345678901234567.0", true),
        ("1250.10", false),
        ("0.0", false),
        ("-1.5e3", false),
        ("9007199254740992", false),
    ] {
        let record = record(format!(r#"{{"id":1,"outStandingAmount":{amount}}}"#));
        let row = RowReader::default().read(&record);
        let extra = format!(r#"{{"outStandingAmount":{amount}}}"#);
        assert_eq!(row.customer.extra, kept.then_some(extra), "{amount}");
    }
}

/// Columns of times count microseconds.
#[test]
fn times_beyond_microseconds_are_kept_in_extra() {
    for (fraction, kept) in [("", false), (".123456", false), (".1234567", true)] {
        let date = format!("2024-05-02T10:00:00{fraction}");
        let record = record(format!(r#"{{"id":1,"generationDate":"{date}"}}"#));
        let row = RowReader::default().read(&record);
        assert!(matches!(cell(&row, "generation_date"), Cell::Timestamp(_)));
        let extra = format!(r#"{{"generationDate":"{date}"}}"#);
        assert_eq!(row.customer.extra, kept.then_some(extra), "{date}");
    }
}

#[test]
fn text_ids_have_a_negative_surrogate() {
    for (id, expected) in [
        ("17", Some(17)),
        (r#""17""#, Some(17)),
        ("7.08888E8", Some(708_888_000)),
        ("17.0", Some(17)),
        ("9223372036854775807", Some(i64::MAX)),
    ] {
        let record = record(format!(r#"{{"id":{id}}}"#));
        let row = RowReader::default().read(&record);
        assert_eq!(Some(row.id), expected);
        assert_eq!(row.customer.extra, None);
    }
    let mut stand_ins = std::collections::BTreeSet::new();
    for id in [
        "9223372036854775808",
        r#""C-17""#,
        r#""C-18""#,
        "-17",
        "17.5",
    ] {
        let text = format!(r#"{{"id":{id}}}"#);
        let record = record(text.clone());
        let row = RowReader::default().read(&record);
        assert!(row.id < 0 && stand_ins.insert(row.id), "{id}");
        assert_eq!(row.customer.cells[0], Cell::Integer(row.id));
        assert_eq!(row.customer.extra.as_deref(), Some(text.as_str()));
    }
}

#[test]
fn numbers_that_are_not_finite_are_kept_in_extra_as_text() {
    let record = record(
        "{\"id\":1,\"maxCreditAmt\":NaN,\"creatorId\":-Infinity,\"attr1\":{\"a\":[Infinity,1]},\"attr2\":1e400,\"outStandingAmount\":1e-400,\"name\":\"a\tb\"}",
    );
    let row = RowReader::default().read(&record);
    assert_eq!(*cell(&row, "max_credit_amt"), Cell::Null);
    assert_eq!(*cell(&row, "creator_id"), Cell::Null);
    assert_eq!(*cell(&row, "name"), Cell::Text("a\tb".into()));
    let kept = json!({"maxCreditAmt": "NaN", "creatorId": "-Infinity", "attr1": {"a": ["Infinity", 1]}, "attr2": "1e400", "outStandingAmount": "1e-400"});
    assert_eq!(extra(&row), kept);
}

#[test]
fn last_of_a_repeated_key_counts() {
    let record = record(
        r#"{"id":1,"zone":"north","zo\u006ee":5,"name":"a","name":["b"],"contacts":[{"id":1}],"contacts":[],"attr1":1,"attr1":{"a":2,"a":3}}"#,
    );
    let row = RowReader::default().read(&record);
    assert_eq!(*cell(&row, "zone"), Cell::Integer(5));
    assert_eq!(*cell(&row, "name"), Cell::Null);
    assert_eq!(
        row.customer.extra.as_deref(),
        Some(r#"{"name":["b"],"attr1":{"a":3}}"#)
    );
    assert!(row.contacts.is_empty());
}

/// However many there are.
#[test]
fn last_of_many_repeated_keys_counts() {
    let many = r#""a":1,"name":["b"],"#.repeat(50_000);
    let record = record(format!(r#"{{{many}"id":1,"name":["c"],"name":["d"]}}"#));
    let row = RowReader::default().read(&record);
    let kept = row.customer.extra.as_deref().unwrap();
    assert_eq!(kept.matches("name").count(), 1);
    assert!(kept.ends_with(r#","name":["d"]}"#));
}

#[test]
fn contacts_in_an_undocumented_shape_are_kept_in_extra() {
    for (contacts, rows, kept) in [
        ("null", 0, false),
        ("[]", 0, false),
        (r#"{"id":1}"#, 1, false),
        (r#"[{"id":1,"nickname":"A"},7]"#, 1, true),
    ] {
        let record = record(format!(r#"{{"id":1,"contacts":{contacts}}}"#));
        let row = RowReader::default().read(&record);
        assert_eq!(row.contacts.len(), rows, "{contacts}");
        assert_eq!(extra(&row).get("contacts").is_some(), kept, "{contacts}");
    }
    let record = record(r#"{"id":1,"contacts":[{"id":1,"nickname":"A"}]}"#);
    let row = RowReader::default().read(&record);
    assert_eq!(
        row.contacts[0].extra.as_deref(),
        Some(r#"{"nickname":"A"}"#)
    );
}

#[test]
fn rows_and_lines_count_the_same_drift() {
    let record = record(
        r#"{"id":1,"attr1":"x","attr2":NaN,"attr3":{"a":[NaN]},"maxCreditAmt":Infinity,"zone":0.5,"generationDate":"soon","lastModificationTime":" ",
            "contacts":[{"id":1,"generationDate":"soon"},{"id":2,"id":3}],"attr3":"\ud83d",
            "cmId":98765432109876543210,"outStandingAmount":98765432109876543210,"isApi":98765432109876543210,"attr4":98765432109876543210}"#,
    );
    let (mut rows, mut lines) = (RowReader::default(), Normaliser::default());
    rows.read(&record);
    lines.write(&record, &mut Vec::new());
    let told = |drift: &Drift| {
        let entries = drift
            .iter()
            .map(|entry| (entry.path.clone(), entry.kind, entry.count));
        entries.collect::<Vec<_>>()
    };
    assert_eq!(told(&rows.drift()), told(&lines.drift()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// A reader remembers the fields of earlier records; what it reads is what a new one reads.
    #[test]
    fn earlier_records_change_nothing(
        texts in prop::collection::vec(
            prop::collection::vec(
                (
                    prop::sample::select(vec![
                        "id", "name", "city", "zone", "deleted", "maxCreditAmt", "generationDate", "contacts", "attr1",
                    ]),
                    prop::sample::select(vec![
                        "1", "12", "0.5", "true", "null", r#""""#, r#"" ""#, r#""Pune""#, r#""P\u0075ne""#, r#""7""#,
                        r#""May 2, 2024 4:15:42 PM""#, "NaN", r#"{"a":1}"#,
                        r#"[{"id":1,"phone":"5550100","generationDate":""},{"id":1,"age":"old"}]"#,
                    ]),
                    "[ ]{0,1}",
                ),
                0..8,
            ),
            1..8,
        )
    ) {
        let mut reader = RowReader::default();
        let mut drift = Drift::default();
        for fields in texts {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value, space)| format!(r#"{space}"{key}"{space}:{space}{value}{space}"#))
                .collect();
            let json = format!(r#"{{"id":17,{}}}"#, fields.join(","));
            let json = json.replace(",}", "}");
            let Ok(record) = Record::decode(json.clone().into()) else {
                continue;
            };
            let mut fresh = RowReader::default();
            prop_assert_eq!(reader.read(&record), fresh.read(&record), "{}", json);
            drift.merge(&fresh.drift());
        }
        prop_assert_eq!(reader.drift(), drift);
    }
}

#[test]
fn fields_that_repeat_are_repaired_each_time() {
    let mut decoder = RecordDecoder::default();
    let mut reader = RowReader::default();
    for id in 1..=3 {
        let json = format!(r#"{{"id":{id},"name":"half \ud800"}}"#);
        let record = decoder.decode(json.into()).unwrap();
        let row = reader.read(&record);
        assert_eq!(cell(&row, "name"), &Cell::Text("half \u{fffd}".into()));
    }
}
