//! A record of a stream as JSON, with the properties that are selected.

use std::io::Write;

use kapture_model::{Cell, CustomerRow, Privacy, Row};
use serde_json::{Map, Value, json};

use crate::protocols::streams::{CONTACTS, Property, Source, Stream};

/// A record of a stream.
#[derive(Clone, Copy)]
pub(crate) enum StreamRecord<'a> {
    Customer(&'a CustomerRow<'a>),
    Contact {
        /// The key of its customer.
        customer: i64,
        /// Its position among the contacts of its customer.
        position: usize,
        row: &'a Row<'a>,
    },
}

impl<'a> StreamRecord<'a> {
    /// The records of a stream in a customer, each passed to `tell`.
    pub(crate) fn each(stream: Stream, row: &'a CustomerRow<'a>, mut tell: impl FnMut(Self)) {
        match stream {
            Stream::Customers => tell(Self::Customer(row)),
            Stream::Contacts => {
                for (position, contact) in row.contacts.iter().enumerate() {
                    tell(Self::Contact {
                        customer: row.id,
                        position,
                        row: contact,
                    });
                }
            }
        }
    }

    /// Its cells and its extra object.
    pub(crate) fn row(&self) -> &'a Row<'a> {
        match *self {
            Self::Customer(customer) => &customer.customer,
            Self::Contact { row, .. } => row,
        }
    }
}

/// The key of a record that a stream has no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKey {
    Customer(i64),
    Contact { customer: i64, position: usize },
}

impl RecordKey {
    /// Its properties as members of a JSON object, without the braces.
    pub(crate) fn write_members(self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = match self {
            Self::Customer(id) => write!(out, r#""id":{id}"#),
            Self::Contact { customer, position } => {
                write!(out, r#""customer_id":{customer},"position":{position}"#)
            }
        };
    }
}

/// The properties of a stream that are selected.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    members: Vec<Member>,
    /// Those of the contacts inside a customer.
    contacts: Vec<Member>,
    properties: Vec<Property>,
}

/// A member of a JSON object.
#[derive(Debug, Clone)]
struct Member {
    /// The name as it stands in JSON, with a colon behind it.
    token: Box<[u8]>,
    source: Source,
}

impl Selection {
    /// The properties that `is_selected` names, and those of the key. It gets the name of a property,
    /// or `contacts` and the name of a property of contacts inside a customer.
    pub(crate) fn new(
        stream: Stream,
        privacy: &Privacy,
        is_selected: impl Fn(&[&str]) -> bool,
    ) -> Self {
        let is_key = |name: &str| stream.key().contains(&name);
        let properties: Vec<_> = stream
            .properties(privacy)
            .into_iter()
            .filter(|property| is_key(&property.name) || is_selected(&[property.name.as_str()]))
            .collect();
        let contacts: Vec<_> = Stream::Contacts
            .properties(privacy)
            .into_iter()
            .filter(|contact| !matches!(contact.source, Source::Customer | Source::Position))
            .filter(|contact| is_selected(&[CONTACTS, contact.name.as_str()]))
            .collect();
        let mut selection = Self {
            members: properties.iter().map(Member::of).collect(),
            contacts: contacts.iter().map(Member::of).collect(),
            properties,
        };
        for property in &mut selection.properties {
            if property.source == Source::Contacts
                && let Some(nested) = property.schema["items"]["properties"].as_object_mut()
            {
                nested.retain(|name, _| contacts.iter().any(|contact| contact.name == *name));
            }
        }
        selection
    }

    /// Everything.
    pub(crate) fn all(stream: Stream, privacy: &Privacy) -> Self {
        Self::new(stream, privacy, |_| true)
    }

    /// The selected properties.
    pub(crate) fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The JSON Schema of the records.
    pub(crate) fn schema(&self) -> Value {
        let properties = self.properties.iter();
        let properties =
            properties.map(|property| (property.name.clone(), property.schema.clone()));
        json!({
            "type": "object",
            "properties": properties.collect::<Map<_, _>>(),
        })
    }

    /// Appends the selected properties as members of a JSON object, without the braces.
    pub(crate) fn write_members(&self, record: &StreamRecord<'_>, out: &mut Vec<u8>) {
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.token);
            match (member.source, record) {
                (Source::Contacts, StreamRecord::Customer(customer)) => {
                    self.write_contacts(&customer.contacts, out);
                }
                (Source::Customer, StreamRecord::Contact { customer, .. }) => {
                    let _ = write!(out, "{customer}");
                }
                (Source::Position, StreamRecord::Contact { position, .. }) => {
                    let _ = write!(out, "{position}");
                }
                (source, record) => write_value(source, record.row(), out),
            }
        }
    }

    fn write_contacts(&self, contacts: &[Row<'_>], out: &mut Vec<u8>) {
        out.push(b'[');
        for (position, contact) in contacts.iter().enumerate() {
            out.extend_from_slice(if position > 0 { b",{" } else { b"{" });
            for (index, member) in self.contacts.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&member.token);
                write_value(member.source, contact, out);
            }
            out.push(b'}');
        }
        out.push(b']');
    }
}

impl Member {
    fn of(property: &Property) -> Self {
        let token = format!("{}:", Value::from(property.name.as_str()));
        Self {
            token: token.into_bytes().into(),
            source: property.source,
        }
    }
}

fn write_value(source: Source, row: &Row<'_>, out: &mut Vec<u8>) {
    match source {
        Source::Cell(index, _) => write_cell(&row.cells[index], out),
        Source::Extra => match &row.extra {
            Some(extra) => out.extend_from_slice(extra.as_bytes()),
            None => out.extend_from_slice(b"null"),
        },
        Source::Contacts | Source::Customer | Source::Position => out.extend_from_slice(b"null"),
    }
}

fn write_cell(cell: &Cell<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match cell {
        Cell::Null => out.write_all(b"null"),
        Cell::Float(number) => serde_json::to_writer(out, number).map_err(Into::into),
        Cell::Text(text) => serde_json::to_writer(out, text).map_err(Into::into),
        Cell::Integer(_) | Cell::Bool(_) => {
            cell.write_text(out);
            Ok(())
        }
        Cell::Timestamp(_) => {
            out.push(b'"');
            cell.write_text(out);
            out.push(b'"');
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests {
    use kapture_model::{Record, RowReader};

    use super::*;

    const CUSTOMER: &str = r#"{"id":"A-17","name":"Asha \"A\" \ud83d","generationDate":"May 2, 2024 4:15:42 PM",
        "maxCreditAmt":2.5,"isApi":true,"zone":"north","attr1":"a\u0000b",
        "contacts":[{"id":1,"phone":"5550100","nickname":"Ash"},{"id":2}]}"#;

    fn records(stream: Stream, selection: &Selection) -> Vec<Value> {
        let record = Record::decode(CUSTOMER.as_bytes().into()).unwrap();
        let row = RowReader::default().read(&record);
        let mut records = Vec::new();
        StreamRecord::each(stream, &row, |record| {
            let mut out = b"{".to_vec();
            selection.write_members(&record, &mut out);
            out.push(b'}');
            records.push(serde_json::from_slice(&out).unwrap());
        });
        records
    }

    #[test]
    fn odd_values_are_in_the_extra_object_and_every_record_fits_its_schema() {
        let selection = Selection::all(Stream::Customers, &Privacy::default());
        let customer = &records(Stream::Customers, &selection)[0];
        assert!(customer["id"].as_i64().unwrap() < 0);
        assert_eq!(customer["name"], "Asha \"A\" \u{fffd}");
        assert_eq!(customer["generationDate"], "2024-05-02T16:15:42");
        assert_eq!(
            (&customer["maxCreditAmt"], &customer["isApi"]),
            (&json!(2.5), &json!(true))
        );
        assert_eq!(
            (&customer["zone"], &customer["city"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            customer["extra"],
            json!({"id": "A-17", "zone": "north", "attr1": "a\u{fffd}b"})
        );
        assert_eq!(customer["contacts"][0]["extra"], json!({"nickname": "Ash"}));
        assert_eq!(customer["contacts"][1]["extra"], Value::Null);
        let keys: Vec<_> = customer.as_object().unwrap().keys().collect();
        let names = selection.properties().iter().map(|property| &property.name);
        assert_eq!(keys, names.collect::<Vec<_>>());
    }

    #[test]
    fn contacts_name_their_customer_and_their_position() {
        let selection = Selection::all(Stream::Contacts, &Privacy::default());
        let contacts = records(Stream::Contacts, &selection);
        let key = |contact: &Value| (contact["customer_id"].clone(), contact["position"].clone());
        assert_eq!(key(&contacts[0]).1, 0);
        assert_eq!(key(&contacts[1]).1, 1);
        assert_eq!(key(&contacts[0]).0, key(&contacts[1]).0);
        assert_eq!(
            (&contacts[0]["phone"], &contacts[1]["id"]),
            (&json!("5550100"), &json!(2))
        );
    }

    #[test]
    fn only_selected_properties_and_the_key_are_written() {
        let selected =
            |path: &[&str]| matches!(path, ["name" | "contacts"] | ["contacts", "phone"]);
        let selection = Selection::new(Stream::Customers, &Privacy::default(), selected);
        let customer = &records(Stream::Customers, &selection)[0];
        let names: Vec<_> = customer.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "name", "contacts"]);
        assert_eq!(
            customer["contacts"],
            json!([{"phone": "5550100"}, {"phone": null}])
        );
        let schema = selection.schema();
        let contact = schema["properties"]["contacts"]["items"]["properties"].as_object();
        assert_eq!(contact.unwrap().keys().collect::<Vec<_>>(), ["phone"]);
    }

    #[test]
    fn a_key_is_written_with_the_names_of_its_properties() {
        let written = |key: RecordKey| {
            let mut out = Vec::new();
            key.write_members(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(RecordKey::Customer(17)), r#""id":17"#);
        let contact = RecordKey::Contact {
            customer: 17,
            position: 1,
        };
        assert_eq!(written(contact), r#""customer_id":17,"position":1"#);
    }
}
