//! The messages of a tap, one line of JSON each.

use chrono::{DateTime, SecondsFormat, Utc};
use kapture_sinks::Identity;
use serde_json::{Value, json};

use super::bookmarks::Bookmarks;
use super::catalog::schema;
use crate::protocols::record::{RecordKey, StreamRecord};
use crate::protocols::replication::{Protocol, Replicated};
use crate::protocols::streams::Stream;

/// The property with the time at which a record was found to be gone.
pub(super) const DELETED_AT: &str = "_sdc_deleted_at";

/// Writes the messages of a run.
pub(crate) struct Messages {
    identity: Identity,
    bookmarks: Bookmarks,
    /// When the run began: the time of its records, and the version of its full refreshes.
    began: DateTime<Utc>,
    /// What stands behind a record and its properties: of an incremental stream, and of a full refresh.
    ends: [String; 2],
    /// Whether a state was written.
    has_state: bool,
}

impl Messages {
    pub(crate) fn new(identity: Identity, bookmarks: Bookmarks) -> Self {
        Self::begun_at(Utc::now(), identity, bookmarks)
    }

    fn begun_at(began: DateTime<Utc>, identity: Identity, bookmarks: Bookmarks) -> Self {
        let (time, version) = (time(began), began.timestamp_millis());
        Self {
            identity,
            bookmarks,
            began,
            ends: [
                format!(r#"}},"time_extracted":"{time}"}}"#),
                format!(r#"}},"version":{version},"time_extracted":"{time}"}}"#),
            ],
            has_state: false,
        }
    }

    /// Writes a record, whose properties `members` appends.
    fn record_with(&self, of: &Replicated, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(match of.stream {
            Stream::Customers => br#"{"type":"RECORD","stream":"customers","record":{"#,
            Stream::Contacts => br#"{"type":"RECORD","stream":"contacts","record":{"#,
        });
        members(out);
        out.extend_from_slice(self.ends[usize::from(of.is_full_refresh)].as_bytes());
        out.push(b'\n');
    }

    fn write_state(&mut self, out: &mut Vec<u8>) {
        self.has_state = true;
        write_line(
            &json!({"type": "STATE", "value": self.bookmarks.to_json()}),
            out,
        );
    }
}

/// A time as JSON Schema has it.
fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn write_line(message: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(message.to_string().as_bytes());
    out.push(b'\n');
}

impl Protocol for Messages {
    fn begin(&mut self, streams: &[Replicated], out: &mut Vec<u8>) {
        for of in streams {
            let message = json!({
                "type": "SCHEMA",
                "stream": of.stream.name(),
                "schema": schema(&of.selection),
                "key_properties": of.stream.key(),
            });
            write_line(&message, out);
        }
    }

    fn record(&mut self, of: &Replicated, record: &StreamRecord<'_>, out: &mut Vec<u8>) {
        self.record_with(of, out, |out| {
            of.selection.write_members(record, out);
            // A target that had deleted the record gets it back.
            out.extend_from_slice(br#","_sdc_deleted_at":null"#);
        });
    }

    fn gone(&mut self, of: &Replicated, key: RecordKey, out: &mut Vec<u8>) {
        let time = time(self.began);
        self.record_with(of, out, |out| {
            key.write_members(out);
            out.extend_from_slice(format!(r#","_sdc_deleted_at":"{time}""#).as_bytes());
        });
    }

    fn state(&mut self, streams: &[Replicated], changed: &[Stream], out: &mut Vec<u8>) {
        for of in streams.iter().filter(|of| changed.contains(&of.stream)) {
            self.bookmarks
                .set(of.stream, of.state.to_json(&self.identity));
        }
        self.write_state(out);
    }

    fn end(&mut self, streams: &[Replicated], out: &mut Vec<u8>) {
        for of in streams.iter().filter(|of| of.is_full_refresh) {
            let message = json!({
                "type": "ACTIVATE_VERSION",
                "stream": of.stream.name(),
                "version": self.began.timestamp_millis(),
            });
            write_line(&message, out);
        }
        if !self.has_state {
            self.write_state(out);
        }
    }
}
