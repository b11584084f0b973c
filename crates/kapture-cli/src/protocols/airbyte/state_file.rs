//! The states that the platform gives back.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::hinted;
use crate::protocols::streams::Stream;

/// What to do with a state that cannot be used.
const RESET: &str = "reset the streams of this connection, which reads all days again";

/// A state as this connector wrote it; platforms add fields.
#[derive(Deserialize)]
struct StateMessage {
    #[serde(rename = "type")]
    kind: Option<String>,
    stream: Option<StreamState>,
}

#[derive(Deserialize)]
struct StreamState {
    stream_descriptor: Descriptor,
    stream_state: Option<Value>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
}

/// The state of each stream in a state file.
pub(super) fn states(file: Value) -> Result<BTreeMap<Stream, Value>> {
    // The form of a first read in older versions of the protocol.
    if is_empty(&file) {
        return Ok(BTreeMap::new());
    }
    let messages: Vec<StateMessage> = serde_json::from_value(file)
        .map_err(|error| hinted(format!("the state is no list of states: {error}"), RESET))?;
    let mut states = BTreeMap::new();
    for StateMessage { kind, stream } in messages {
        let kind = kind.unwrap_or_else(|| "STREAM".into());
        let (true, Some(state)) = (kind == "STREAM", stream) else {
            let kind = kapture_model::sanitize(&kind);
            return Err(hinted(
                format!("the state is of type {kind}, which this source does not write"),
                RESET,
            ));
        };
        let name = kapture_model::sanitize(&state.stream_descriptor.name);
        let Some(stream) = Stream::named(&state.stream_descriptor.name) else {
            return Err(hinted(
                format!("the state is of the stream `{name}`, which this source does not have"),
                RESET,
            ));
        };
        let state = state.stream_state.filter(|state| !is_empty(state));
        if let Some(state) = state
            && states.insert(stream, state).is_some()
        {
            bail!("two states of the stream `{name}`");
        }
    }
    Ok(states)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(name: &str, state: Value) -> Value {
        json!({"type": "STREAM", "stream": {
            "stream_descriptor": {"name": name, "namespace": null},
            "stream_state": state,
        }, "sourceStats": {"recordCount": 3.0}, "newer": 1})
    }

    #[test]
    fn states_are_found_by_stream() {
        let file = json!([
            of("contacts", json!({"version": 1})),
            of("customers", json!({}))
        ]);
        let found = states(file).unwrap();
        assert_eq!(
            found,
            BTreeMap::from([(Stream::Contacts, json!({"version": 1}))])
        );
        for nothing in [json!([]), json!({})] {
            assert_eq!(states(nothing).unwrap(), BTreeMap::new());
        }
    }

    #[test]
    fn other_states_are_refused_by_name() {
        let state = of("customers", json!({"version": 1}));
        for (file, words) in [
            (json!({"customers": {}}), "no list of states"),
            (json!([{"type": "GLOBAL", "global": {}}]), "type GLOBAL"),
            (json!([of("orders", json!({}))]), "`orders`"),
            (
                json!([state, state]),
                "two states of the stream `customers`",
            ),
        ] {
            let error = states(file).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
