//! The rows of one window, in the order in which the server lists them.

use std::ops::Range;

use chrono::NaiveDate;

use crate::population::Row;

/// Ranges of planned rows where no knob selects or reorders rows, so that a page deep in a window of
/// millions costs no more than the first; single rows otherwise.
#[derive(Debug)]
pub(crate) enum Listing {
    Days(Vec<(NaiveDate, Range<u32>)>),
    Rows(Vec<Row>),
}

impl Listing {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Days(days) => days
                .iter()
                .map(|(_, rows)| u64::from(rows.end - rows.start))
                .sum(),
            Self::Rows(rows) => rows.len() as u64,
        }
    }

    /// Drops single rows for which `is_kept` is false. Ranges are kept whole.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(Row) -> bool) {
        if let Self::Rows(rows) = self {
            rows.retain(|row| is_kept(*row));
        }
    }

    /// The rows `offset..offset + limit` that exist.
    pub(crate) fn page(self, offset: u64, limit: u64) -> Self {
        let end = offset.saturating_add(limit).min(self.len());
        let start = offset.min(end);
        match self {
            Self::Rows(rows) => Self::Rows(rows[start as usize..end as usize].to_vec()),
            Self::Days(days) => {
                let mut before = 0;
                let mut page = Vec::new();
                for (day, rows) in days {
                    let first = u64::from(rows.start);
                    let count = u64::from(rows.end) - first;
                    let from = start.clamp(before, before + count) - before;
                    let to = end.clamp(before, before + count) - before;
                    if from < to {
                        page.push((day, (first + from) as u32..(first + to) as u32));
                    }
                    before += count;
                }
                Self::Days(page)
            }
        }
    }
}
