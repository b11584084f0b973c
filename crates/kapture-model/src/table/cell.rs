//! One value of a row, and how a raw value becomes it.

use std::borrow::Cow;
use std::io::Write;

use chrono::{NaiveDateTime, TimeZone, Timelike};

use crate::date_time::push_date_time;
use crate::json::scanner;
use crate::json::strict::has_non_finite;
use crate::schema::documented::Kind;
use crate::{DriftKind, Timestamp};

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell<'a> {
    /// Absent, null or blank text, or a value that the column cannot hold: then it is in
    /// [`Row::extra`](crate::Row::extra).
    #[default]
    Null,
    /// A whole number.
    Integer(i64),
    /// A double.
    Float(f64),
    /// Text, never blank and without U+0000.
    Text(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// A local date-time without a zone.
    Timestamp(NaiveDateTime),
}

impl Cell<'_> {
    /// Appends the value as plain text: numbers in decimal, `true` or `false`, date-times as
    /// `2024-05-02T16:15:42`, text as it is, and nothing for null.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = match self {
            Cell::Null => Ok(()),
            Cell::Integer(number) => serde_json::to_writer(out, number).map_err(Into::into),
            // Most amounts are zero.
            Cell::Float(number) if number.to_bits() == 0 => out.write_all(b"0.0"),
            Cell::Float(number) => write!(out, "{number:?}"),
            Cell::Bool(true) => out.write_all(b"true"),
            Cell::Bool(false) => out.write_all(b"false"),
            Cell::Text(text) => out.write_all(text.as_bytes()),
            Cell::Timestamp(time) => {
                push_date_time(*time, out);
                Ok(())
            }
        };
    }

    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Cell::Null => Cell::Null,
            Cell::Integer(number) => Cell::Integer(number),
            Cell::Float(number) => Cell::Float(number),
            Cell::Bool(flag) => Cell::Bool(flag),
            Cell::Timestamp(time) => Cell::Timestamp(time),
        }
    }
}

/// What a raw value is in a column.
pub(crate) struct Read<'a> {
    pub(crate) cell: Cell<'a>,
    /// Whether the cell has less than the whole value.
    pub(crate) lossy: bool,
    pub(crate) drift: Option<DriftKind>,
}

impl<'a> Read<'a> {
    pub(crate) fn of(kind: Kind, value: &'a str, zone: &impl TimeZone) -> Self {
        if let Some(cell) = usual(kind, value) {
            return Read {
                cell,
                lossy: false,
                drift: None,
            };
        }
        if scanner::is_null_or_blank(value) {
            return Read {
                cell: Cell::Null,
                lossy: false,
                drift: None,
            };
        }
        if has_non_finite(value) {
            return Read {
                cell: Cell::Null,
                lossy: true,
                drift: Some(DriftKind::NotFinite),
            };
        }
        let first = value.as_bytes().first().copied().unwrap_or_default();
        let (cell, documented) = match kind {
            Kind::Number => (
                integer(value).map(Cell::Integer),
                first == b'-' || first.is_ascii_digit(),
            ),
            Kind::Float => (
                decimal(value).map(Cell::Float),
                first == b'-' || first.is_ascii_digit(),
            ),
            Kind::Bool => (flag(value).map(Cell::Bool), matches!(first, b't' | b'f')),
            Kind::Timestamp => {
                let timestamp = Timestamp::decode_whole(value);
                let time = timestamp.map(|(timestamp, _)| timestamp.local(zone));
                return Read {
                    drift: match timestamp {
                        Some((_, false)) => Some(DriftKind::DateWithMore),
                        Some((Timestamp::Local(_), true)) => None,
                        Some((Timestamp::Instant(_), true)) => Some(DriftKind::InstantDate),
                        None => Some(DriftKind::UndecodableDate),
                    },
                    lossy: timestamp.is_none_or(|(_, whole)| !whole)
                        || !time.is_some_and(is_of_micros),
                    cell: time.map_or(Cell::Null, Cell::Timestamp),
                };
            }
            Kind::Text | Kind::Contacts => match first {
                b'"' => (scanner::decode_text(value).map(Cell::Text), true),
                b'{' | b'[' => (None, false),
                _ => (Some(Cell::Text(value.into())), false),
            },
        };
        Read {
            lossy: cell.is_none(),
            cell: cell.unwrap_or_default(),
            drift: (!documented).then_some(DriftKind::UnexpectedType),
        }
    }
}

/// The fast path: the cell of a value in the spelling that is usual for its kind.
fn usual(kind: Kind, value: &str) -> Option<Cell<'_>> {
    Some(match (kind, value.as_bytes().first()?) {
        (Kind::Number, b'0'..=b'9') => Cell::Integer(value.parse().ok()?),
        (Kind::Bool, b't' | b'f') => Cell::Bool(value == "true"),
        (Kind::Text, b'"') => Cell::Text(scanner::plain_text(value)?.into()),
        (Kind::Timestamp, b'"' | b'{') => Cell::Timestamp(Timestamp::decode_common(value)?),
        _ => return None,
    })
}

/// Whether columns of times, which count microseconds, can say all of it.
fn is_of_micros(time: NaiveDateTime) -> bool {
    time.nanosecond().is_multiple_of(1_000)
}

/// A number, or the text of one: with a letter in it that is more likely a code, as `12E4`.
fn number(value: &str) -> Option<Cow<'_, str>> {
    inside(value).filter(|text| !value.starts_with('"') || !text.contains(['e', 'E']))
}

/// A number, or what text holds.
fn inside(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => scanner::decode_text(value).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        }),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

fn integer(value: &str) -> Option<i64> {
    let text = number(value)?;
    // What looks like a number may be a code: `007` is not 7.
    let is_code = matches!(text.as_bytes(), [b'+' | b'0', _, ..] | [b'-', b'0', ..]);
    let number = text.parse().ok().filter(|_| !is_code);
    number.or_else(|| {
        // Beyond 2^53 a double does not tell neighbours apart.
        let number: f64 = serde_json::from_str(&text).ok()?;
        let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        exact.then_some(number as i64)
    })
}

fn decimal(value: &str) -> Option<f64> {
    let text = number(value)?;
    let number: f64 = serde_json::from_str(&text).ok()?;
    // A double holds fifteen digits of any number.
    if text.len() <= 15 && !text.contains(['e', 'E']) {
        return Some(number);
    }
    (significant(&text) == significant(&format!("{number:e}"))).then_some(number)
}

/// The digits of a number that count, whatever point and exponent stand among them: beyond what a
/// double tells apart they differ.
fn significant(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

fn flag(value: &str) -> Option<bool> {
    let text = match value {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => inside(value)?,
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
