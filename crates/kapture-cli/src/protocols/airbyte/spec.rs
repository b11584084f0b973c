//! The specification of the configuration, and a configuration in its form.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::message::Spec;
use crate::protocols::settings;

/// The version of the protocol whose messages are written.
const PROTOCOL_VERSION: &str = "0.2.0";

/// The page of this crate, which exists for each release.
const DOCUMENTATION: &str = concat!(
    "https://docs.rs/crate/kapture-cli/",
    env!("CARGO_PKG_VERSION")
);

/// The property whose object has one of the ways to sign in.
const CREDENTIALS: &str = "credentials";

/// The property that names the way, for forms.
const WAY: &str = "auth_type";

/// The ways to sign in: the value of [`WAY`], a title, and the keys of the configuration.
const WAYS: [(&str, &str, &[&str]); 2] = [
    ("token", "Token", &["token"]),
    ("user", "User name and password", &["user", "password"]),
];

/// The specification: that of all protocols, with the ways to sign in as alternatives of a form.
///
/// The same keys beside the others are accepted as well, so that a configuration of another protocol
/// can be used; forms do not show them.
pub(super) fn specification() -> Spec {
    let mut schema = settings::json_schema();
    let properties = &mut schema["properties"];
    let ways = WAYS.map(|(way, title, keys)| {
        let mut form = Map::new();
        form.insert(
            WAY.into(),
            json!({"type": "string", "const": way, "order": 0}),
        );
        for key in keys {
            form.insert((*key).into(), properties[key].clone());
        }
        let required: Vec<_> = [WAY].iter().chain(keys).collect();
        json!({"title": title, "type": "object", "required": required, "properties": form})
    });
    let order = properties["token"]["order"].clone();
    for (_, _, keys) in WAYS {
        for key in keys {
            properties[key]["airbyte_hidden"] = true.into();
        }
    }
    properties[CREDENTIALS] = json!({
        "type": "object",
        "title": "Sign in",
        "description": "The token of the API, or a user name and password",
        "order": order,
        "oneOf": ways,
    });
    // The platform may add properties; those of a user are checked by name when they are read.
    schema["additionalProperties"] = true.into();
    Spec {
        documentation_url: DOCUMENTATION,
        connection_specification: schema,
        supports_incremental: true,
        protocol_version: PROTOCOL_VERSION,
    }
}

/// The configuration of all protocols in one of this form: what is in `credentials` stands beside the
/// other keys.
pub(super) fn flattened(mut config: Value) -> Result<Value> {
    let Some(object) = config.as_object_mut() else {
        return Ok(config);
    };
    match object.remove(CREDENTIALS) {
        None | Some(Value::Null) => {}
        Some(Value::Object(credentials)) => {
            for (key, value) in credentials {
                if key == WAY {
                    continue;
                }
                if object.get(&key).is_some_and(|beside| !beside.is_null()) {
                    let key = kapture_model::sanitize(&key);
                    bail!("{key} is set in credentials and beside it: remove one");
                }
                object.insert(key, value);
            }
        }
        Some(_) => bail!("credentials: expected an object with a token, or with user and password"),
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_moved_beside_the_other_keys() {
        let form = json!({"cm_id": 7, "credentials": {"auth_type": "user", "user": "asha", "password": "p"}});
        let flat = json!({"cm_id": 7, "user": "asha", "password": "p"});
        assert_eq!(flattened(form).unwrap(), flat);
        assert_eq!(flattened(flat.clone()).unwrap(), flat);
        let blank = json!({"token": null, "credentials": {"auth_type": "token", "token": "p"}});
        assert_eq!(flattened(blank).unwrap(), json!({"token": "p"}));
        let null = json!({"cm_id": 7, "credentials": null});
        assert_eq!(flattened(null).unwrap(), json!({"cm_id": 7}));
    }

    #[test]
    fn ambiguous_credentials_are_refused_and_not_quoted() {
        for config in [
            json!({"token": "U0VDUkVU", "credentials": {"token": "U0VDUkVU"}}),
            json!({"credentials": "U0VDUkVU"}),
        ] {
            let error = flattened(config).unwrap_err().to_string();
            assert!(error.contains("credentials"), "{error}");
            assert!(!error.contains("U0VDUkVU"), "{error}");
        }
    }

    #[test]
    fn each_way_to_sign_in_has_its_keys() {
        let schema = specification().connection_specification;
        let ways = schema["properties"][CREDENTIALS]["oneOf"].as_array();
        let required: Vec<_> = ways.unwrap().iter().map(|way| &way["required"]).collect();
        let expected = [
            json!(["auth_type", "token"]),
            json!(["auth_type", "user", "password"]),
        ];
        assert_eq!(required, expected.iter().collect::<Vec<_>>());
    }
}
