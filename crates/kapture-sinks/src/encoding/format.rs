//! The form of what is written, as told by a file's name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::encoding::compression::Compression;

/// How records become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The ending of a file of this form.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The form that a file's name tells of, if it does: `customers.csv.gz` is CSV with gzip.
    ///
    /// ```
    /// use kapture_sinks::{Compression, Format};
    ///
    /// let of = |name: &str| Format::of_file(name.as_ref());
    /// assert_eq!(of("customers.ndjson"), (Some(Format::Ndjson), Compression::None));
    /// assert_eq!(of("customers.csv.gz"), (Some(Format::Csv), Compression::Gzip));
    /// assert_eq!(of("customers.txt.zst"), (None, Compression::Zstd));
    /// ```
    pub fn of_file(path: &Path) -> (Option<Format>, Compression) {
        let ending = |path: &Path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            ending.unwrap_or_default().to_ascii_lowercase()
        };
        let compression = match ending(path).as_str() {
            "gz" => Compression::Gzip,
            "zst" => Compression::Zstd,
            _ => Compression::None,
        };
        let format = match compression {
            Compression::None => ending(path).parse().ok(),
            _ => ending(&path.with_extension("")).parse().ok(),
        };
        (format, compression)
    }
}

/// A name that is no form of output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no form of output: there are ndjson, csv and parquet")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(UnknownFormat(name.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ending())
    }
}
