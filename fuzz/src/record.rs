//! A record, written and read again.

use bytes::Bytes;
use chrono::Utc;
use kapture_model::{Normaliser, Record, RowReader};
use serde::de::IgnoredAny;

/// A record in normal form is one line of JSON, is the same record, and is in normal form.
pub(crate) fn is_written_as_what_it_is(bytes: &[u8]) {
    let Ok(record) = Record::decode(Bytes::copy_from_slice(bytes)) else {
        return;
    };
    let line = written(&record);
    let text = str::from_utf8(&line).expect("a line is text");
    assert!(!text.contains(['\n', '\r']));
    serde_json::from_str::<IgnoredAny>(text).expect("a line is JSON");

    let again = Record::decode(Bytes::from(line.clone())).expect("a line is a record");
    assert_eq!(written(&again), line);
    if str::from_utf8(bytes).is_ok() {
        assert_eq!(again.id(), record.id());
    }
    // What tables are filled from.
    let _ = RowReader::new(Utc).read(&record);
}

fn written(record: &Record) -> Vec<u8> {
    let mut line = Vec::new();
    Normaliser::default().write(record, &mut line);
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line
}
