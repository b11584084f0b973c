//! A receipt as a row of `kapture_days`.

use chrono::NaiveDate;
use kapture_model::{ColumnKind, Receipt};
use serde_json::Value;

use crate::error::SinkError;
use crate::ledger::{Ledger, StaleReason};
use crate::sql::tables::Dialect;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The day, which keys the row.
    Day,
    Number,
    Text,
    /// Text, or nothing.
    Perhaps,
}

/// The columns, each a field of a receipt.
const COLUMNS: [(&str, Kind); 9] = [
    ("day", Kind::Day),
    ("customers", Kind::Number),
    ("checksum", Kind::Text),
    ("undated", Kind::Number),
    ("fetched", Kind::Text),
    ("state", Kind::Text),
    ("end_bound", Kind::Text),
    ("proof", Kind::Text),
    ("empty_response", Kind::Perhaps),
];

impl Kind {
    fn in_words_of(self, dialect: Dialect) -> &'static str {
        match self {
            Self::Day => dialect.day(),
            Self::Number => dialect.kind(ColumnKind::Integer),
            Self::Text | Self::Perhaps => dialect.kind(ColumnKind::Text),
        }
    }
}

/// A row as text, column by column.
pub(crate) type LedgerRow = Vec<Option<String>>;

/// How many columns a row has.
pub(crate) const WIDTH: usize = COLUMNS.len();

/// The columns as they are declared.
pub(crate) fn declared(dialect: Dialect) -> String {
    let column = |(name, kind): &(&str, Kind)| {
        let condition = match kind {
            Kind::Day => " PRIMARY KEY",
            Kind::Number | Kind::Text => " NOT NULL",
            Kind::Perhaps => "",
        };
        format!("    {name} {}{condition}", kind.in_words_of(dialect))
    };
    COLUMNS.iter().map(column).collect::<Vec<_>>().join(",\n")
}

/// Selects all rows, as text.
pub(crate) fn select(dialect: Dialect) -> String {
    let column = |(name, kind): &(&str, Kind)| match kind {
        Kind::Day => dialect.iso(name),
        _ => format!("CAST({name} AS {})", dialect.kind(ColumnKind::Text)),
    };
    let columns: Vec<_> = COLUMNS.iter().map(column).collect();
    format!("SELECT {} FROM kapture_days", columns.join(", "))
}

/// Selects the open days that share a customer with another day.
pub(crate) fn select_contested(dialect: Dialect) -> String {
    format!(
        "SELECT {} FROM kapture_days WHERE state = 'open' AND day IN
             (SELECT day FROM kapture_shared_customers UNION ALL
              SELECT kapture_day FROM customers WHERE id IN (SELECT id FROM kapture_shared_customers))",
        dialect.iso("day")
    )
}

/// Replaces the row of a day, given as text.
pub(crate) fn replace(dialect: Dialect) -> String {
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let value = |(index, (_, kind)): (usize, &(&str, Kind))| {
        let text = dialect.kind(ColumnKind::Text);
        let kind = kind.in_words_of(dialect);
        format!("CAST(CAST(${} AS {text}) AS {kind})", index + 1)
    };
    let values: Vec<_> = COLUMNS.iter().enumerate().map(value).collect();
    let anew = names.iter().map(|name| format!("{name} = excluded.{name}"));
    format!(
        "INSERT INTO kapture_days ({}) VALUES ({}) ON CONFLICT (day) DO UPDATE SET {}",
        names.join(", "),
        values.join(", "),
        anew.collect::<Vec<_>>().join(", ")
    )
}

/// A receipt as a row.
pub(crate) fn row_of(receipt: &Receipt) -> LedgerRow {
    let fields = serde_json::to_value(receipt).unwrap_or_default();
    let text = |(name, _): &(&str, Kind)| match &fields[*name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    COLUMNS.iter().map(text).collect()
}

/// `ledger` with what the rows of the database at `place` say; `contested` are the days that share
/// customers with another day. A row that nobody can read leaves its day in doubt.
pub(crate) fn ledger_of(
    mut ledger: Ledger,
    destination: &str,
    rows: Vec<LedgerRow>,
    contested: impl IntoIterator<Item = String>,
) -> Result<Ledger, SinkError> {
    for row in rows {
        let day = row.first().cloned().flatten().unwrap_or_default();
        match receipt_of(row) {
            Ok(receipt) => ledger.insert(receipt),
            Err(_) => ledger.mark_stale(dated(destination, &day)?, StaleReason::UnreadableReceipt),
        }
    }
    for day in contested {
        ledger.mark_stale(dated(destination, &day)?, StaleReason::SharedCustomer);
    }
    Ok(ledger)
}

fn dated(destination: &str, day: &str) -> Result<NaiveDate, SinkError> {
    day.parse().map_err(|_| SinkError::Damaged {
        destination: destination.to_owned(),
        what: "its table kapture_days has a row whose day is no date".into(),
    })
}

fn receipt_of(row: LedgerRow) -> Result<Receipt, serde_json::Error> {
    let value = |((name, kind), text): (&(&str, Kind), Option<String>)| {
        let value = match (kind, text) {
            (_, None) => Value::Null,
            (Kind::Number, Some(text)) => serde_json::from_str(&text)?,
            (_, Some(text)) => text.into(),
        };
        Ok(((*name).to_owned(), value))
    };
    let fields: Result<_, serde_json::Error> = COLUMNS.iter().zip(row).map(value).collect();
    serde_json::from_value(Value::Object(fields?))
}
