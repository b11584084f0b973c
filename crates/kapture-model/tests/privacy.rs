//! What is left of a record where fields are dropped or hashed.
#![cfg(feature = "privacy")]

use kapture_model::{HashKey, Normaliser, Privacy, Record, RowReader};
use proptest::prelude::*;

fn key() -> HashKey {
    HashKey::new("a key for tests, and for nothing else").expect("a key")
}

fn privacy(dropped: &[&str], hashed: &[&str]) -> Privacy {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    Privacy::new(names(dropped), names(hashed), Some(key())).expect("known fields")
}

fn protected(privacy: &Privacy, json: &[u8]) -> String {
    let record = Record::decode(json.to_vec().into()).expect("a record");
    let (id, created) = (record.id().clone(), record.created());
    let record = privacy.protect(record);
    assert_eq!((record.id(), record.created()), (&id, created));
    // What is left is a record.
    let again = Record::decode(record.raw().clone()).expect("a record");
    assert_eq!(again.id(), &id);
    String::from_utf8_lossy(record.raw()).into_owned()
}

#[test]
fn dropped_fields_are_left_out_in_every_spelling() {
    let privacy = privacy(&["remarks", "contacts.phone", "attr3", "extra.nick"], &[]);
    for (json, left) in [
        (
            r#"{"id":1,"remarks":"x","name":"A"}"#,
            r#"{"id":1,"name":"A"}"#,
        ),
        (r#"{ "remarks" : "x" , "id" : 1 }"#, r#"{"id":1}"#),
        (
            r#"{"id":1,"\u0072emarks":"x","REMARKS":"x","remarks":["x"],"remarks":{"a":"x"}}"#,
            r#"{"id":1}"#,
        ),
        (
            r#"{"id":1,"attr3":"x","attr33":"y","nick":"x"}"#,
            r#"{"id":1,"attr33":"y"}"#,
        ),
        (
            r#"{"id":1,"contacts":[{"phone":"x","email":"y"},{"\u0070hone":1},{}]}"#,
            r#"{"id":1,"contacts":[{"email":"y"},{},{}]}"#,
        ),
        // The customer's own fields are others than those of its contacts.
        (
            r#"{"id":1,"phone":"y","contacts":[{"remarks":"y"}]}"#,
            r#"{"id":1,"phone":"y","contacts":[{"remarks":"y"}]}"#,
        ),
        // What is no contact may hold anything.
        (
            r#"{"id":1,"contacts":{"phone":"x","age":2}}"#,
            r#"{"id":1,"contacts":{"age":2}}"#,
        ),
        (
            r#"{"id":1,"contacts":["x",[{"phone":"x"}],null]}"#,
            r#"{"id":1,"contacts":[null,null,null]}"#,
        ),
        (
            r#"{"id":1,"contacts":"[{\"phone\":\"x\"}]"}"#,
            r#"{"id":1,"contacts":null}"#,
        ),
        (
            r#"{"id":1,"Contacts":[{"phone":"x"}],"contacts":[]}"#,
            r#"{"id":1,"Contacts":[{}],"contacts":[]}"#,
        ),
    ] {
        assert_eq!(protected(&privacy, json.as_bytes()), left, "{json}");
    }
}

#[test]
fn extra_is_every_undocumented_field() {
    let privacy = privacy(&["extra", "contacts.extra"], &["attr3"]);
    let json = r#"{"id":1,"attr1":"x","attr3":"gold","loyalty":{"a":"x"},"name":"A","contacts":[{"nick":"x","email":"e"}]}"#;
    let hash = key().hash("gold");
    assert_eq!(
        protected(&privacy, json.as_bytes()),
        format!(r#"{{"id":1,"attr3":"{hash}","name":"A","contacts":[{{"email":"e"}}]}}"#)
    );
}

#[test]
fn equal_values_have_equal_hashes_in_every_spelling() {
    let privacy = privacy(&[], &["contacts.phone"]);
    let hash = key().hash("5550100");
    for value in [
        r#""5550100""#,
        r#""\u0035550100""#,
        r#"" 5550100\n""#,
        "\"\t5550100\"",
        "5550100",
        "5550100.0",
        "5.5501E6",
    ] {
        let json = format!(r#"{{"id":1,"contacts":[{{"phone":{value}}}]}}"#);
        let left = format!(r#"{{"id":1,"contacts":[{{"phone":"{hash}"}}]}}"#);
        assert_eq!(protected(&privacy, json.as_bytes()), left, "{value}");
    }
    for nothing in ["null", r#""""#, r#"" ""#, r#""\u00a0""#] {
        let json = format!(r#"{{"id":1,"contacts":[{{"phone":{nothing}}}]}}"#);
        let left = r#"{"id":1,"contacts":[{"phone":null}]}"#;
        assert_eq!(protected(&privacy, json.as_bytes()), left, "{nothing}");
    }
    // Also what is no text, and text that no Rust string can hold.
    for other in [
        r#"{"number":"5550100"}"#,
        r#"["5550100"]"#,
        "true",
        r#""5550100\ud83d""#,
    ] {
        let json = format!(r#"{{"id":1,"contacts":[{{"phone":{other}}}]}}"#);
        let left = protected(&privacy, json.as_bytes());
        assert!(
            !left.contains("5550100") && !left.contains("true"),
            "{left}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_stay_and_are_hashed() {
    let privacy = privacy(&["remarks"], &["city"]);
    let json = b"{\"id\":1,\"remarks\":\"\xdc\",\"city\":\"M\xdcnchen\",\"name\":\"M\xdcller\"}";
    let record = Record::decode(json.to_vec().into()).expect("a record");
    let record = privacy.protect(record);
    let hash = key().hash("M\u{fffd}nchen");
    let left = [
        &b"{\"id\":1,\"city\":\""[..],
        hash.as_bytes(),
        b"\",\"name\":\"M\xdcller\"}",
    ]
    .concat();
    assert_eq!(record.raw(), left.as_slice());
    let mut normaliser = Normaliser::default();
    normaliser.write(&record, &mut Vec::new());
    let drift = normaliser
        .drift()
        .iter()
        .map(|entry| entry.path)
        .collect::<Vec<_>>();
    assert!(
        drift.contains(&"customer.name".into()) && !drift.contains(&"customer.city".into()),
        "{drift:?}"
    );
}

#[test]
fn drift_does_not_tell_of_dropped_fields() {
    let privacy = privacy(&["extra", "zone", "contacts.generationDate"], &[]);
    let json = br#"{"id":1,"zone":"north","attr1":"x","generationDate":"May 2, 2024 4:15:42 PM","lastModificationTime":"2024-05-02","contacts":[{"id":2,"generationDate":"2024-05-02"}]}"#;
    let record = privacy.protect(Record::decode(json.to_vec().into()).expect("a record"));
    let mut normaliser = Normaliser::default();
    normaliser.write(&record, &mut Vec::new());
    let mut reader = RowReader::default();
    reader.read(&record);
    for counted in [normaliser.drift(), reader.drift()] {
        assert_eq!(counted.iter().count(), 1, "{counted:?}");
        assert!(privacy.without_dropped(counted).is_empty());
    }
}

#[test]
fn no_choice_changes_nothing() {
    let json = br#"{ "id":1, "contacts":["x"] }"#;
    assert_eq!(
        protected(&Privacy::default(), json),
        String::from_utf8_lossy(json)
    );
}

/// A JSON value in which the secret may stand anywhere.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(r#""s3cret""#.to_owned()),
        Just(r#""a s3cret b""#.to_owned()),
        Just(r#""\u0073\u0033cret""#.to_owned()),
        Just("17".to_owned()),
        Just("NaN".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let keys = prop_oneof![Just("phone"), Just("email"), Just("other")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|list| format!("[ {} ]", list.join(" , "))),
            prop::collection::vec((keys, inner), 0..3).prop_map(|fields| {
                let fields = fields
                    .iter()
                    .map(|(key, value)| format!("\"{key}\" : {value}"));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(" , "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_of_a_dropped_or_hashed_field_is_left(
        remarks in prop::collection::vec(value(), 0..3),
        attribute in value(),
        phones in prop::collection::vec((value(), value()), 0..3),
        odd in prop_oneof![Just(None), value().prop_filter("no object", |value| !value.starts_with(['{', '['])).prop_map(Some)],
    ) {
        let remarks = remarks.iter().map(|value| format!(",\"remarks\":{value}")).collect::<String>();
        let contacts = phones.iter().map(|(phone, email)| {
            format!(r#"{{"phone":{phone},"id":7,"\u0065mail":{email}}}"#)
        });
        let contacts = contacts.chain(odd).collect::<Vec<_>>().join(",");
        let json = format!(r#"{{"id":1{remarks},"attr3":{attribute},"contacts":[{contacts}]}}"#);
        let privacy = privacy(&["remarks", "contacts.phone"], &["attr3", "contacts.email"]);
        let left = protected(&privacy, json.as_bytes());
        prop_assert!(!left.contains("cret"), "{json} {left}");
        prop_assert_eq!(left.matches("\"id\":7").count(), phones.len());
    }
}
