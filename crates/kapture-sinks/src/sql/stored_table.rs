//! Tables whose rows are values as serde describes them: receipts and runs. One column for each
//! field, and every value as text between program and database.

use kapture_model::ColumnKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::tables::Dialect;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Day,
    Number,
    Text,
    NullableText,
    Json,
}

impl Kind {
    fn sql_type(self, dialect: Dialect) -> &'static str {
        match self {
            Self::Day => dialect.date(),
            Self::Number => dialect.sql_type(ColumnKind::Integer),
            Self::Text | Self::NullableText => dialect.sql_type(ColumnKind::Text),
            Self::Json => dialect.json(),
        }
    }
}

/// A table of values, whose first column is its primary key.
pub(crate) struct StoredTable {
    pub(crate) name: &'static str,
    /// Each a field of the value.
    pub(crate) columns: &'static [(&'static str, Kind)],
}

/// A row as text, column by column.
pub(crate) type StoredRow = Vec<Option<String>>;

impl StoredTable {
    /// The number of columns.
    pub(crate) const fn width(&self) -> usize {
        self.columns.len()
    }

    /// The columns as `CREATE TABLE` declares them.
    pub(crate) fn column_definitions(&self, dialect: Dialect) -> String {
        let column = |(index, (name, kind)): (usize, &(&str, Kind))| {
            let constraint = match kind {
                _ if index == 0 => " PRIMARY KEY",
                Kind::NullableText => "",
                _ => " NOT NULL",
            };
            format!("    {name} {}{constraint}", kind.sql_type(dialect))
        };
        let columns = self.columns.iter().enumerate().map(column);
        columns.collect::<Vec<_>>().join(",\n")
    }

    /// Selects all rows, as text.
    pub(crate) fn select(&self, dialect: Dialect) -> String {
        let column = |(name, kind): &(&str, Kind)| match kind {
            Kind::Day => dialect.date_as_text(name),
            _ => format!("CAST({name} AS {})", dialect.sql_type(ColumnKind::Text)),
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.name)
    }

    /// Inserts a row, given as text, or replaces the one of its key.
    pub(crate) fn upsert(&self, dialect: Dialect) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let value = |(index, (_, kind)): (usize, &(&str, Kind))| {
            let text = dialect.sql_type(ColumnKind::Text);
            let kind = kind.sql_type(dialect);
            format!("CAST(CAST(${} AS {text}) AS {kind})", index + 1)
        };
        let values: Vec<_> = self.columns.iter().enumerate().map(value).collect();
        let assignments = names.iter().map(|name| format!("{name} = excluded.{name}"));
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
            self.name,
            names.join(", "),
            values.join(", "),
            names[0],
            assignments.collect::<Vec<_>>().join(", ")
        )
    }

    /// Encodes a value as a row.
    pub(crate) fn encode(&self, value: &impl Serialize) -> StoredRow {
        let fields = serde_json::to_value(value).unwrap_or_default();
        let text = |(name, _): &(&str, Kind)| match &fields[*name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        self.columns.iter().map(text).collect()
    }

    /// Decodes a row.
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        row: StoredRow,
    ) -> Result<T, serde_json::Error> {
        let value = |((name, kind), text): (&(&str, Kind), Option<String>)| {
            let value = match (kind, text) {
                (_, None) => Value::Null,
                (Kind::Number | Kind::Json, Some(text)) => serde_json::from_str(&text)?,
                (_, Some(text)) => text.into(),
            };
            Ok(((*name).to_owned(), value))
        };
        let fields: Result<_, serde_json::Error> =
            self.columns.iter().zip(row).map(value).collect();
        serde_json::from_value(Value::Object(fields?))
    }
}
