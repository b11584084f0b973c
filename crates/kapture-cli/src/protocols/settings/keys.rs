//! The keys of a configuration, and their JSON Schema.

use serde_json::{Map, Value, json};

/// A key of the configuration.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) description: &'static str,
}

/// What the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Text that no message shows.
    Secret,
    Integer,
    /// A number with a fraction.
    Number,
    Flag,
    /// A list of texts, or one text with commas.
    List,
    /// An object with keys of its own.
    Object,
}

const fn key(name: &'static str, kind: Kind, description: &'static str) -> Key {
    Key {
        name,
        kind,
        description,
    }
}

/// The keys without which nothing can be asked.
const REQUIRED: [&str; 2] = ["cm_id", "start_date"];

/// All keys, in the order of the documentation.
pub(super) const KEYS: [Key; 20] = [
    key(
        "subdomain",
        Kind::Text,
        "Subdomain of the tenant: NAME in NAME.kapturecrm.com",
    ),
    key(
        "base_url",
        Kind::Text,
        "Base URL of the tenant, if it has a host of its own",
    ),
    key("cm_id", Kind::Integer, "Account id"),
    key(
        "token",
        Kind::Secret,
        "Token of the API; or set user and password",
    ),
    key("user", Kind::Text, "User name, in place of a token"),
    key("password", Kind::Secret, "Password of the user"),
    key(
        "start_date",
        Kind::Text,
        "First day of creation: YYYY-MM-DD, today, yesterday or -7d (seven days ago)",
    ),
    key(
        "end_date",
        Kind::Text,
        "Last day of creation, in the same formats; today if it is not set",
    ),
    key(
        "time_zone",
        Kind::Text,
        "Time zone of the tenant, for example Asia/Kolkata: where days end, and the zone of times",
    ),
    key(
        "refresh",
        Kind::Text,
        "Complete days to read again: 3 for the last three at every run, 1,3,7,30 for each day at these ages",
    ),
    key(
        "filters",
        Kind::Object,
        "Which customers to ask for; without filters all of them",
    ),
    key(
        "drop",
        Kind::List,
        "Fields to leave out, for example remarks,contacts.phone,attr3",
    ),
    key(
        "hash",
        Kind::List,
        "Fields to replace by a keyed hash (HMAC-SHA-256)",
    ),
    key(
        "hash_key",
        Kind::Secret,
        "Key of the hashes; openssl rand -hex 32 prints a good one",
    ),
    key(
        "endpoint",
        Kind::Text,
        "Documented path to use: search (the default) or legacy",
    ),
    key(
        "empty_answer",
        Kind::Text,
        "Message with which this server reports that there are no customers, if that cannot be proven",
    ),
    key(
        "timeout",
        Kind::Integer,
        "Timeout of one request, in seconds",
    ),
    key(
        "retry_for",
        Kind::Text,
        "How long to retry a failing request, for example 90s, 10m or 1h",
    ),
    key(
        "concurrency",
        Kind::Integer,
        "Maximum number of concurrent requests",
    ),
    key(
        "max_rps",
        Kind::Number,
        "Maximum number of requests per second",
    ),
];

/// The keys of `filters`.
pub(super) const FILTERS: [Key; 17] = [
    key("name", Kind::Text, "Customers of this name"),
    key("phone", Kind::Text, "Customers with this phone number"),
    key("email", Kind::Text, "Customers with this e-mail address"),
    key(
        "designation_type",
        Kind::Text,
        "Customers of this designation type",
    ),
    key("customer_id", Kind::Text, "The customer with this id"),
    key("customer_code", Kind::Text, "The customer with this code"),
    key("zone", Kind::Text, "Customers of these zones (zoneIdStr)"),
    key(
        "zone_id",
        Kind::Integer,
        "Customers of the zone with this number",
    ),
    key(
        "assigned_to_id",
        Kind::Integer,
        "Customers assigned to the employee with this number",
    ),
    key(
        "assigned_to",
        Kind::Text,
        "Customers assigned to these employees (assignedToIdStr)",
    ),
    key(
        "primary_source_id",
        Kind::Integer,
        "Customers from this primary source",
    ),
    key(
        "secondary_source_id",
        Kind::Integer,
        "Customers from this secondary source",
    ),
    key(
        "tertiary_source_id",
        Kind::Integer,
        "Customers from this tertiary source",
    ),
    key(
        "attributes",
        Kind::List,
        "Customers whose attribute N (1 to 15) has a value: 3=gold",
    ),
    key(
        "kind",
        Kind::Text,
        "Customers of this kind: organisation, individual or channel-partner",
    ),
    key(
        "all_customer_page",
        Kind::Flag,
        "Search with the tenant's \"all customers\" page configuration",
    ),
    key(
        "full_body",
        Kind::Flag,
        "Send every documented key with each request, for servers that require it",
    ),
];

/// The JSON Schema of a configuration. Secrets are marked for all protocols.
pub(crate) fn json_schema() -> Value {
    let mut schema = object_schema(&KEYS);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Kapture CRM".into();
    schema["required"] = json!(REQUIRED);
    schema["properties"]["filters"] = object_schema(&FILTERS);
    schema
}

fn object_schema(keys: &[Key]) -> Value {
    let mut properties = Map::new();
    for (order, key) in keys.iter().enumerate() {
        let kind = match key.kind {
            Kind::Text | Kind::Secret => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Flag => "boolean",
            Kind::List => "array",
            Kind::Object => "object",
        };
        let mut schema = json!({
            "type": kind,
            "title": key.name,
            "description": key.description,
            "order": order,
        });
        if key.kind == Kind::Secret {
            for mark in ["writeOnly", "secret", "airbyte_secret"] {
                schema[mark] = true.into();
            }
        }
        if key.kind == Kind::List {
            schema["items"] = json!({"type": "string"});
        }
        properties.insert(key.name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_every_key_and_marks_secrets() {
        let schema = json_schema();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), KEYS.len());
        let secrets = properties
            .iter()
            .filter(|(_, it)| it["airbyte_secret"] == true);
        let names: Vec<_> = secrets.map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["token", "password", "hash_key"]);
        assert_eq!(
            properties["filters"]["properties"]["zone_id"]["type"],
            "integer"
        );
    }
}
