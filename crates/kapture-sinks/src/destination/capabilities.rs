//! What a destination can do.

use crate::encoding::format::Format;

/// What a destination can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether it has a ledger of the days it holds, so that it can be synced.
    pub incremental: bool,
    /// What it replaces as a whole; `None` for a stream, which cannot take back what was written.
    pub atomic: Option<Atomic>,
    /// How many days should be committed at the same time: more than one where a commit waits for
    /// a disk or a network.
    pub days_at_once: usize,
    /// The formats that its files can have, the default first. A database has none.
    pub formats: &'static [Format],
}

/// What a destination replaces as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomic {
    /// Everything, when all days are complete.
    Run,
    /// Each day, when it is complete.
    Day,
}

impl Capabilities {
    /// Standard output, a device or a pipe.
    pub(crate) const STREAM: Self = Self {
        incremental: false,
        atomic: None,
        days_at_once: 1,
        formats: &[
            Format::Ndjson,
            Format::Csv,
            Format::Parquet,
            Format::Arrow,
            Format::Xlsx,
        ],
    };

    /// A single file.
    pub(crate) const FILE: Self = Self {
        atomic: Some(Atomic::Run),
        ..Self::STREAM
    };

    /// A folder or bucket with one file for each day.
    #[cfg(feature = "dataset")]
    pub(crate) const DATASET: Self = Self {
        incremental: true,
        atomic: Some(Atomic::Day),
        days_at_once: 4,
        formats: &[Format::Parquet, Format::Csv, Format::Ndjson],
    };

    /// A bucket, where a request takes longer than a disk does.
    #[cfg(feature = "object-store")]
    pub(crate) const BUCKET: Self = Self {
        days_at_once: 8,
        ..Self::DATASET
    };

    /// A database.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const DATABASE: Self = Self {
        incremental: true,
        atomic: Some(Atomic::Day),
        days_at_once: 1,
        formats: &[],
    };
}
