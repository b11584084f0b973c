//! Receipts as they are stored: a JSON file beside a day's file, or a row of `kapture_days`.
//!
//! Both have the fields of [`Receipt`] as serde names them.

#[cfg(feature = "dataset")]
pub(crate) use file::{FileReceipt, Stamp};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use row::*;

#[cfg(feature = "dataset")]
mod file {
    use kapture_model::Receipt;
    use serde::{Deserialize, Serialize};

    /// The receipt of a day whose customers are in a file.
    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct FileReceipt {
        #[serde(flatten)]
        pub(crate) receipt: Receipt,
        /// The size of the file; `None` where a day without customers has no file.
        bytes: Option<u64>,
        /// The ETag of the object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    }

    /// By what a file is known again.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Stamp {
        /// Its size.
        pub(crate) bytes: u64,
        /// Its ETag, in an object store.
        pub(crate) etag: Option<String>,
    }

    impl FileReceipt {
        /// The receipt of a day whose file has this stamp, if it has a file.
        pub(crate) fn new(receipt: Receipt, stamp: Option<Stamp>) -> Self {
            Self {
                receipt,
                bytes: stamp.as_ref().map(|stamp| stamp.bytes),
                etag: stamp.and_then(|stamp| stamp.etag),
            }
        }

        /// The stamp of the file.
        pub(crate) fn stamp(&self) -> Option<Stamp> {
            let bytes = self.bytes?;
            let etag = self.etag.clone();
            Some(Stamp { bytes, etag })
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row {
    use chrono::NaiveDate;
    use kapture_model::{ColumnKind, Receipt};
    use serde_json::Value;

    use crate::error::SinkError;
    use crate::ledger::{Ledger, StaleReason};
    use crate::sql::tables::Dialect;

    /// What a column holds.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Kind {
        /// The day, which is the primary key.
        Day,
        Number,
        Text,
        NullableText,
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
        ("empty_response", Kind::NullableText),
    ];

    impl Kind {
        fn sql_type(self, dialect: Dialect) -> &'static str {
            match self {
                Self::Day => dialect.date(),
                Self::Number => dialect.sql_type(ColumnKind::Integer),
                Self::Text | Self::NullableText => dialect.sql_type(ColumnKind::Text),
            }
        }
    }

    /// A row as text, column by column.
    pub(crate) type LedgerRow = Vec<Option<String>>;

    /// The number of columns.
    pub(crate) const WIDTH: usize = COLUMNS.len();

    /// The columns as `CREATE TABLE` declares them.
    pub(crate) fn column_definitions(dialect: Dialect) -> String {
        let column = |(name, kind): &(&str, Kind)| {
            let constraint = match kind {
                Kind::Day => " PRIMARY KEY",
                Kind::Number | Kind::Text => " NOT NULL",
                Kind::NullableText => "",
            };
            format!("    {name} {}{constraint}", kind.sql_type(dialect))
        };
        COLUMNS.iter().map(column).collect::<Vec<_>>().join(",\n")
    }

    /// Selects all rows, as text.
    pub(crate) fn select(dialect: Dialect) -> String {
        let column = |(name, kind): &(&str, Kind)| match kind {
            Kind::Day => dialect.date_as_text(name),
            _ => format!("CAST({name} AS {})", dialect.sql_type(ColumnKind::Text)),
        };
        let columns: Vec<_> = COLUMNS.iter().map(column).collect();
        format!("SELECT {} FROM kapture_days", columns.join(", "))
    }

    /// Selects the open days that share a customer with another day.
    pub(crate) fn select_sharing(dialect: Dialect) -> String {
        format!(
            "SELECT {} FROM kapture_days WHERE state = 'open' AND day IN
                 (SELECT day FROM kapture_shared_customers UNION ALL
                  SELECT kapture_day FROM customers
                  WHERE id IN (SELECT id FROM kapture_shared_customers))",
            dialect.date_as_text("day")
        )
    }

    /// Inserts the row of a day, given as text, or replaces it.
    pub(crate) fn upsert(dialect: Dialect) -> String {
        let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let value = |(index, (_, kind)): (usize, &(&str, Kind))| {
            let text = dialect.sql_type(ColumnKind::Text);
            let kind = kind.sql_type(dialect);
            format!("CAST(CAST(${} AS {text}) AS {kind})", index + 1)
        };
        let values: Vec<_> = COLUMNS.iter().enumerate().map(value).collect();
        let assignments = names.iter().map(|name| format!("{name} = excluded.{name}"));
        format!(
            "INSERT INTO kapture_days ({}) VALUES ({}) ON CONFLICT (day) DO UPDATE SET {}",
            names.join(", "),
            values.join(", "),
            assignments.collect::<Vec<_>>().join(", ")
        )
    }

    /// Encodes a receipt as a row.
    pub(crate) fn encode(receipt: &Receipt) -> LedgerRow {
        let fields = serde_json::to_value(receipt).unwrap_or_default();
        let text = |(name, _): &(&str, Kind)| match &fields[*name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        COLUMNS.iter().map(text).collect()
    }

    /// Adds the rows of the database `destination` to `ledger`, and marks the days `sharing` a
    /// customer with another day stale. A row that cannot be decoded makes its day stale.
    pub(crate) fn decode_ledger(
        mut ledger: Ledger,
        destination: &str,
        rows: Vec<LedgerRow>,
        sharing: impl IntoIterator<Item = String>,
    ) -> Result<Ledger, SinkError> {
        for row in rows {
            let day = row.first().cloned().flatten().unwrap_or_default();
            match decode(row) {
                Ok(receipt) => ledger.insert(receipt),
                Err(_) => {
                    let day = decode_day(destination, &day)?;
                    ledger.mark_stale(day, StaleReason::UnreadableReceipt);
                }
            }
        }
        for day in sharing {
            let day = decode_day(destination, &day)?;
            ledger.mark_stale(day, StaleReason::SharedCustomer);
        }
        Ok(ledger)
    }

    fn decode_day(destination: &str, day: &str) -> Result<NaiveDate, SinkError> {
        day.parse().map_err(|_| SinkError::Damaged {
            destination: destination.to_owned(),
            what: "its table kapture_days has a row whose day is no date".into(),
        })
    }

    fn decode(row: LedgerRow) -> Result<Receipt, serde_json::Error> {
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
}
