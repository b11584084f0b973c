//! Records as newline-delimited JSON.

use std::io::{self, Write};

use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{Drift, Normaliser, Record};

use crate::encoding::Encoder;
use crate::encoding::compression::Output;

/// Writes one line for each record: normalised, or as the API sent it.
pub(crate) struct NdjsonEncoder {
    raw: bool,
    normaliser: Normaliser<Tz>,
    buffer: Vec<u8>,
    out: Output,
}

impl NdjsonEncoder {
    pub(crate) fn new(out: Output, zone: Tz, raw: bool) -> Self {
        Self {
            raw,
            normaliser: Normaliser::new(zone),
            buffer: Vec::new(),
            out,
        }
    }
}

impl Encoder for NdjsonEncoder {
    /// Writes the batch with one call, so that lines stay whole.
    fn write(&mut self, _: NaiveDate, records: &[Record]) -> io::Result<()> {
        self.buffer.clear();
        for record in records {
            if self.raw {
                record.push_raw_line(&mut self.buffer);
            } else {
                self.normaliser.write(record, &mut self.buffer);
            }
            self.buffer.push(b'\n');
        }
        self.out.write_all(&self.buffer)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }

    /// None in raw form, which is not decoded.
    fn drift(&self) -> Drift {
        self.normaliser.drift()
    }
}

/// The lines of a file.
#[cfg(feature = "dataset")]
pub(crate) fn rows(file: &std::fs::File) -> io::Result<crate::encoding::stored::Rows> {
    use std::io::BufRead;
    let mut lines = io::BufReader::new(file);
    let mut rows = Vec::new();
    let mut start = 0;
    loop {
        let mut line = Vec::new();
        let end = match lines.read_until(b'\n', &mut line)? as u64 {
            0 => return Ok(rows),
            length => start + length,
        };
        let record = Record::decode(line.into()).map_err(io::Error::other)?;
        rows.push((record.id().clone(), start..end));
        start = end;
    }
}
