//! The catalog: the streams that there are, and those that the platform asks for.

use anyhow::{Context, Result, bail};
use kapture_model::{ColumnKind, Privacy};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::message::{Catalog, Stream as Discovered, SyncMode};
use crate::error::hinted;
use crate::protocols::streams::{Source, Stream};

/// When a record was read: what is newer, destinations keep.
pub(super) const CURSOR: &str = "_ab_cdc_updated_at";

/// When a record was found to be gone.
pub(super) const DELETED: &str = "_ab_cdc_deleted_at";

/// The streams that there are, without the fields that are dropped.
pub(super) fn discovered(privacy: &Privacy) -> Catalog {
    let stream = |stream: Stream| Discovered {
        name: stream.name(),
        json_schema: schema(stream, privacy),
        supported_sync_modes: [SyncMode::FullRefresh, SyncMode::Incremental],
        source_defined_cursor: true,
        default_cursor_field: vec![CURSOR],
        source_defined_primary_key: stream.key().iter().map(|field| vec![*field]).collect(),
        is_resumable: true,
    };
    Catalog {
        streams: Stream::ALL.map(stream).to_vec(),
    }
}

/// The JSON Schema of the records of a stream, with the types of Airbyte.
fn schema(stream: Stream, privacy: &Privacy) -> Value {
    let mut properties = Map::new();
    for mut property in stream.properties(privacy) {
        if matches!(property.source, Source::Cell(_, ColumnKind::Timestamp)) {
            property.schema["format"] = "date-time".into();
            property.schema["airbyte_type"] = "timestamp_without_timezone".into();
        }
        properties.insert(property.name, property.schema);
    }
    for name in [CURSOR, DELETED] {
        let instant = json!({
            "type": ["string", "null"],
            "format": "date-time",
            "airbyte_type": "timestamp_with_timezone",
        });
        properties.insert(name.to_owned(), instant);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "additionalProperties": true,
    })
}

/// What this connector reads of a configured catalog: platforms add fields in time.
#[derive(Deserialize)]
struct ConfiguredCatalog {
    streams: Vec<ConfiguredStream>,
}

#[derive(Deserialize)]
struct ConfiguredStream {
    stream: NamedStream,
}

#[derive(Deserialize)]
struct NamedStream {
    name: String,
}

/// The streams of a configured catalog. Both sync modes read the days that the state lacks.
pub(super) fn configured(catalog: Value) -> Result<Vec<Stream>> {
    let catalog: ConfiguredCatalog = serde_json::from_value(catalog)
        .context("the catalog is no configured catalog of Airbyte")?;
    let mut all = Vec::<Stream>::new();
    for ConfiguredStream { stream } in catalog.streams {
        let name = kapture_model::sanitize(&stream.name);
        let Some(stream) = Stream::named(&stream.name) else {
            return Err(hinted(
                format!("the catalog has the stream `{name}`, which this source does not have"),
                "refresh the schema of the connection: the streams are customers and contacts",
            ));
        };
        if all.contains(&stream) {
            bail!("the catalog has the stream `{name}` twice");
        }
        all.push(stream);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_newer_catalogs_are_no_error() {
        let catalog = json!({"streams": [
            {"stream": {"name": "contacts", "is_file_based": true}, "sync_mode": "incremental", "generation_id": 3},
            {"stream": {"name": "customers"}, "sync_mode": "full_refresh", "newer": []},
        ], "newer": {}});
        assert_eq!(
            configured(catalog).unwrap(),
            [Stream::Contacts, Stream::Customers]
        );
        assert_eq!(configured(json!({"streams": []})).unwrap(), []);
    }

    #[test]
    fn other_catalogs_are_refused_by_name() {
        let named = |name: &str| json!({"stream": {"name": name}});
        for (catalog, words) in [
            (json!({"streams": [named("orders")]}), "`orders`"),
            (
                json!({"streams": [named("contacts"), named("contacts")]}),
                "twice",
            ),
            (json!([]), "no configured catalog"),
            (
                json!({"streams": [{"name": "contacts"}]}),
                "no configured catalog",
            ),
        ] {
            let error = format!("{:#}", configured(catalog).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn times_have_the_types_of_airbyte() {
        let catalog = discovered(&Privacy::new(["remarks"], [], None).unwrap());
        let properties = &catalog.streams[0].json_schema["properties"];
        let types = |name: &str| &properties[name]["airbyte_type"];
        assert_eq!(types("generationDate"), "timestamp_without_timezone");
        assert_eq!(types(CURSOR), "timestamp_with_timezone");
        assert_eq!(properties.get("remarks"), None);
    }
}
