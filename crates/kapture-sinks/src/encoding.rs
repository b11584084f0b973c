//! How records become bytes: one encoder for each form of output.

pub(crate) mod compression;
#[cfg(feature = "csv")]
pub(crate) mod csv;
pub(crate) mod format;
pub(crate) mod ndjson;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
#[cfg(any(
    all(feature = "dataset", any(feature = "csv", feature = "parquet")),
    feature = "sqlite",
    feature = "postgres"
))]
pub(crate) mod surrogate_key;

use std::io::{self, Write};

use chrono_tz::Tz;
use kapture_model::{Drift, Record};

use crate::encoding::compression::Compression;
use crate::encoding::compression::Output;
use crate::encoding::format::Format;
use crate::encoding::ndjson::NdjsonEncoder;
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
    /// The form.
    pub format: Format,
    /// Compression of the whole; Parquet compresses inside itself instead.
    pub compression: Compression,
    /// The zone in which instants (epoch milliseconds) are seen. Local times stay what they are.
    pub zone: Tz,
    /// NDJSON: the API's own bytes, record by record.
    pub raw: bool,
    /// CSV: whose rows they are.
    pub rows: Rows,
    /// CSV: text that a spreadsheet would run as a formula begins with an apostrophe.
    pub spreadsheet_safe: bool,
}

/// Whose rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// One for each customer, with the primary contact beside it.
    #[default]
    Customers,
    /// One for each contact.
    Contacts,
}

impl Encoding {
    /// The form as it is without further wishes: not compressed, instants seen in UTC.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            compression: Compression::None,
            zone: Tz::UTC,
            raw: false,
            rows: Rows::Customers,
            spreadsheet_safe: false,
        }
    }

    pub(crate) fn encoder(
        &self,
        out: Box<dyn Write + Send>,
    ) -> Result<Box<dyn Encoder>, SinkError> {
        match self.format {
            Format::Ndjson => Ok(Box::new(NdjsonEncoder::new(
                Output::new(out, self.compression)?,
                self.zone,
                self.raw,
            ))),
            #[cfg(feature = "csv")]
            Format::Csv => Ok(Box::new(crate::encoding::csv::CsvEncoder::new(
                Output::new(out, self.compression)?,
                self,
            ))),
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::encoding::parquet::ParquetEncoder::new(out, self.zone)
                .map(|encoder| Box::new(encoder) as Box<dyn Encoder>)
                .map_err(SinkError::stream),
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
        }
    }
}

/// Turns records into the bytes of one form.
pub(crate) trait Encoder: Send {
    /// Writes records.
    fn write(&mut self, records: &[Record]) -> io::Result<()>;

    /// Writes whatever the form needs at its end.
    fn finish(self: Box<Self>) -> io::Result<()>;

    /// What was met that the documentation does not promise, as far as it was looked for.
    fn drift(&self) -> Drift;
}
