//! A record as a message, written as text: there are millions of them.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use kapture_model::{Cell, Row, contact_columns, customer_columns};
use serde::Serialize;
use serde::de::IgnoredAny;

use super::catalog::{CURSOR, DELETED};
use crate::protocols::record::{RecordKey, Selection, StreamRecord};
use crate::protocols::streams::Stream;

/// Writes records, each with the time at which it was read.
pub(super) struct RecordWriter {
    /// Milliseconds since 1970.
    emitted_at: i64,
    /// The same as text.
    time: String,
    /// What stands behind the properties of a record that a stream has.
    present: String,
    /// The end of a message.
    end: String,
}

impl RecordWriter {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let emitted_at = now.timestamp_millis();
        let time = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            present: format!(r#","{CURSOR}":"{time}","{DELETED}":null}}"#),
            end: format!(",\"emitted_at\":{emitted_at}}}}}\n"),
            emitted_at,
            time,
        }
    }

    /// Sets the time of the following records.
    pub(super) fn set_time(&mut self, now: DateTime<Utc>) {
        if self.emitted_at != now.timestamp_millis() {
            *self = Self::new(now);
        }
    }

    /// A record that a stream has.
    pub(super) fn write(
        &self,
        stream: Stream,
        selection: &Selection,
        record: &StreamRecord<'_>,
        out: &mut Vec<u8>,
    ) {
        begin(stream, out);
        selection.write_members(record, out);
        out.extend_from_slice(self.present.as_bytes());
        write_changes(stream, record.row(), out);
        out.extend_from_slice(self.end.as_bytes());
    }

    /// A record that a stream has no more.
    pub(super) fn write_gone(&self, stream: Stream, key: RecordKey, out: &mut Vec<u8>) {
        begin(stream, out);
        key.write_members(out);
        let time = &self.time;
        // Writing to memory does not fail.
        let _ = write!(out, r#","{CURSOR}":"{time}","{DELETED}":"{time}"}}"#);
        out.extend_from_slice(self.end.as_bytes());
    }
}

fn begin(stream: Stream, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"RECORD","record":{"stream":""#);
    out.extend_from_slice(stream.name().as_bytes());
    out.extend_from_slice(br#"","data":{"#);
}

/// Names the fields that are null because their value is not of the documented type.
fn write_changes(stream: Stream, row: &Row<'_>, out: &mut Vec<u8>) {
    let Some(extra) = &row.extra else {
        return;
    };
    let extra: BTreeMap<String, IgnoredAny> = serde_json::from_str(extra).unwrap_or_default();
    let columns = match stream {
        Stream::Customers => customer_columns(),
        Stream::Contacts => contact_columns(),
    };
    let cells = columns.iter().zip(&row.cells);
    let nulled = cells.filter(|(_, cell)| **cell == Cell::Null);
    let changes: Vec<_> = nulled
        .filter(|(column, _)| extra.contains_key(column.key))
        .map(|(column, _)| Change::nulled(column.key))
        .collect();
    if !changes.is_empty() {
        out.extend_from_slice(br#","meta":"#);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(out, &Meta { changes });
    }
}

/// What is said about a record.
#[derive(Serialize)]
struct Meta {
    changes: Vec<Change>,
}

/// A field that is not as it came.
#[derive(Serialize)]
struct Change {
    field: &'static str,
    change: &'static str,
    reason: &'static str,
}

impl Change {
    fn nulled(field: &'static str) -> Self {
        Self {
            field,
            change: "NULLED",
            reason: "SOURCE_SERIALIZATION_ERROR",
        }
    }
}

#[cfg(test)]
mod tests {
    use kapture_model::{Privacy, Record, RowReader};
    use serde_json::{Value, json};

    use super::*;

    fn messages(json: &'static str, stream: Stream) -> Vec<Value> {
        let record = Record::decode(json.as_bytes().into()).unwrap();
        let row = RowReader::default().read(&record);
        let selection = Selection::all(stream, &Privacy::default());
        let writer = RecordWriter::new("2024-05-04T06:00:00.25Z".parse().unwrap());
        let mut out = Vec::new();
        StreamRecord::each(stream, &row, |record| {
            writer.write(stream, &selection, &record, &mut out);
        });
        let lines = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn a_record_has_the_time_at_which_it_was_read() {
        let messages = messages(r#"{"id":17,"city":"Pune"}"#, Stream::Customers);
        let record = &messages[0]["record"];
        assert_eq!(messages[0]["type"], "RECORD");
        assert_eq!(
            (&record["stream"], &record["data"]["city"]),
            (&json!("customers"), &json!("Pune"))
        );
        assert_eq!(record["data"][CURSOR], "2024-05-04T06:00:00.250Z");
        assert_eq!(record["data"][DELETED], Value::Null);
        assert_eq!(record["emitted_at"], 1_714_802_400_250_u64);
        assert_eq!(record.get("meta"), None);
    }

    #[test]
    fn fields_that_are_null_in_their_column_alone_are_named() {
        let json = r#"{"id":17,"zone":"north","city":null,"attr1":"gold",
            "contacts":[{"age":"old"},{"age":"41","remark":"x"}]}"#;
        let customers = messages(json, Stream::Customers);
        let change = |field: &str| json!({"changes": [{"field": field, "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}]});
        assert_eq!(customers[0]["record"]["meta"], change("zone"));
        let contacts = messages(json, Stream::Contacts);
        assert_eq!(contacts[0]["record"]["meta"], change("age"));
        assert_eq!(contacts[1]["record"].get("meta"), None);
    }

    #[test]
    fn a_record_that_is_gone_has_its_key_and_the_time() {
        let writer = RecordWriter::new("2024-05-04T06:00:00Z".parse().unwrap());
        let mut out = Vec::new();
        writer.write_gone(Stream::Customers, RecordKey::Customer(17), &mut out);
        let message: Value = serde_json::from_slice(&out).unwrap();
        let time = "2024-05-04T06:00:00.000Z";
        let expected = json!({"id": 17, CURSOR: time, DELETED: time});
        assert_eq!(message["record"]["data"], expected);
    }
}
