//! Files of changes: rows of a day's file as it was and as it is, each behind what became of its
//! customer.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Seek};

use chrono::{DateTime, NaiveDate, Utc};
use kapture_model::{CustomerId, RowHasher};
use serde_json::{Map, Value};

use crate::encoding::format::Format;
use crate::encoding::stored::Stored;
use crate::ledger::change::{Change, ChangeKind};
use crate::sink::RowHashes;

/// The columns before those of a customer.
pub(crate) const COLUMNS: [&str; 3] = ["_change_type", "_seen_at", "_created_date"];

/// What became of the customer of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowChange {
    Insert,
    /// The row before an update.
    UpdatePreimage,
    /// The row after it.
    UpdatePostimage,
    Delete,
}

impl RowChange {
    const ALL: [Self; 4] = [
        Self::Insert,
        Self::UpdatePreimage,
        Self::UpdatePostimage,
        Self::Delete,
    ];

    /// As the change data feed of Delta Lake names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::UpdatePreimage => "update_preimage",
            Self::UpdatePostimage => "update_postimage",
            Self::Delete => "delete",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.name() == name)
    }
}

/// What all rows of a file have in common: when the changes were seen, and on which day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: DateTime<Utc>,
    pub(crate) day: NaiveDate,
}

impl Seen {
    /// The time as text, to the microsecond.
    pub(crate) fn at_text(&self) -> String {
        self.at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }
}

/// The customers that differ between two files of a day.
pub(crate) struct Differences(BTreeMap<CustomerId, ChangeKind>);

impl Differences {
    fn between(before: &RowHashes, after: &RowHashes) -> Self {
        let kept = after.iter().filter_map(|(id, hash)| match before.get(id) {
            None => Some((id.clone(), ChangeKind::Insert)),
            Some(held) if held != hash => Some((id.clone(), ChangeKind::Update)),
            Some(_) => None,
        });
        let deleted = before.keys().filter(|id| !after.contains_key(id));
        let deleted = deleted.map(|id| (id.clone(), ChangeKind::Delete));
        Self(kept.chain(deleted).collect())
    }

    /// What becomes of a row of the file before.
    pub(crate) fn before(&self, id: &CustomerId) -> Option<RowChange> {
        match self.0.get(id)? {
            ChangeKind::Update => Some(RowChange::UpdatePreimage),
            ChangeKind::Delete => Some(RowChange::Delete),
            ChangeKind::Insert => None,
        }
    }

    /// What became of a row of the file after.
    pub(crate) fn after(&self, id: &CustomerId) -> Option<RowChange> {
        match self.0.get(id)? {
            ChangeKind::Update => Some(RowChange::UpdatePostimage),
            ChangeKind::Insert => Some(RowChange::Insert),
            ChangeKind::Delete => None,
        }
    }
}

/// The rows of a file, each with what became of its customer.
pub(crate) type ChangedRows = Vec<(RowChange, Map<String, Value>)>;

/// A row of a file of changes, which begins with [`COLUMNS`].
pub(crate) fn changed_row(
    change: &str,
    mut row: Map<String, Value>,
) -> io::Result<(RowChange, Map<String, Value>)> {
    let change = RowChange::named(change).ok_or_else(damaged)?;
    for column in COLUMNS {
        row.remove(column);
    }
    Ok((change, row))
}

pub(crate) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a file of changes")
}

impl Stored {
    /// Writes the changes between two files of a day to `out`; false if there are none. A file
    /// `before` that cannot be read, or has other columns, is as good as none: it is replaced, as a
    /// stale one is.
    pub(crate) fn write_changes(
        self,
        before: Option<File>,
        after: Option<File>,
        hasher: &RowHasher,
        seen: Seen,
        out: File,
    ) -> io::Result<bool> {
        let hashes = |file: &File| self.row_hashes(rewound(file)?, hasher);
        let held = before.filter(|file| self.has_columns_of(file, after.as_ref()));
        let held = held.and_then(|file| Some((hashes(&file).ok()?, file)));
        let (old, before) = held.unzip();
        let new = after.as_ref().map(hashes).transpose()?;
        let changed = Differences::between(&old.unwrap_or_default(), &new.unwrap_or_default());
        if changed.0.is_empty() {
            return Ok(false);
        }
        let rewound = |file: Option<File>| file.as_ref().map(rewound).transpose();
        let (before, after) = (rewound(before)?, rewound(after)?);
        match self.format {
            Format::Ndjson => {
                crate::encoding::ndjson::write_changes(before, after, &changed, seen, out)
            }
            #[cfg(feature = "csv")]
            Format::Csv => {
                let separator = self.separator;
                crate::encoding::csv::changes::write(before, after, separator, &changed, seen, out)
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                crate::encoding::parquet::changes::write(before, after, &changed, seen, out)
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }?;
        Ok(true)
    }

    /// Whether rows of the one file can stand beside rows of the other.
    #[cfg_attr(
        not(any(feature = "csv", feature = "parquet")),
        expect(unused_variables, reason = "lines of JSON have no columns")
    )]
    fn has_columns_of(self, before: &File, after: Option<&File>) -> bool {
        let Some(files) = after.map(|after| [before, after]) else {
            return true;
        };
        match self.format {
            #[cfg(feature = "csv")]
            Format::Csv => crate::encoding::csv::changes::have_one_header(files),
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::encoding::parquet::changes::have_one_schema(files),
            // Lines of JSON have no columns.
            _ => true,
        }
    }

    /// The changes in a file.
    pub(crate) fn read_changes(self, file: File, seen: Seen) -> io::Result<Vec<Change>> {
        let rows = match self.format {
            Format::Ndjson => crate::encoding::ndjson::changed_rows(file)?,
            #[cfg(feature = "csv")]
            Format::Csv => crate::encoding::csv::changes::rows_of(file, self.separator)?,
            #[cfg(feature = "parquet")]
            Format::Parquet => crate::encoding::parquet::changes::rows(file)?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(changes(rows, seen))
    }
}

/// A handle on the same file, at its start.
fn rewound(file: &File) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(file)
}

/// Puts the rows before and after an update together.
fn changes(rows: ChangedRows, seen: Seen) -> Vec<Change> {
    let mut before = HashMap::new();
    let mut changes = Vec::new();
    for (change, row) in rows {
        let id = row["id"].to_string();
        let (kind, old, new) = match change {
            RowChange::UpdatePreimage => {
                before.insert(id, row);
                continue;
            }
            RowChange::UpdatePostimage => (ChangeKind::Update, before.remove(&id), Some(row)),
            RowChange::Insert => (ChangeKind::Insert, None, Some(row)),
            RowChange::Delete => (ChangeKind::Delete, Some(row), None),
        };
        changes.push(Change::new(kind, seen.at, seen.day, old, new));
    }
    changes
}
