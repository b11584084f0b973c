//! The catalog: what `--discover` prints, and what `--catalog` selects.

use std::path::Path;

use anyhow::{Result, anyhow};
use kapture_model::{Privacy, sanitize};
use serde_json::{Value, json};

use super::messages::DELETED_AT;
use crate::config::suggest::did_you_mean;
use crate::error::{hinted, prefixed};
use crate::protocols::record::Selection;
use crate::protocols::settings::read_json;
use crate::protocols::streams::{CONTACTS, Stream};

/// A catalog that selects streams; by default all of them.
#[derive(Default)]
pub(crate) struct Catalog {
    /// `None`: everything.
    streams: Option<Vec<Entry>>,
}

/// A stream in a catalog.
struct Entry {
    stream: Stream,
    /// What belongs to the stream and to its properties, by the path of their names.
    metadata: Vec<(Vec<String>, Value)>,
    is_full_table: bool,
}

/// A stream that is selected.
pub(crate) struct SelectedStream {
    pub(crate) stream: Stream,
    pub(crate) selection: Selection,
    pub(crate) is_full_table: bool,
}

/// The catalog with everything that there is.
pub(crate) fn discovered(privacy: &Privacy) -> Value {
    let streams = Stream::ALL.map(|stream| {
        let selection = Selection::all(stream, privacy);
        json!({
            "tap_stream_id": stream.name(),
            "stream": stream.name(),
            "key_properties": stream.key(),
            "schema": schema(&selection),
            "metadata": metadata(stream, &selection),
        })
    });
    json!({"streams": streams})
}

/// The schema of the records of a stream, with the time at which one was found to be gone.
pub(super) fn schema(selection: &Selection) -> Value {
    let mut schema = selection.schema();
    schema["properties"][DELETED_AT] = json!({"type": ["string", "null"], "format": "date-time"});
    schema
}

fn metadata(stream: Stream, selection: &Selection) -> Vec<Value> {
    let of = |breadcrumb: &[&str], inclusion: &str| {
        json!({
            "breadcrumb": breadcrumb,
            "metadata": {"inclusion": inclusion, "selected-by-default": true},
        })
    };
    let mut metadata = vec![json!({
        "breadcrumb": [],
        "metadata": {
            "inclusion": "available",
            "selected-by-default": true,
            "table-key-properties": stream.key(),
        },
    })];
    for property in selection.properties() {
        let name = property.name.as_str();
        metadata.push(match stream.key().contains(&name) {
            true => of(&["properties", name], "automatic"),
            false => of(&["properties", name], "available"),
        });
        let nested = property.schema["items"]["properties"].as_object();
        for inner in nested.into_iter().flat_map(|nested| nested.keys()) {
            metadata.push(of(&["properties", name, "properties", inner], "available"));
        }
    }
    metadata.push(of(&["properties", DELETED_AT], "automatic"));
    metadata
}

impl Catalog {
    /// Reads a catalog file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let catalog = read_json(path, "catalog")?;
        Self::parse(&catalog).map_err(|error| prefixed(&path.display().to_string(), error))
    }

    fn parse(catalog: &Value) -> Result<Self> {
        let streams = catalog["streams"].as_array().ok_or_else(|| {
            hinted(
                "expected a catalog with a list of streams",
                "kapture singer --config FILE --discover prints one",
            )
        })?;
        let streams = streams.iter().map(Entry::parse).collect::<Result<_>>()?;
        Ok(Self {
            streams: Some(streams),
        })
    }

    /// The streams that are selected, in the order of the catalog.
    pub(crate) fn selected(&self, privacy: &Privacy) -> Vec<SelectedStream> {
        let Some(streams) = &self.streams else {
            let all = Stream::ALL.map(|stream| SelectedStream {
                stream,
                selection: Selection::all(stream, privacy),
                is_full_table: false,
            });
            return all.into();
        };
        let selected = streams
            .iter()
            .filter(|entry| entry.is_selected(&[]) == Some(true));
        let selected = selected.map(|entry| SelectedStream {
            stream: entry.stream,
            selection: Selection::new(entry.stream, privacy, |path| {
                entry.is_selected(path).unwrap_or(true)
            }),
            is_full_table: entry.is_full_table,
        });
        selected.collect()
    }
}

impl Entry {
    fn parse(entry: &Value) -> Result<Self> {
        let name = [&entry["tap_stream_id"], &entry["stream"]];
        let name = name.into_iter().find_map(Value::as_str);
        let name = name.ok_or_else(|| anyhow!("a stream of the catalog has no tap_stream_id"))?;
        let stream = Stream::named(name).ok_or_else(|| {
            let known = Stream::ALL.map(Stream::name);
            hinted(
                format!(
                    "unknown stream `{}`{}",
                    sanitize(name),
                    did_you_mean(name, known)
                ),
                format!("the streams are {}", known.join(" and ")),
            )
        })?;
        let metadata = entry["metadata"].as_array().into_iter().flatten();
        let metadata: Vec<_> = metadata
            .filter_map(|of| Some((path(&of["breadcrumb"])?, of["metadata"].clone())))
            .collect();
        let of_stream = find(&metadata, &[]).map(|of| &of["replication-method"]);
        let methods = [of_stream, Some(&entry["replication_method"])];
        let method = methods.into_iter().flatten().find_map(Value::as_str);
        let is_full_table = match method {
            Some("FULL_TABLE") => true,
            Some("INCREMENTAL") | None => false,
            Some(method) => {
                let method = sanitize(method);
                return Err(hinted(
                    format!("stream {name}: unknown replication method `{method}`"),
                    "the methods are INCREMENTAL and FULL_TABLE",
                ));
            }
        };
        Ok(Self {
            stream,
            metadata,
            is_full_table,
        })
    }

    /// Whether a property, or with an empty path the stream, is selected; `None` if nothing is said.
    fn is_selected(&self, path: &[&str]) -> Option<bool> {
        let metadata = find(&self.metadata, path)?;
        match metadata["inclusion"].as_str() {
            Some("automatic") => return Some(true),
            Some("unsupported") => return Some(false),
            _ => {}
        }
        let said = [&metadata["selected"], &metadata["selected-by-default"]];
        said.into_iter().find_map(Value::as_bool)
    }
}

/// The metadata of the property with this path.
fn find<'a>(metadata: &'a [(Vec<String>, Value)], path: &[&str]) -> Option<&'a Value> {
    let found = metadata.iter().find(|(of, _)| of == path);
    found.map(|(_, metadata)| metadata)
}

/// The path of names that a breadcrumb means, as far as it means one.
fn path(breadcrumb: &Value) -> Option<Vec<String>> {
    let names: Option<Vec<_>> = breadcrumb.as_array()?.iter().map(Value::as_str).collect();
    let path = match names?[..] {
        [] => vec![],
        ["properties", name] => vec![name],
        ["properties", CONTACTS, "properties", name]
        | ["properties", CONTACTS, "items", "properties", name] => vec![CONTACTS, name],
        _ => return None,
    };
    Some(path.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(catalog: &Value) -> Vec<(Stream, Vec<String>)> {
        let selected = Catalog::parse(catalog)
            .unwrap()
            .selected(&Privacy::default());
        let names = |of: &SelectedStream| {
            let properties = of.selection.properties().iter();
            properties.map(|property| property.name.clone()).collect()
        };
        selected.iter().map(|of| (of.stream, names(of))).collect()
    }

    /// A catalog as it was discovered, with further metadata in front.
    fn with(stream: usize, breadcrumb: &Value, metadata: &Value) -> Value {
        let mut catalog = discovered(&Privacy::default());
        let all = catalog["streams"][stream]["metadata"]
            .as_array_mut()
            .unwrap();
        all.retain(|of| of["breadcrumb"] != *breadcrumb);
        all.push(json!({"breadcrumb": breadcrumb, "metadata": metadata}));
        catalog
    }

    #[test]
    fn what_was_discovered_selects_everything() {
        let all = selected(&discovered(&Privacy::default()));
        let names = |stream: Stream| {
            let properties = stream.properties(&Privacy::default());
            properties
                .into_iter()
                .map(|property| property.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(all, Stream::ALL.map(|stream| (stream, names(stream))));
    }

    #[test]
    fn streams_are_selected_by_their_metadata() {
        let streams = |metadata: Value| {
            let selected = selected(&with(1, &json!([]), &metadata));
            selected
                .into_iter()
                .map(|(stream, _)| stream)
                .collect::<Vec<_>>()
        };
        let both = Stream::ALL;
        let one = [Stream::Customers];
        assert_eq!(
            streams(json!({"selected": true, "selected-by-default": false})),
            both
        );
        assert_eq!(
            streams(json!({"selected": false, "selected-by-default": true})),
            one
        );
        assert_eq!(streams(json!({"selected-by-default": false})), one);
        assert_eq!(streams(json!({"inclusion": "available"})), one);
    }

    #[test]
    fn properties_are_selected_by_their_metadata_and_keys_always() {
        let has = |breadcrumb: Value, metadata: Value, name: &str| {
            let all = selected(&with(0, &breadcrumb, &metadata));
            all[0].1.iter().any(|property| property == name)
        };
        let name = json!(["properties", "name"]);
        assert!(!has(name.clone(), json!({"selected": false}), "name"));
        assert!(!has(
            name.clone(),
            json!({"inclusion": "unsupported", "selected": true}),
            "name"
        ));
        assert!(
            has(name, json!({}), "name"),
            "what nothing is said of is as its stream"
        );
        let id = json!(["properties", "id"]);
        assert!(has(id, json!({"selected": false}), "id"));
    }

    #[test]
    fn properties_of_contacts_inside_a_customer_are_selected_too() {
        for breadcrumb in [
            json!(["properties", "contacts", "properties", "phone"]),
            json!(["properties", "contacts", "items", "properties", "phone"]),
        ] {
            let catalog = with(0, &breadcrumb, &json!({"selected": false}));
            let mut catalog = catalog;
            let all = catalog["streams"][0]["metadata"].as_array_mut().unwrap();
            all.reverse();
            let selected = Catalog::parse(&catalog)
                .unwrap()
                .selected(&Privacy::default());
            let schema = schema(&selected[0].selection);
            let contact = &schema["properties"]["contacts"]["items"]["properties"];
            assert!(contact.get("phone").is_none() && contact.get("email").is_some());
        }
    }

    #[test]
    fn a_stream_is_replicated_by_the_method_that_is_set() {
        let method = |metadata: Value| {
            let catalog = Catalog::parse(&with(0, &json!([]), &metadata));
            Some(catalog.ok()?.selected(&Privacy::default())[0].is_full_table)
        };
        let with = |method: &str| json!({"selected": true, "replication-method": method});
        assert_eq!(method(with("FULL_TABLE")), Some(true));
        assert_eq!(method(with("INCREMENTAL")), Some(false));
        assert_eq!(method(json!({"selected": true})), Some(false));
        assert_eq!(method(with("LOG_BASED")), None);
    }

    #[test]
    fn unknown_streams_and_what_is_no_catalog_are_refused() {
        let refusal = |catalog: Value| format!("{:#}", Catalog::parse(&catalog).err().unwrap());
        let text = refusal(json!({"streams": [{"tap_stream_id": "customer"}]}));
        assert!(
            text.contains("unknown stream `customer`, did you mean `customers`?"),
            "{text}"
        );
        let text = refusal(json!({"streams": [{"schema": {}}]}));
        assert!(text.contains("no tap_stream_id"), "{text}");
        assert!(refusal(json!([])).contains("expected a catalog"));
    }
}
