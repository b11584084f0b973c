//! A body, read by kapture and by a plain JSON reader.

use bytes::Bytes;
use kapture_model::{Answer, AnswerError, CustomerId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

/// The envelope as a plain reader sees it.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    message: Option<Vec<&'a RawValue>>,
}

/// What kapture takes for JSON is JSON, but for control characters in text and numbers that are not
/// finite, and the rows of a page are the rows of its list.
pub(crate) fn agrees_with_a_plain_reader(body: &[u8]) {
    let decoded = Answer::decode(Bytes::copy_from_slice(body));
    let Ok(text) = str::from_utf8(body) else {
        return;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let taken_for_json = !matches!(
        decoded,
        Err(AnswerError::NotJson { .. }
            | AnswerError::TrailingText { .. }
            | AnswerError::Truncated)
    );
    let is_odd = text.contains(char::is_control)
        || text.contains("NaN")
        || text.to_ascii_lowercase().contains("inf")
        || text.contains("nan");
    assert!(taken_for_json == is_json || taken_for_json && is_odd);

    let Ok(Answer::Customers(records)) = decoded else {
        return;
    };
    // A reader that refuses repeated keys says nothing about pages that have them.
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return;
    };
    let rows = envelope.message.unwrap_or_default();
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(rows) {
        assert_eq!(record.raw(), row.get().as_bytes());
        if let Ok(Value::Object(fields)) = serde_json::from_str(row.get()) {
            match record.id() {
                CustomerId::Number(id) => match &fields["id"] {
                    Value::Number(number) if number.is_u64() => {
                        assert_eq!(number.as_u64(), Some(*id));
                    }
                    Value::Number(number) => assert_eq!(number.as_f64(), Some(*id as f64)),
                    value => assert!(value.is_string()),
                },
                CustomerId::Text(_) => assert!(fields.contains_key("id")),
            }
        }
    }
}
