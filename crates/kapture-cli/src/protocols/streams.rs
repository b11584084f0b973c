//! The streams and the properties of their records.

use std::fmt;

use kapture_model::{Column, ColumnKind, Privacy, contact_columns, customer_columns};
use serde_json::{Map, Value, json};

/// The property with everything that has no property of its own.
pub(crate) const EXTRA: &str = "extra";

/// The property with the contacts of a customer.
pub(crate) const CONTACTS: &str = "contacts";

/// A stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// Customers with their contacts inside.
    Customers,
    /// The contacts of all customers.
    Contacts,
}

/// A property of the records of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    /// Its JSON Schema, from that of `kapture schema`.
    pub(crate) schema: Value,
    pub(crate) source: Source,
}

/// Where the value of a property comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The cell with this index, of a column of this kind.
    Cell(usize, ColumnKind),
    /// The key of the customer.
    Customer,
    /// The position of a contact among those of its customer, from 0.
    Position,
    /// The contacts of the customer.
    Contacts,
    /// What has no property of its own.
    Extra,
}

impl Stream {
    pub(crate) const ALL: [Self; 2] = [Self::Customers, Self::Contacts];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Contacts => CONTACTS,
        }
    }

    /// The stream of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.name() == name)
    }

    /// The properties that identify a record.
    pub(crate) fn key(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["id"],
            Self::Contacts => &["customer_id", "position"],
        }
    }

    /// The properties of its records, without fields that are dropped.
    pub(crate) fn properties(self, privacy: &Privacy) -> Vec<Property> {
        let customers = fields(&kapture_model::json_schema()["properties"]);
        let contacts = fields(&kapture_model::json_schema()["$defs"]["contact"]["properties"]);
        let contacts: Vec<_> = properties(contacts, contact_columns())
            .filter(|property| !privacy.drops(&format!("contacts.{}", property.name)))
            .chain([extra()])
            .collect();
        match self {
            Self::Customers => properties(customers, customer_columns())
                .filter(|property| !privacy.drops(&property.name))
                .map(|property| match property.source {
                    Source::Contacts => nested(property, &contacts),
                    Source::Cell(0, _) => Property {
                        schema: key_schema(),
                        ..property
                    },
                    _ => property,
                })
                .chain([extra()])
                .collect(),
            Self::Contacts => {
                let key = [
                    ("customer_id", key_schema(), Source::Customer),
                    (
                        "position",
                        json!({"type": "integer", "minimum": 0}),
                        Source::Position,
                    ),
                ];
                let key = key.into_iter().map(|(name, schema, source)| Property {
                    name: name.to_owned(),
                    schema,
                    source,
                });
                key.chain(contacts).collect()
            }
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The schemas of the documented fields, by their names.
fn fields(properties: &Value) -> Map<String, Value> {
    properties.as_object().cloned().unwrap_or_default()
}

fn properties(
    fields: Map<String, Value>,
    columns: &'static [Column],
) -> impl Iterator<Item = Property> {
    fields.into_iter().map(move |(name, schema)| {
        let column = columns.iter().position(|column| column.key == name);
        Property {
            source: match column {
                Some(index) => Source::Cell(index, columns[index].kind),
                None => Source::Contacts,
            },
            // An id that is no whole number is in the extra object.
            schema: match name.as_str() {
                "id" => json!({"type": ["integer", "null"]}),
                _ => schema,
            },
            name,
        }
    })
}

/// The schema of the key of a customer.
fn key_schema() -> Value {
    json!({
        "type": "integer",
        "description": "The id of the customer. One that is no whole number has a negative number in its place, and is in `extra`.",
    })
}

/// The contacts of a customer, with their properties in place.
fn nested(property: Property, contacts: &[Property]) -> Property {
    let properties = contacts
        .iter()
        .map(|contact| (contact.name.clone(), contact.schema.clone()))
        .collect::<Map<_, _>>();
    Property {
        schema: json!({
            "type": ["array", "null"],
            "items": {"type": "object", "properties": properties},
        }),
        ..property
    }
}

fn extra() -> Property {
    Property {
        name: EXTRA.to_owned(),
        schema: json!({
            "type": ["object", "null"],
            "description": "Fields that the API does not document, and values that are not of the documented type.",
        }),
        source: Source::Extra,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stream: Stream, privacy: &Privacy) -> Vec<String> {
        let properties = stream.properties(privacy);
        properties
            .into_iter()
            .map(|property| property.name)
            .collect()
    }

    #[test]
    fn every_documented_field_has_a_property_of_its_own() {
        let names = |stream| names(stream, &Privacy::default());
        let customers = names(Stream::Customers);
        assert_eq!(customers.len(), customer_columns().len() + 2);
        assert_eq!(
            (customers[0].as_str(), customers[50].as_str()),
            ("id", EXTRA)
        );
        let contacts = names(Stream::Contacts);
        assert_eq!(contacts.len(), contact_columns().len() + 3);
        for stream in Stream::ALL {
            let names = names(stream);
            assert!(
                stream
                    .key()
                    .iter()
                    .all(|key| names.iter().any(|name| name == key))
            );
        }
    }

    #[test]
    fn contacts_are_described_in_place() {
        let properties = Stream::Customers.properties(&Privacy::default());
        let contacts = properties.iter().find(|property| property.name == CONTACTS);
        let schema = &contacts.unwrap().schema["items"]["properties"];
        assert_eq!(schema["phone"]["type"], json!(["string", "null"]));
        assert_eq!(schema[EXTRA]["type"], json!(["object", "null"]));
    }

    #[test]
    fn dropped_fields_have_no_property() {
        let privacy = Privacy::new(["remarks", "contacts.phone"], [], None).unwrap();
        let customers = names(Stream::Customers, &privacy);
        assert!(!customers.contains(&"remarks".to_owned()));
        assert!(customers.contains(&"name".to_owned()));
        assert!(!names(Stream::Contacts, &privacy).contains(&"phone".to_owned()));
        let contacts = &Stream::Customers.properties(&privacy)[24].schema;
        assert!(contacts["items"]["properties"].get("phone").is_none());
    }
}
