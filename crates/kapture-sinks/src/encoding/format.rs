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
    /// Apache Arrow's IPC streaming format.
    Arrow,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            // Arrow's other format, which is not a stream, has `.arrow`.
            Self::Arrow => "arrows",
            Self::Xlsx => "xlsx",
        }
    }

    /// Whether it is text, which can be printed, and compressed as a whole.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }

    /// Whether it has columns.
    pub fn is_table(self) -> bool {
        self != Self::Ndjson
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "arrows" => Some(Self::Arrow),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
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
            Compression::None => Self::of_extension(&extension(path)),
            _ => Self::of_extension(&extension(&path.with_extension(""))),
        };
        (format, compression)
    }
}

/// A format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: expected ndjson, csv, parquet, arrow or xlsx")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "arrow" => Ok(Self::Arrow),
            _ => Self::of_extension(name).ok_or_else(|| UnknownFormat(name.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrow => "arrow",
            format => format.extension(),
        })
    }
}
