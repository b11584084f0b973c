//! What a body says, in every shape that the API leaves open.

#![allow(
    clippy::unwrap_used,
    reason = "a test may unwrap: the panic is the failure report"
)]

use bytes::Bytes;
use kapture_model::{
    Answer, AnswerError, CustomerId, DriftKind, Normaliser, Record, RecordError, Timestamp,
};
use proptest::prelude::*;
use serde_json::Value;

fn decode(body: impl AsRef<[u8]>) -> Result<Answer, AnswerError> {
    Answer::decode(Bytes::copy_from_slice(body.as_ref()))
}

/// An answer in few words: the ids of customers, or the message of a failure.
fn told(body: impl AsRef<[u8]>) -> String {
    match decode(body) {
        Ok(Answer::Customers(records)) => {
            let ids: Vec<String> = records.iter().map(|r| r.id().to_string()).collect();
            format!("customers {}", ids.join(" ")).trim_end().to_owned()
        }
        Ok(Answer::Failed { message }) => format!("failed: {message}"),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn answer_is_decoded_from_the_body_alone() {
    for (body, expected) in [
        // Customers.
        (
            r#"{"message":[{"id":1},{"id":"A-2"}],"status":"success"}"#,
            "customers 1 A-2",
        ),
        (
            r#"{"status":" SUCCESS ","message":[{"id":1}]}"#,
            "customers 1",
        ),
        (r#"{"message":[{"id":1}]}"#, "customers 1"),
        (r#"{"message":[{"id":1}],"status":null}"#, "customers 1"),
        (r#"{"message":[{"id":1}],"status":" "}"#, "customers 1"),
        (
            r#"{"total":9,"m\u0065ssage":[{"id":1}],"status":"success"}"#,
            "customers 1",
        ),
        ("\u{feff} \n{\"message\":[{\"id\":1}]} \r\n", "customers 1"),
        // One customer in different spellings, and what JSON forbids.
        (
            r#"{"message":[{"id":7.08888E8},{"id":"708888000"},{"id":708888000.0}]}"#,
            "customers 708888000 708888000 708888000",
        ),
        (
            "{\"message\":[{\"id\":1,\"a\tb\":\"x\ny\"},{\"id\":2,\"c\":-Infinity}]}",
            "customers 1 2",
        ),
        // One row may be a bare object, and the keys may be in any case.
        (
            r#"{"message":{"id":7,"name":"Asha"},"status":"success"}"#,
            "customers 7",
        ),
        (r#"{"total":1,"message":{"id":"A-7"}}"#, "customers A-7"),
        (
            r#"{"Message":[{"id":1}],"STATUS":"Success"}"#,
            "customers 1",
        ),
        // No customers.
        (r#"{"Status":"Success","Message":null}"#, "customers"),
        (r#"{"message":[],"status":"success"}"#, "customers"),
        (r#"{"message":[]}"#, "customers"),
        (r#"{"message":null,"status":"success"}"#, "customers"),
        (r#"{"message":" ","status":"success"}"#, "customers"),
        (r#"{"status":"success"}"#, "customers"),
        (
            r#"{"status":"success","data":[],"page":{"rows":0,"of":[1]}}"#,
            "customers",
        ),
        (
            r#"{"message":[],"filters":[{"name":"x"}],"status":"success"}"#,
            "customers",
        ),
        (
            r#"{"message":[{"id":1}],"data":[{"id":2}],"status":"success"}"#,
            "customers 1",
        ),
        // Nothing, and rows elsewhere that may be the customers.
        (
            r#"{"message":[ ],"data":[{"name":"x","id":1}],"status":"success"}"#,
            "UnexpectedShape",
        ),
        (
            r#"{"status":"success","data":[{"id":1}]}"#,
            "UnexpectedShape",
        ),
        (
            r#"{"message":" ","data":{"page":1,"customers":[ {"id":1}]},"status":"success"}"#,
            "UnexpectedShape",
        ),
        // Failures.
        (
            r#"{"message":"Invalid Auth Key","status":"failed"}"#,
            "failed: Invalid Auth Key",
        ),
        (
            r#"{"message":"caf\u00e9 \"x\"","status":"Failed"}"#,
            "failed: café \"x\"",
        ),
        (
            r#"{"message":"No data","status":"success"}"#,
            "failed: No data",
        ),
        (r#"{"message":"No data"}"#, "failed: No data"),
        (r#"{"status":"failed"}"#, "failed: "),
        (
            r#"{"Message":"No data","Status":"Failed"}"#,
            "failed: No data",
        ),
        // Words under another key, if there is one text.
        (
            r#"{"Customer Details":"Information does not exist","count":0,"status":"failed"}"#,
            "failed: Information does not exist",
        ),
        (
            r#"{"message":" ","error":"quota exceeded","status":"failed"}"#,
            "failed: quota exceeded",
        ),
        (r#"{"a":"x","b":"y","status":"failed"}"#, "failed: "),
        // Words under a key that speaks of an error, without anything else.
        (r#"{"error":"x"}"#, "failed: x"),
        (r#"{"fault":{"code":3}}"#, r#"failed: {"code":3}"#),
        // A code in place of the status.
        (
            r#"{"message":"API Request is Expired","status":"APIExpired"}"#,
            "failed: APIExpired: API Request is Expired",
        ),
        (r#"{"status":"ServerFailure"}"#, "failed: ServerFailure"),
        (r#"{"message":null,"status":"error"}"#, "failed: "),
        (r#"{"message":[],"status":"failed"}"#, "failed: []"),
        (
            r#"{"message":{"code":3},"status":"failed"}"#,
            r#"failed: {"code":3}"#,
        ),
        (
            r#"{"message":"half \ud800","status":"failed"}"#,
            r#"failed: "half \ud800""#,
        ),
        (r#"{"message":"no","status":false}"#, "failed: no"),
        (
            "{\"message\":\"try\nlater\",\"status\":\"failed\"}",
            "failed: try\nlater",
        ),
        (
            "{\"message\":{\"code\":NaN,\"at\":\"a\tb\"},\"status\":\"failed\"}",
            r#"failed: {"code":"NaN","at":"a\tb"}"#,
        ),
        // Nothing vouches for an empty message without a status.
        (r#"{"message":null}"#, "failed: "),
        (r#"{"message":""}"#, "failed: "),
        // Neither.
        ("{}", "UnexpectedShape"),
        (r#"{"error":7}"#, "UnexpectedShape"),
        (r#"{"message":7,"status":"success"}"#, "UnexpectedShape"),
        (
            r#"{"message":{"code":1},"status":"success"}"#,
            "UnexpectedShape",
        ),
        (r#"{"message":{},"status":"success"}"#, "UnexpectedShape"),
        (
            r#"{"message":"3 customers","data":[{"id":1}],"status":"success"}"#,
            "UnexpectedShape",
        ),
        ("[]", "UnexpectedShape"),
        (r#"[{"id":1}]"#, "UnexpectedShape"),
        ("null", "UnexpectedShape"),
        (r#""success""#, "UnexpectedShape"),
        ("7", "UnexpectedShape"),
        // Cut short.
        ("", "Truncated"),
        (" \r\n", "Truncated"),
        ("\u{feff}", "Truncated"),
        (r#"{"message":[{"id":1"#, "Truncated"),
        (r#"{"message":[{"id":1},"#, "Truncated"),
        (r#"{"message":[{"id":1,"name":"As"#, "Truncated"),
        (r#"{"message":[{"id":1}],"status":"success""#, "Truncated"),
        // Not JSON.
        ("<html>", "NotJson { line: 1, column: 1 }"),
        ("{\"message\":\n  oops}", "NotJson { line: 2, column: 3 }"),
        (
            "{\"message\":[{\"id\":1,\"a\":\"x\ny\",\n\"b\":NaN, oops}]}",
            "NotJson { line: 2, column: 10 }",
        ),
        ("{\"message\":[{\"a\":\"x\ty", "Truncated"),
        (
            "{\"message\":\n[]} x",
            "TrailingText { line: 2, column: 5 }",
        ),
        // Rows that are no customers.
        (
            r#"{"message":[{"id":1},{"name":"x"}]}"#,
            "MissingId { row: 1 }",
        ),
        (
            r#"{"message":[{"id":1},{"id":2},7]}"#,
            "MissingId { row: 2 }",
        ),
        (r#"{"message":[null]}"#, "MissingId { row: 0 }"),
        (r#"{"message":[{"id":null}]}"#, "MissingId { row: 0 }"),
        (r#"{"message":[{"id":" "}]}"#, "MissingId { row: 0 }"),
        (r#"{"message":[{"id":{}}]}"#, "MissingId { row: 0 }"),
    ] {
        assert_eq!(told(body), expected, "{body}");
    }
}

#[test]
fn incomplete_answer_is_truncated_at_any_length() {
    let body = include_bytes!("sample-response.json");
    let body = body.trim_ascii_end();
    for end in (0..body.len()).step_by(7) {
        assert_eq!(told(&body[..end]), "Truncated", "{end}");
    }
}

#[test]
fn message_is_kept_up_to_its_limit_unless_it_may_be_a_customer() {
    for (message, expected) in [
        (r#"["limit",7]"#, r#"["limit",7]"#),
        (
            r#"{"limit":["is \u003d 0"],"status":4}"#,
            r#"{"limit":["is = 0"],"status":4}"#,
        ),
        (r#""[{\"code\":3}]""#, r#"[{"code":3}]"#),
        (r#""[E-1017] {none}""#, "[E-1017] {none}"),
        (r#""{\"name\":\"Asha\"}""#, "(an object)"),
        (r#"{"customers":[{"id":1,"name":"Asha"}]}"#, "(an object)"),
        (r#"{"name":"Asha"}"#, "(an object)"),
        (&format!("\"{}\"", "né".repeat(9_000)), &"né".repeat(5_000)),
    ] {
        let body = format!(r#"{{"message":{message},"status":"failed"}}"#);
        assert_eq!(told(body), format!("failed: {expected}"), "{message}");
    }
}

/// Not in the list, not in text that is JSON again, nor where that was cut.
#[test]
fn failure_with_rows_is_unexpected_shape() {
    for message in [
        r#"[{"id":1,"name":"Asha"},{"id":2}]"#,
        r#"[[{"name":"Asha"}]]"#,
        &format!("[{}7]", "1,".repeat(1_000)),
        r#""[{\"id\":1,\"name\":\"Asha\"}]""#,
        r#"" [ {\"id\":1,\"name\":\"As""#,
    ] {
        for status in ["failed", "ok"] {
            let body = format!(r#"{{"message":{message},"status":"{status}"}}"#);
            assert_eq!(told(body), "UnexpectedShape", "{message}");
        }
    }
    let twice = r#"{"message":"[{\"id\":1,\"name\":\"Asha\"}]","status":"success"}"#;
    assert_eq!(told(twice), "UnexpectedShape");
}

#[test]
fn unusual_bytes_lose_no_record() {
    let json = b"{\"id\":1,\"name\":\"As\xff\xfeha\",\"half\":\"\\ud800\",\"\\ud800\":1}";
    let records = page_of(&[json]);
    assert_eq!(records[0].raw(), json.as_slice());
    let mut line = Vec::new();
    Normaliser::default().write(&records[0], &mut line);
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "{\"id\":1,\"name\":\"As\u{fffd}\u{fffd}ha\",\"half\":\"\u{fffd}\",\"\u{fffd}\":1}"
    );
    let customer = records[0].customer().unwrap();
    assert_eq!(customer.name.value().unwrap(), "As\u{fffd}\u{fffd}ha");
    assert_eq!(customer.extra.get("half"), Some(&"\u{fffd}".into()));
}

/// The record before the odd one, the odd one, and one whose fields equal it, so that they are not
/// scanned again.
#[test]
fn control_characters_and_odd_numbers_lose_no_record() {
    let plain = r#"{"id":1,"name":"Asha","maxCreditAmt":0.0}"#;
    let odd = "{\"id\":2,\"name\":\"As\tha\nB\",\"maxCreditAmt\":NaN}";
    let same = odd.replace('2', "3");
    let rows = [plain, odd, &same].map(str::as_bytes);
    let records = page_of(&rows);
    let mut normaliser = Normaliser::default();
    for (record, raw) in records.iter().zip(rows) {
        assert_eq!(record.raw(), raw);
        let mut line = Vec::new();
        normaliser.write(record, &mut line);
        let line: Value = serde_json::from_slice(&line).unwrap();
        let is_plain = raw == plain.as_bytes();
        assert_eq!(line["name"], if is_plain { "Asha" } else { "As\tha\nB" });
        assert_eq!(line["maxCreditAmt"].is_null(), !is_plain);
        let customer = record.customer().unwrap();
        assert_eq!(customer.max_credit_amt.get().is_none(), !is_plain);
        let mut line = Vec::new();
        record.push_raw_line(&mut line);
        assert_eq!(
            line,
            str::from_utf8(raw).unwrap().replace('\n', "\\n").as_bytes()
        );
    }
    let drift = normaliser.drift();
    let odd = drift
        .iter()
        .find(|entry| entry.kind == DriftKind::NotFinite);
    assert_eq!(
        odd.unwrap().to_string(),
        "customer.maxCreditAmt: not a finite number (2)"
    );
}

/// The records of a page of these rows.
fn page_of(rows: &[&[u8]]) -> Vec<Record> {
    let rows = rows.join(&b", "[..]);
    let body = [br#"{"message":["#, &*rows, br#"],"status":"success"}"#].concat();
    let Ok(Answer::Customers(records)) = decode(body) else {
        panic!("no customers")
    };
    records
}

#[test]
fn bytes_that_are_not_utf8_are_unchanged() {
    let rows: [&[u8]; 5] = [
        b"{\"id\":1,\"name\":\"plain\"}",
        // Half a character before the end of a text, another one alone, and Latin-1.
        b"{ \"id\" : 2,\"name\":\"\xe2\x82\",\"\xc3\":\"M\xdcLLER \xf0\x9f\x98\x80\"}",
        b"{\"id\":\"M\xdcLLER\",\"generationDate\":\"May 2, 2024 4:15:42 PM\"}",
        b"{\"id\":\"M\xc4LLER\",\"generationDate\":\"May 2, 2024 4:15:42\xa0PM\"}",
        b"{\"i\xffd\":9,\"id\":5,\"generationDate\":{\"year\":2024,\"month\":4,\"dayOfMonth\":2,\"hourOfDay\":16,\"\xff\":1}}",
    ];
    let records = page_of(&rows);
    for (record, row) in records.iter().zip(rows) {
        assert_eq!(record.raw(), row);
        let alone = Record::decode(row.into()).unwrap();
        assert_eq!(alone.raw(), row);
        assert_eq!(alone.id(), record.id());
        assert_eq!(alone.created(), record.created());
        // The normal form is that of the text with U+FFFD, but for an id, which stays distinct.
        let text = String::from_utf8_lossy(row).into_owned();
        let id = format!("\"id\":\"{}\"", record.id());
        let text = text.replace("\"id\":\"M\u{fffd}LLER\"", &id);
        let expected = Record::decode(text.into_bytes().into()).unwrap();
        let line = |record: &Record| {
            let mut line = Vec::new();
            Normaliser::default().write(record, &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(line(record), line(&expected));
        assert_eq!(record.created(), expected.created());
    }
    let ids: Vec<_> = records
        .iter()
        .map(|record| record.id().to_string())
        .collect();
    assert_eq!(ids, ["1", "2", "MÜLLER", "MÄLLER", "5"]);
    let may_2 = |time: &str| Timestamp::decode(&format!("\"2024-05-02 {time}\""));
    assert_eq!(records[2].created(), may_2("16:15:42"));
    assert_eq!(records[3].created(), None);
    assert_eq!(records[4].created(), may_2("16:00"));
}

#[test]
fn slow_path_keeps_the_bytes_of_records() {
    // A repeated key, and a byte order mark.
    let mut body =
        b"\xef\xbb\xbf{\"status\":\"success\",\"status\":\"success\",\"message\":[{\"id\":1,\"x\":\"\xff\"}]}"
            .to_vec();
    let Ok(Answer::Customers(records)) = decode(body.clone()) else {
        panic!("no customers")
    };
    assert_eq!(records[0].raw(), b"{\"id\":1,\"x\":\"\xff\"}".as_slice());
    // Outside of text it is no JSON.
    let mut before = body.clone();
    before.insert(4, 0xff);
    assert!(matches!(decode(before), Err(AnswerError::NotJson { .. })));
    body.push(0xff);
    assert!(matches!(
        decode(body),
        Err(AnswerError::TrailingText { .. })
    ));
    let Ok(Answer::Failed { message }) =
        decode(b"{\"message\":\"g\xe9n\xe9ral\",\"status\":\"failed\"}")
    else {
        panic!("no failure")
    };
    assert_eq!(message, "g\u{fffd}n\u{fffd}ral");
}

#[test]
fn contradicting_repeated_keys_are_unexpected_shape() {
    for body in [
        r#"{"message":[{"id":1}],"status":"success","message":[]}"#,
        r#"{"message":[],"status":"success","message":[{"id":1}]}"#,
        r#"{"message":[{"id":1}],"status":"success","status":"failed"}"#,
        r#"{"message":[{"id":1}],"Message":[{"id":1}],"status":"success"}"#,
        r#"{"message":[{"id":1}],"status":"success","Status":"success"}"#,
        r#"{"message":{"id":1},"status":"success","MESSAGE":[]}"#,
    ] {
        assert_eq!(told(body), "UnexpectedShape", "{body}");
    }
    let twice_the_same = r#"{"status":"success","message":[{"id":1}],"status":"success"}"#;
    assert_eq!(told(twice_the_same), "customers 1");
}

#[test]
fn page_beyond_a_million_rows_is_refused() {
    let page = |rows: usize| {
        format!(
            r#"{{"message":[{{"id":1}}{}]}}"#,
            r#",{"id":2}"#.repeat(rows - 1)
        )
    };
    let Ok(Answer::Customers(records)) = decode(page(1_000_000)) else {
        panic!("no customers")
    };
    assert_eq!(records.len(), 1_000_000);
    assert_eq!(told(page(1_000_001)), "TooManyRows { limit: 1000000 }");
}

#[test]
fn deep_nesting_loses_no_record() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        told(format!(r#"{{"message":[{{"x":{deep},"id":1}}]}}"#)),
        "customers 1"
    );
    assert_eq!(told(&deep), "UnexpectedShape");
}

#[test]
fn id_and_date_are_found_in_any_order_and_the_last_one_counts() {
    for (json, id) in [
        (r#"{"name":"x","contacts":[{"id":9}],"id":1}"#, 1),
        (r#"{"\u0069d":1}"#, 1),
        (r#"{"id":1,"id":2}"#, 2),
        (r#"{"id":null,"id":2}"#, 2),
        (
            r#"{ "a\"id":7 , "x\\" : {"id":8} , "id" : 3 , "Id":4,"":5 }"#,
            3,
        ),
    ] {
        let record = Record::decode(json.as_bytes().into()).unwrap();
        assert_eq!(record.id(), &CustomerId::Number(id), "{json}");
        assert_eq!(record.raw(), json, "{json}");
    }
    let json = br#"{"generationDate":"x","id":1,"generationDate":"2024-05-02","contacts":[{"generationDate":"2020-01-01"}]}"#;
    let record = Record::decode(json.as_slice().into()).unwrap();
    assert_eq!(record.created(), Timestamp::decode("\"2024-05-02\""));
}

#[test]
fn undecodable_date_is_none_and_not_an_error() {
    for date in [
        "null",
        "\" \"",
        "\"soon\"",
        "0",
        "true",
        "[]",
        "{\"year\":2024}",
    ] {
        let json = format!(r#"{{"id":1,"generationDate":{date}}}"#);
        assert_eq!(
            Record::decode(json.into()).unwrap().created(),
            None,
            "{date}"
        );
    }
}

#[test]
fn text_that_is_not_a_record_is_an_error() {
    for (json, expected) in [
        ("[]", RecordError::NotAnObject),
        ("{}", RecordError::MissingId),
        ("", RecordError::NotJson { line: 1, column: 0 }),
        (r#"{"id":1}}"#, RecordError::NotJson { line: 1, column: 9 }),
        (r#"{"id":1 2}"#, RecordError::NotJson { line: 1, column: 9 }),
    ] {
        assert_eq!(Record::decode(json.into()).unwrap_err(), expected, "{json}");
    }
}

#[test]
fn records_share_the_memory_of_their_page() {
    let body = Bytes::from_static(br#"{"message":[{"id":1},{"id":2}]}"#);
    let Ok(Answer::Customers(records)) = Answer::decode(body.clone()) else {
        panic!("no customers")
    };
    assert_eq!(records[1].raw().as_ptr(), body[21..].as_ptr());
}

#[test]
fn debug_and_errors_contain_no_personal_data() {
    let json = br#"{"id":17,"name":"Asha","generationDate":"May 2, 2024 4:15:42 PM"}"#;
    let record = Record::decode(json.as_slice().into()).unwrap();
    assert_eq!(
        format!("{record:?}"),
        "Record { id: Number(17), created: Some(Local(2024-05-02T16:15:42)), .. }"
    );
    let customer = record.customer().unwrap();
    assert_eq!(
        format!("{customer:?}"),
        "Customer { id: Known(Number(17)), .. }"
    );
    for body in [
        &br#"{"message":[{"id":"","name":"Asha"}]}"#[..],
        br#"{"message":[{"name":"Asha"#,
        br#"{"message":[{"name":"Asha" Asha}"#,
        br#"{"name":"Asha"}"#,
    ] {
        let error = decode(body).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("Asha"));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = Record::decode(bytes.into());
    }

    #[test]
    fn damaged_answers_never_panic(place in 0_usize..5000, byte in any::<u8>()) {
        let mut body = include_bytes!("sample-response.json").to_vec();
        let place = place % body.len();
        body[place] = byte;
        if let Ok(Answer::Customers(records)) = decode(&body) {
            for record in records {
                prop_assert!(record.customer().is_ok());
                let mut line = Vec::new();
                kapture_model::Normaliser::default().write(&record, &mut line);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok());
            }
        }
    }

    #[test]
    fn punctuation_soup_never_panics(text in r#"[\[\]{}:,"\\u0-9a-f \ntrue.eE+-]{0,60}"#) {
        let _ = decode(&text);
        let _ = decode(format!("{{\"message\":[{{\"id\":1,{text}"));
    }
}
