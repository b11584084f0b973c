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

/// The ids of the customers in a file.
#[cfg(feature = "dataset")]
pub(crate) fn ids(
    file: std::fs::File,
) -> io::Result<std::collections::BTreeSet<kapture_model::CustomerId>> {
    use std::io::BufRead;
    let mut lines = io::BufReader::new(file);
    let mut ids = std::collections::BTreeSet::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(ids);
        }
        let record = Record::decode(line.into()).map_err(io::Error::other)?;
        ids.insert(record.id().clone());
    }
}
