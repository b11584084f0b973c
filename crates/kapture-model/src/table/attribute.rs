//! Columns for attributes of the tenant: fields that the documentation does not know.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::cell::{Cell, Read};
use super::column::customer_columns;
use super::row::Row;
use crate::schema::documented::Kind;

/// The longest name of a column, in bytes: PostgreSQL cuts longer ones.
const MAX_NAME: usize = 63;

/// Names that tables have beside those of the documented columns.
const RESERVED: [&str; 3] = ["extra", "contacts", "created_date"];

/// A text column for a field of customers that has none, such as an attribute of the tenant.
///
/// The field stays in [`Row::extra`] as well, with its own type.
///
/// ```
/// use kapture_model::{AttributeColumn, Cell, Record, RowReader};
///
/// let columns = [AttributeColumn::new("attr3", "loyalty_tier")?];
/// let record = Record::decode(r#"{"id": 17, "attr3": "gold"}"#.into())?;
/// let row = RowReader::default().read(&record);
/// assert_eq!(AttributeColumn::cells(&columns, &row.customer), [Cell::Text("gold".into())]);
/// assert!(AttributeColumn::new("attr3", "city").is_err(), "there is a column `city`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(String, String)", into = "(String, String)")]
pub struct AttributeColumn {
    key: String,
    name: String,
}

/// Why there cannot be such a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeColumnError {
    /// The key is empty, or has a character that no column can be derived from.
    #[error("`{0}` is no key: expected the name of a field, such as attr3")]
    Key(String),
    /// The field has a column already.
    #[error("`{key}` has a column already: `{name}`")]
    Documented {
        /// The key.
        key: String,
        /// The name of its column.
        name: String,
    },
    /// The name of the column is empty, too long, or has a quote or a control character.
    #[error(
        "`{0}` is no name of a column: expected at most 63 bytes without quotes, such as loyalty_tier"
    )]
    Name(String),
    /// There is another column of this name.
    #[error("there is a column `{0}` already: choose another name")]
    Taken(String),
}

impl AttributeColumn {
    /// A column with this name for the field `key`.
    ///
    /// # Errors
    /// When the field has a column, or there is another column of this name, in any case.
    pub fn new(
        key: impl Into<String>,
        name: impl Into<String>,
    ) -> Result<Self, AttributeColumnError> {
        let (key, name) = (key.into(), name.into());
        let is_odd = |text: &str| {
            text.trim() != text
                || text.is_empty()
                || text.contains(['"', '\'', '\\'])
                || text.contains(char::is_control)
        };
        if is_odd(&key) || key == "contacts" {
            return Err(AttributeColumnError::Key(key));
        }
        if let Some(column) = customer_columns().iter().find(|column| column.key == key) {
            let name = column.name.clone();
            return Err(AttributeColumnError::Documented { key, name });
        }
        if is_odd(&name) || name.len() > MAX_NAME {
            return Err(AttributeColumnError::Name(name));
        }
        let lower = name.to_lowercase();
        let is_taken = RESERVED.contains(&&*lower)
            || ["contact_", "kapture_"]
                .iter()
                .any(|start| lower.starts_with(start))
            || customer_columns().iter().any(|column| column.name == lower);
        match is_taken {
            true => Err(AttributeColumnError::Taken(name)),
            false => Ok(Self { key, name }),
        }
    }

    /// The API's name of the field.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a customer has in these columns: text, also of a number or a flag. An object or a list
    /// is null here.
    pub fn cells<'a>(columns: &[Self], row: &'a Row<'_>) -> Vec<Cell<'a>> {
        if columns.is_empty() {
            return Vec::new();
        }
        let extra = row.extra.as_deref().unwrap_or("{}");
        let fields: HashMap<Cow<'a, str>, &'a RawValue> =
            serde_json::from_str(extra).unwrap_or_default();
        let cell = |column: &Self| {
            let value = fields.get(column.key.as_str());
            value.map_or(Cell::Null, |value| {
                Read::of(Kind::Text, value.get(), &Utc).cell
            })
        };
        columns.iter().map(cell).collect()
    }
}

impl TryFrom<(String, String)> for AttributeColumn {
    type Error = AttributeColumnError;

    fn try_from((key, name): (String, String)) -> Result<Self, AttributeColumnError> {
        Self::new(key, name)
    }
}

impl From<AttributeColumn> for (String, String) {
    fn from(column: AttributeColumn) -> Self {
        (column.key, column.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, RowReader};

    #[test]
    fn names_are_free_and_portable() {
        for (key, name) in [
            ("", "tier"),
            ("attr3", ""),
            ("attr3", " tier"),
            ("attr3", "ti\"er"),
            ("at'tr", "tier"),
            ("city", "town"),
            ("attr3", "City"),
            ("attr3", "EXTRA"),
            ("attr3", "contact_name"),
            ("attr3", "kapture_day"),
            ("contacts", "people"),
        ] {
            assert!(AttributeColumn::new(key, name).is_err(), "{key}={name}");
        }
        assert!(AttributeColumn::new("attr3", "x".repeat(64)).is_err());
        for name in ["loyalty_tier", "Loyalty tier", "वर्ग"] {
            assert!(AttributeColumn::new("attr3", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn scalars_are_text_and_the_rest_is_null() {
        let columns: Vec<_> = ["text", "number", "flag", "list", "blank", "absent"]
            .into_iter()
            .map(|key| AttributeColumn::new(key, format!("a_{key}")).unwrap())
            .collect();
        let json =
            r#"{"id":1,"text":"g\u00f6ld","number":007.50,"flag":true,"list":[1],"blank":" "}"#;
        let json = json.replace("007.50", "7.50");
        let record = Record::decode(json.into()).unwrap();
        let row = RowReader::default().read(&record);
        let text = |text: &'static str| Cell::Text(text.into());
        assert_eq!(
            AttributeColumn::cells(&columns, &row.customer),
            [
                text("göld"),
                text("7.50"),
                text("true"),
                Cell::Null,
                Cell::Null,
                Cell::Null
            ]
        );
    }
}
