//! A row as a JSON object, with the API's own names.

use serde_json::{Map, Value};

use super::cell::Cell;
use super::column::{Column, contact_columns, customer_columns};
use super::row::{CustomerRow, Row};

impl CustomerRow<'_> {
    /// The customer as a JSON object with the API's own names: every documented field, null where
    /// there is nothing, its contacts as a list, and the fields that have no column.
    ///
    /// ```
    /// use kapture_model::{Record, RowReader};
    ///
    /// let json = br#"{"id":17,"generationDate":"May 2, 2024 4:15:42 PM","attr1":"gold","contacts":[{"id":1}]}"#;
    /// let record = Record::decode(json.as_slice().into())?;
    /// let customer = RowReader::default().read(&record).to_json();
    /// assert_eq!(customer["id"], 17);
    /// assert_eq!(customer["generationDate"], "2024-05-02T16:15:42");
    /// assert_eq!((&customer["city"], &customer["attr1"]), (&().into(), &"gold".into()));
    /// assert_eq!(customer["contacts"][0]["id"], 1);
    /// # Ok::<(), kapture_model::RecordError>(())
    /// ```
    pub fn to_json(&self) -> Map<String, Value> {
        let contacts = self.contacts.iter();
        let contacts = contacts.map(|contact| object(contact_columns(), contact, None).into());
        object(
            customer_columns(),
            &self.customer,
            Some(contacts.collect::<Vec<Value>>()),
        )
    }
}

fn object(columns: &[Column], row: &Row<'_>, contacts: Option<Vec<Value>>) -> Map<String, Value> {
    let cells = columns.iter().zip(&row.cells);
    let mut object: Map<String, Value> = cells
        .map(|(column, cell)| (column.key.to_owned(), value(cell)))
        .collect();
    object.extend(contacts.map(|contacts| ("contacts".to_owned(), contacts.into())));
    let extra = row.extra.as_deref().unwrap_or("{}");
    let extra: Map<String, Value> = serde_json::from_str(extra).unwrap_or_default();
    // It has the last word: the id that is no number, and what is no list of contacts.
    object.extend(extra);
    object
}

fn value(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => (*number).into(),
        Cell::Float(number) => (*number).into(),
        Cell::Text(text) => text.as_ref().into(),
        Cell::Bool(flag) => (*flag).into(),
        Cell::Timestamp(time) => format!("{time:?}").into(),
    }
}
