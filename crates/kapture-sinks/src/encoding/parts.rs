//! Records are encoded in parts, apart from each other, and the parts are put together in order.

use std::io;

use chrono::NaiveDate;
use kapture_model::{Drift, Record};

use crate::encoding::Encoder;

/// A part ends with so many rows, or so many bytes of records: memory needs a bound.
const PART_ROWS: usize = 1024;
const PART_BYTES: usize = 1024 * 1024;

/// Makes parts of records.
pub(crate) trait PartEncoder: Send + 'static {
    type Part: Send + 'static;

    /// Adds records of `day` to the part.
    fn add(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()>;

    /// Ends the part, and begins another. `None` if it has no records.
    fn take(&mut self) -> io::Result<Option<Self::Part>>;

    /// The schema drift in the records.
    fn drift(&self) -> Drift;
}

/// When a part ends that is not full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartEnd {
    /// With the records that came together.
    Batch,
    /// With their day.
    #[cfg(feature = "arrow")]
    Day,
    /// With the file.
    #[cfg(feature = "parquet")]
    File,
}

/// Puts the parts of a file together.
pub(crate) trait PartWriter: Send + 'static {
    type Part;

    /// When a part ends that is not full.
    const ENDS: PartEnd;

    fn write(&mut self, part: Self::Part) -> io::Result<()>;

    /// Writes the end of the file.
    fn finish(self) -> io::Result<()>;
}

/// How much is in a part.
#[derive(Default)]
pub(crate) struct Filled {
    rows: usize,
    bytes: usize,
}

impl Filled {
    /// Adds as many of the records as there is room for, and returns their number: all of them unless
    /// the part is full then.
    pub(crate) fn add(&mut self, records: &[Record]) -> usize {
        for (index, record) in records.iter().enumerate() {
            self.rows += 1;
            self.bytes += record.raw().len();
            if self.is_full() {
                return index + 1;
            }
        }
        records.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows >= PART_ROWS || self.bytes >= PART_BYTES
    }
}

/// Encodes and writes on the thread that it is called on.
pub(crate) struct Serial<E, W> {
    encoder: E,
    filled: Filled,
    writer: W,
}

impl<E: PartEncoder, W: PartWriter<Part = E::Part>> Serial<E, W> {
    pub(crate) fn new(encoder: E, writer: W) -> Self {
        Self {
            encoder,
            filled: Filled::default(),
            writer,
        }
    }

    fn end_part(&mut self) -> io::Result<()> {
        self.filled = Filled::default();
        match self.encoder.take()? {
            Some(part) => self.writer.write(part),
            None => Ok(()),
        }
    }
}

impl<E: PartEncoder, W: PartWriter<Part = E::Part>> Encoder for Serial<E, W> {
    fn write(&mut self, day: NaiveDate, mut records: &[Record]) -> io::Result<()> {
        while !records.is_empty() {
            let (added, left) = records.split_at(self.filled.add(records));
            self.encoder.add(day, added)?;
            records = left;
            if self.filled.is_full() {
                self.end_part()?;
            }
        }
        match W::ENDS {
            PartEnd::Batch => self.end_part(),
            #[cfg(any(feature = "arrow", feature = "parquet"))]
            _ => Ok(()),
        }
    }

    fn end_day(&mut self) -> io::Result<()> {
        match W::ENDS {
            #[cfg(feature = "arrow")]
            PartEnd::Day => self.end_part(),
            _ => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.end_part()?;
        self.writer.finish()
    }

    fn drift(&self) -> Drift {
        self.encoder.drift()
    }
}
