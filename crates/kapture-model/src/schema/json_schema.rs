//! The normal form, described as a JSON Schema.

use serde_json::{Map, Value, json};

use crate::schema::documented::{Kind, fields};
use crate::schema::drift::Owner;

/// A JSON Schema (draft 2020-12) of one record in the [normal form](crate::Normaliser).
///
/// It describes what is documented. Further keys are allowed, since tenants have their own. A value
/// that says nothing in the documented type is written as it came, so such a record does not validate:
/// that is how a reader may notice what [`Drift`](crate::Drift) counts.
///
/// ```
/// let schema = kapture_model::json_schema();
/// assert_eq!(schema["properties"]["outStandingAmount"]["type"][0], "number");
/// ```
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Customer",
        "description": "One customer as kapture writes it: one line of NDJSON.",
        "type": "object",
        "required": ["id"],
        "properties": properties(Owner::Customer),
        "$defs": {
            "contact": {
                "title": "Contact",
                "type": "object",
                "properties": properties(Owner::Contact),
            },
        },
    })
}

fn properties(owner: Owner) -> Map<String, Value> {
    let property = |(key, kind): &(&str, Kind)| {
        let schema = match (*key, kind) {
            // Ids may come as text; those of customers always come.
            ("id", _) if matches!(owner, Owner::Customer) => json!({"type": ["integer", "string"]}),
            ("id", _) => json!({"type": ["integer", "string", "null"]}),
            (_, Kind::Number) => json!({"type": ["integer", "null"]}),
            (_, Kind::Float) => json!({"type": ["number", "null"]}),
            (_, Kind::Text) => json!({"type": ["string", "null"]}),
            (_, Kind::Bool) => json!({"type": ["boolean", "null"]}),
            (_, Kind::Timestamp) => json!({
                "type": ["string", "null"],
                "description": "A local date-time without a zone.",
                "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?$",
            }),
            (_, Kind::Contacts) => {
                json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/contact"}})
            }
        };
        ((*key).to_owned(), schema)
    };
    fields(owner).iter().map(property).collect()
}
