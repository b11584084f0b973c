//! Fields that repeat from record to record, which are decoded once.

use chrono::NaiveDateTime;

use super::cell::Cell;

/// What is known of a field of a [template](crate::json::shape_cache::ShapeCache).
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownField {
    /// The index of its key.
    pub(super) key: usize,
    /// Where it begins, behind the first key of its object.
    pub(super) at: usize,
    /// Its value, if that is a cell and nothing else.
    pub(super) value: Option<KnownValue>,
}

/// The cell of a field that is equal byte for byte.
#[derive(Debug, Clone, Copy)]
pub(super) enum KnownValue {
    Null,
    Integer(i64),
    Float(f64),
    Bool(bool),
    Timestamp(NaiveDateTime),
    /// The text between these offsets, behind the beginning of the field.
    Text(usize, usize),
}

impl KnownValue {
    /// The value of a `cell` whose raw value begins `at` behind the beginning of its field; `None` for
    /// text that is not as it stands there.
    pub(super) fn of(cell: &Cell<'_>, value: &str, at: usize) -> Option<Self> {
        Some(match cell {
            Cell::Null => Self::Null,
            Cell::Integer(number) => Self::Integer(*number),
            Cell::Float(number) => Self::Float(*number),
            Cell::Bool(flag) => Self::Bool(*flag),
            Cell::Timestamp(time) => Self::Timestamp(*time),
            Cell::Text(text) => {
                let inside = value.strip_prefix('"')?.strip_suffix('"')?;
                let start = at + 1;
                (text == inside).then_some(Self::Text(start, start + inside.len()))?
            }
        })
    }

    /// The cell of an equal field, which `text` begins with.
    pub(super) fn cell(self, text: &str) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(number) => Cell::Integer(number),
            Self::Float(number) => Cell::Float(number),
            Self::Bool(flag) => Cell::Bool(flag),
            Self::Timestamp(time) => Cell::Timestamp(time),
            Self::Text(start, end) => Cell::Text(text.get(start..end).unwrap_or_default().into()),
        }
    }
}
