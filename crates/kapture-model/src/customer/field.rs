//! A field that keeps whatever the server sent.

use crate::{Contact, CustomerId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One field of a customer or contact.
///
/// A field is read leniently and encoded exactly: [`Field::value`] takes `"17"` for a number and
/// `1` for a flag, and encoding gives back what was decoded, whatever it was. So no odd value
/// costs a record, and none is lost.
///
/// ```
/// use kapture_model::Field;
/// use serde_json::json;
///
/// let field: Field<i64> = serde_json::from_value(json!("17"))?;
/// assert_eq!(field.get(), Some(17));
/// assert_eq!(serde_json::to_value(&field)?, json!("17"));
///
/// let name: Field<String> = serde_json::from_value(json!("Asha"))?;
/// assert_eq!(name.value().map(String::as_str), Some("Asha"));
///
/// let blank: Field<String> = serde_json::from_value(json!(" "))?;
/// assert_eq!(blank.value(), None);
/// assert_eq!(serde_json::to_value(&blank)?, json!(" "));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// A value of the documented type.
    Known(T),
    /// Any other value, null among them.
    Other(Undocumented<T>),
}

/// A value of another type than the documented one: as it came, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Undocumented<T> {
    json: Value,
    value: Option<T>,
}

impl<T> Undocumented<T> {
    /// The value as it came.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What it says, read as the documented type; `None` when it says nothing.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

/// A type that documented fields have. The crate's own affair: other types cannot have it.
pub trait FieldValue: sealed::FieldValue {}

impl<T: sealed::FieldValue> FieldValue for T {}

impl<T: FieldValue> Field<T> {
    /// What the field says: `None` when it is absent, null, blank text, or of a type that says
    /// nothing here.
    pub fn value(&self) -> Option<&T> {
        match self {
            Field::Absent => None,
            Field::Known(value) => Some(value).filter(|value| value.is_meaningful()),
            Field::Other(other) => other.value(),
        }
    }

    /// [`Field::value`], copied: for numbers, flags and timestamps.
    pub fn get(&self) -> Option<T>
    where
        T: Copy,
    {
        self.value().copied()
    }

    /// Whether the key is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }
}

impl<T: FieldValue> From<Value> for Field<T> {
    fn from(value: Value) -> Self {
        T::exact(value).map_or_else(
            |json| {
                let value = T::read(&json);
                Field::Other(Undocumented { json, value })
            },
            Field::Known,
        )
    }
}

impl<'de, T: FieldValue> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Field::from)
    }
}

impl<T: FieldValue> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Customers and contacts leave absent fields out; one alone is null.
            Field::Absent => serializer.serialize_unit(),
            Field::Known(value) => value.serialize(serializer),
            Field::Other(other) => other.json.serialize(serializer),
        }
    }
}

mod sealed {
    use serde::Serialize;
    use serde_json::Value;

    pub trait FieldValue: Sized + Serialize {
        /// The value as this type when encoding it gives the same again, else as it is.
        fn exact(value: Value) -> Result<Self, Value>;

        /// What a value of another type says.
        fn read(value: &Value) -> Option<Self>;

        /// Whether a value of this type says anything; blank text says nothing.
        fn is_meaningful(&self) -> bool {
            true
        }
    }
}

impl sealed::FieldValue for i64 {
    fn exact(value: Value) -> Result<Self, Value> {
        value.as_i64().ok_or(value)
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.trim().parse().ok(),
            // Beyond 2^53 a double does not tell neighbours apart.
            Value::Number(number) => number
                .as_f64()
                .filter(|number| number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0)
                .map(|number| number as i64),
            _ => None,
        }
    }
}

impl sealed::FieldValue for f64 {
    fn exact(value: Value) -> Result<Self, Value> {
        match &value {
            Value::Number(number) if number.is_f64() => number.as_f64().ok_or(value),
            _ => Err(value),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => value.as_f64(),
        }
    }
}

impl sealed::FieldValue for bool {
    fn exact(value: Value) -> Result<Self, Value> {
        value.as_bool().ok_or(value)
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

impl sealed::FieldValue for String {
    fn exact(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        }
    }

    fn is_meaningful(&self) -> bool {
        !self.trim().is_empty()
    }
}

impl sealed::FieldValue for CustomerId {
    fn exact(value: Value) -> Result<Self, Value> {
        value.as_u64().map(CustomerId::Number).ok_or(value)
    }

    fn read(value: &Value) -> Option<Self> {
        CustomerId::decode(&value.to_string())
    }
}

/// The API has three encodings of a date, so a decoded date stays what it was. One that was made
/// by hand is encoded as ISO text.
impl sealed::FieldValue for Timestamp {
    fn exact(value: Value) -> Result<Self, Value> {
        Err(value)
    }

    fn read(value: &Value) -> Option<Self> {
        Timestamp::decode(&value.to_string())
    }
}

impl sealed::FieldValue for Vec<Contact> {
    fn exact(value: Value) -> Result<Self, Value> {
        match value {
            Value::Array(rows) if rows.iter().all(Value::is_object) => {
                let contact = |row: &Value| Contact::deserialize(row).ok();
                let contacts: Option<_> = rows.iter().map(contact).collect();
                contacts.ok_or(Value::Array(rows))
            }
            other => Err(other),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let contact = |row: &Value| Contact::deserialize(row).ok();
        match value {
            Value::Array(rows) => Some(rows.iter().filter_map(contact).collect()),
            // One contact in place of a list of it.
            Value::Object(_) => Some(vec![contact(value)?]),
            _ => None,
        }
    }
}
