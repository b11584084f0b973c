//! How records become bytes: one encoder for each format.

#[cfg(feature = "arrow")]
pub(crate) mod arrow;
#[cfg(feature = "dataset")]
pub(crate) mod changes;
pub(crate) mod compression;
#[cfg(feature = "csv")]
pub(crate) mod csv;
pub(crate) mod format;
pub(crate) mod ndjson;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod parallel;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod parts;
#[cfg(any(feature = "arrow", feature = "parquet"))]
pub(crate) mod record_batch;
#[cfg(any(feature = "csv", feature = "xlsx"))]
mod spreadsheet;
#[cfg(feature = "dataset")]
pub(crate) mod stored;
#[cfg(any(
    all(feature = "dataset", any(feature = "csv", feature = "parquet")),
    feature = "sqlite",
    feature = "postgres"
))]
pub(crate) mod surrogate_key;
mod text;

#[cfg(feature = "xlsx")]
mod xlsx;

use std::io::{self, Write};
#[cfg(feature = "dataset")]
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "dataset")]
use bytes::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use kapture_model::{AttributeColumn, Drift, Record};

use crate::encoding::compression::{Compression, Output};
use crate::encoding::format::Format;
use crate::encoding::ndjson::NdjsonEncoder;
#[cfg(any(feature = "csv", feature = "parquet"))]
use crate::encoding::parallel::Parallel;
use crate::encoding::parts::Serial;
#[cfg(any(feature = "arrow", feature = "parquet"))]
use crate::encoding::record_batch::BatchBuilder;
use crate::encoding::text::TextWriter;
use crate::error::SinkError;

/// How records become bytes.
///
/// ```
/// use kapture_sinks::{Encoding, Format};
///
/// let mut encoding = Encoding::new(Format::Ndjson);
/// encoding.raw = true;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// The compression of the whole file, for formats that are text.
    pub compression: Compression,
    /// The zone in which instants (epoch milliseconds) become local times. Local times are unchanged.
    pub zone: Tz,
    /// NDJSON: writes the API's own bytes, record by record.
    pub raw: bool,
    /// CSV: what a row is.
    pub rows: Rows,
    /// CSV: prefixes text that a spreadsheet would run as a formula with an apostrophe, wherever it
    /// could begin a cell.
    pub spreadsheet_safe: bool,
    /// CSV: the ASCII character between cells, a comma by default.
    pub csv_separator: u8,
    /// CSV: begins the file with a byte order mark, by which Excel knows that it is UTF-8.
    pub csv_bom: bool,
    /// Tables: further columns of customers.
    pub columns: Vec<AttributeColumn>,
    /// Arrow: adds a column `created_date` with the day of each customer, also where its creation
    /// date cannot be read.
    pub with_created_date: bool,
}

/// What a row of a CSV file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// A customer, with its primary contact.
    #[default]
    Customers,
    /// A contact.
    Contacts,
}

impl Encoding {
    /// The format with defaults: no compression, instants in UTC.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            compression: Compression::None,
            zone: Tz::UTC,
            raw: false,
            rows: Rows::Customers,
            spreadsheet_safe: false,
            csv_separator: b',',
            csv_bom: false,
            columns: Vec::new(),
            with_created_date: false,
        }
    }

    /// An encoder that writes to `out`, on the thread that it is called on.
    pub(crate) fn encoder(
        &self,
        out: Box<dyn Write + Send>,
    ) -> Result<Box<dyn Encoder>, SinkError> {
        match self.format {
            Format::Ndjson => {
                let writer = TextWriter::new(Output::new(out, self.compression)?, Vec::new());
                let encoder = NdjsonEncoder::new(self.zone, self.raw);
                Ok(Box::new(Serial::new(encoder, writer)))
            }
            #[cfg(feature = "csv")]
            Format::Csv => {
                let encoder = csv::CsvEncoder::new(self);
                Ok(Box::new(Serial::new(encoder, self.csv_writer(out)?)))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                let encoder = BatchBuilder::new(self, false);
                let writer = parquet::ParquetWriter::new(out, encoder.schema());
                let writer = writer.map_err(SinkError::stream)?;
                Ok(Box::new(Serial::new(encoder, writer)))
            }
            #[cfg(feature = "arrow")]
            Format::Arrow => {
                let encoder = BatchBuilder::new(self, self.with_created_date);
                let writer = arrow::ArrowWriter::new(out, encoder.schema());
                let writer = writer.map_err(SinkError::stream)?;
                Ok(Box::new(Serial::new(encoder, writer)))
            }
            #[cfg(feature = "xlsx")]
            Format::Xlsx => xlsx::XlsxEncoder::new(out, self)
                .map(|encoder| Box::new(encoder) as Box<dyn Encoder>)
                // It begins with temporary files.
                .map_err(SinkError::Spool),
            #[cfg(not(feature = "csv"))]
            Format::Csv => Err(SinkError::FeatureDisabled {
                what: "CSV",
                feature: "csv",
            }),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(SinkError::FeatureDisabled {
                what: "Parquet",
                feature: "parquet",
            }),
            #[cfg(not(feature = "arrow"))]
            Format::Arrow => Err(SinkError::FeatureDisabled {
                what: "Arrow streams",
                feature: "arrow",
            }),
            #[cfg(not(feature = "xlsx"))]
            Format::Xlsx => Err(SinkError::FeatureDisabled {
                what: "Excel workbooks",
                feature: "xlsx",
            }),
        }
    }

    /// The same on every processor, for formats that take long to encode. Lines of NDJSON are made faster
    /// than records come, and a reader of Arrow batches has those of a day as soon as it is committed.
    pub(crate) fn parallel_encoder(
        &self,
        out: Box<dyn Write + Send>,
    ) -> Result<Box<dyn Encoder>, SinkError> {
        match self.format {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let writer = self.csv_writer(out)?;
                Ok(Box::new(Parallel::start(
                    || csv::CsvEncoder::new(self),
                    writer,
                )))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                let encoder = || BatchBuilder::new(self, false);
                let writer = parquet::ParquetWriter::new(out, encoder().schema());
                let writer = writer.map_err(SinkError::stream)?;
                Ok(Box::new(Parallel::start(encoder, writer)))
            }
            _ => self.encoder(out),
        }
    }

    #[cfg(feature = "csv")]
    fn csv_writer(&self, out: Box<dyn Write + Send>) -> Result<TextWriter, SinkError> {
        let header = csv::header(self).map_err(SinkError::stream)?;
        Ok(TextWriter::new(Output::new(out, self.compression)?, header))
    }
}

#[cfg(feature = "dataset")]
impl Encoding {
    /// The file of a day with these records, in memory.
    pub(crate) fn encode(&self, day: NaiveDate, records: &[Record]) -> Result<Bytes, SinkError> {
        let buffer = Buffer::default();
        let mut encoder = self.encoder(Box::new(buffer.clone()))?;
        let written = encoder.write(day, records);
        written
            .and_then(|()| encoder.finish())
            .map_err(SinkError::stream)?;
        let mut bytes = buffer.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *bytes).into())
    }
}

/// A file in memory, which is read when its encoder is gone.
#[cfg(feature = "dataset")]
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

#[cfg(feature = "dataset")]
impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Turns records into the bytes of one format.
pub(crate) trait Encoder: Send {
    /// Writes records of `day`. Days may alternate.
    fn write(&mut self, day: NaiveDate, records: &[Record]) -> io::Result<()>;

    /// A day is complete: a reader of a stream should not have to wait for its last records.
    fn end_day(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes the end of the file.
    fn finish(self: Box<Self>) -> io::Result<()>;

    /// The schema drift in the records, as far as they were decoded.
    fn drift(&self) -> Drift;
}
