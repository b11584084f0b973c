//! A date in any of its forms, written as it is shown and read again.

use chrono::Utc;
use kapture_model::Timestamp;

/// A date that can be read is the same date when it is read as it is shown.
pub(crate) fn is_read_as_it_is_written(bytes: &[u8]) {
    let Ok(json) = str::from_utf8(bytes) else {
        return;
    };
    let Some(moment) = Timestamp::decode(json) else {
        return;
    };
    let local = moment.local(&Utc);
    let shown = format!("\"{}\"", local.format("%Y-%m-%dT%H:%M:%S%.f"));
    let again = Timestamp::decode(&shown).expect("what is shown can be read");
    assert_eq!(again.local(&Utc), local, "{json} is shown as {shown}");
}
