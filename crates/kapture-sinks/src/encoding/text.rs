//! Files of text.

use std::io::{self, Write};

use crate::encoding::compression::Output;
use crate::encoding::parts::{PartEnd, PartWriter};

/// Writes whole lines. Each part with one call, so that lines stay whole.
pub(crate) struct TextWriter {
    out: Output,
    /// What the file begins with, until it is written.
    header: Vec<u8>,
}

impl TextWriter {
    pub(crate) fn new(out: Output, header: Vec<u8>) -> Self {
        Self { out, header }
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.out.write_all(&std::mem::take(&mut self.header))
    }
}

impl PartWriter for TextWriter {
    type Part = Vec<u8>;
    const ENDS: PartEnd = PartEnd::Batch;

    fn write(&mut self, lines: Vec<u8>) -> io::Result<()> {
        self.write_header()?;
        self.out.write_all(&lines)
    }

    fn finish(mut self) -> io::Result<()> {
        self.write_header()?;
        self.out.finish()
    }
}
