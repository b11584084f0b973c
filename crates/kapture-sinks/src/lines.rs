//! Records as lines of text.

use std::io::{self, Write};

use chrono_tz::Tz;
use kapture_model::{Drift, Normaliser, Record};

/// How a record becomes a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineForm {
    /// One compact JSON object: times as ISO 8601 local date-times, blank text as null,
    /// everything else as it came.
    #[default]
    Normal,
    /// The API's own bytes, record by record.
    Raw,
}

/// Turns records into lines (newline-delimited JSON).
///
/// ```
/// use bytes::Bytes;
/// use chrono_tz::Tz;
/// use kapture_model::Record;
/// use kapture_sinks::{LineForm, Lines};
///
/// let record = Record::decode(Bytes::from(r#"{"id": 1, "generationDate": "May 2, 2024 4:15:42 PM"}"#))?;
/// let mut out = Vec::new();
/// Lines::new(LineForm::Normal, Tz::UTC).write(&[record], &mut out)?;
/// assert_eq!(out, b"{\"id\":1,\"generationDate\":\"2024-05-02T16:15:42\"}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lines {
    form: LineForm,
    normaliser: Normaliser<Tz>,
    buffer: Vec<u8>,
}

impl Lines {
    /// `zone` is where instants (epoch milliseconds) are seen; local times stay what they are.
    pub fn new(form: LineForm, zone: Tz) -> Self {
        Self {
            form,
            normaliser: Normaliser::new(zone),
            buffer: Vec::new(),
        }
    }

    /// Writes `records` in one go, so that lines are never torn apart.
    pub fn write(&mut self, records: &[Record], out: &mut dyn Write) -> io::Result<()> {
        self.buffer.clear();
        for record in records {
            match self.form {
                LineForm::Normal => self.normaliser.write(record, &mut self.buffer),
                LineForm::Raw => self.buffer.extend_from_slice(record.raw()),
            }
            self.buffer.push(b'\n');
        }
        out.write_all(&self.buffer)
    }

    /// What was met that the documentation does not promise; nothing in raw form, which is not looked into.
    pub fn drift(&self) -> Drift {
        self.normaliser.drift()
    }
}
