//! The formats of files, and the format of a file name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::encoding::compression::Compression;

/// A file format.
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
    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The format and compression of a file name: `customers.csv.gz` is CSV with gzip.
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
        let extension = |path: &Path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            extension.unwrap_or_default().to_ascii_lowercase()
        };
        let compression = match extension(path).as_str() {
            "gz" => Compression::Gzip,
            "zst" => Compression::Zstd,
            _ => Compression::None,
        };
        let format = match compression {
            Compression::None => extension(path).parse().ok(),
            _ => extension(&path.with_extension("")).parse().ok(),
        };
        (format, compression)
    }
}

/// A format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: expected ndjson, csv or parquet")]
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
        f.write_str(self.extension())
    }
}
