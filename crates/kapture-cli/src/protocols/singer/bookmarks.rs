//! The bookmarks of a state file: the state of each stream.

use std::path::Path;

use anyhow::Result;
use kapture_model::sanitize;
use serde_json::{Map, Value, json};

use crate::error::{hinted, prefixed};
use crate::protocols::settings::read_json;
use crate::protocols::streams::Stream;

/// The key of the bookmarks.
const BOOKMARKS: &str = "bookmarks";

/// The states of streams, by their names: also of streams that a run does not select, so that it does
/// not lose them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Bookmarks(Map<String, Value>);

impl Bookmarks {
    /// Reads a state file. An empty object is no state.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let state = read_json(path, "state")?;
        Self::parse(&state).map_err(|error| prefixed(&path.display().to_string(), error))
    }

    fn parse(state: &Value) -> Result<Self> {
        let unknown = |what: String| {
            hinted(
                what,
                "give the value of the last STATE message; or omit --state, to receive every day again",
            )
        };
        let Value::Object(state) = state else {
            return Err(unknown("expected a state, which is a JSON object".into()));
        };
        if let Some(key) = state.keys().find(|key| *key != BOOKMARKS) {
            return Err(unknown(format!("a state has no `{}`", sanitize(key))));
        }
        let bookmarks = match state.get(BOOKMARKS) {
            None => Map::new(),
            Some(Value::Object(bookmarks)) => bookmarks.clone(),
            Some(_) => return Err(unknown(format!("{BOOKMARKS}: expected a JSON object"))),
        };
        match bookmarks.keys().find(|name| Stream::named(name).is_none()) {
            Some(name) => Err(unknown(format!(
                "the state has a stream `{}`, which kapture does not have",
                sanitize(name)
            ))),
            None => Ok(Self(bookmarks)),
        }
    }

    /// The state of a stream.
    pub(crate) fn get(&self, stream: Stream) -> Option<&Value> {
        self.0.get(stream.name())
    }

    /// Replaces the state of a stream.
    pub(crate) fn set(&mut self, stream: Stream, state: Value) {
        self.0.insert(stream.name().to_owned(), state);
    }

    /// The value of a STATE message.
    pub(crate) fn to_json(&self) -> Value {
        json!({BOOKMARKS: self.0})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut bookmarks = Bookmarks::default();
        bookmarks.set(Stream::Contacts, json!({"version": 1}));
        assert_eq!(Bookmarks::parse(&bookmarks.to_json()).unwrap(), bookmarks);
        assert_eq!(
            bookmarks.get(Stream::Contacts),
            Some(&json!({"version": 1}))
        );
        assert_eq!(bookmarks.get(Stream::Customers), None);
        assert_eq!(Bookmarks::parse(&json!({})).unwrap(), Bookmarks::default());
    }

    #[test]
    fn the_states_of_other_taps_are_refused() {
        for (state, sentence) in [
            (json!([]), "expected a state"),
            (
                json!({"currently_syncing": "customers"}),
                "a state has no `currently_syncing`",
            ),
            (
                json!({"bookmarks": []}),
                "bookmarks: expected a JSON object",
            ),
            (
                json!({"bookmarks": {"orders": {}}}),
                "the state has a stream `orders`",
            ),
        ] {
            let text = Bookmarks::parse(&state).unwrap_err().to_string();
            assert!(text.starts_with(sentence), "{text}");
        }
    }
}
