//! A change of a customer, as a destination with a history remembers it.

use std::collections::BTreeSet;
use std::pin::Pin;

use chrono::{DateTime, NaiveDate, Utc};
use futures_core::Stream;
use serde_json::{Map, Value};

use crate::error::SinkError;

/// Changes, in the order in which they were seen.
pub type ChangeStream<'a> = Pin<Box<dyn Stream<Item = Result<Change, SinkError>> + Send + 'a>>;

/// The changes that were seen in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenBetween {
    /// After this time; `None`: from the first change on.
    pub after: Option<DateTime<Utc>>,
    /// Up to this time, included; `None`: to the last change.
    pub until: Option<DateTime<Utc>>,
}

/// What became of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there before.
    Insert,
    /// One of its values or of its contacts' changed, or its day.
    Update,
    /// No day shows it any more.
    Delete,
}

/// A change of a customer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// When it was seen, to the microsecond: the customer itself changed at some time before.
    pub seen: DateTime<Utc>,
    /// The day that shows the customer now, or showed it last.
    pub day: NaiveDate,
    /// The customer before, with the API's own names; `None` for a new one.
    pub before: Option<Map<String, Value>>,
    /// The customer now; `None` for a deleted one.
    pub after: Option<Map<String, Value>>,
}

impl Change {
    /// A change, of which `before` is `None` for a new customer and `after` for a deleted one.
    pub fn new(
        kind: ChangeKind,
        seen: DateTime<Utc>,
        day: NaiveDate,
        before: Option<Map<String, Value>>,
        after: Option<Map<String, Value>>,
    ) -> Self {
        Self {
            kind,
            seen,
            day,
            before,
            after,
        }
    }

    /// The names of the fields that differ, in order: the API's own, and `contacts.phone` where all
    /// contacts are still there. Null is as good as nothing. Empty unless this is an update.
    pub fn changed_fields(&self) -> Vec<String> {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let mut names = BTreeSet::new();
                differing("", before, after, &mut names);
                names.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The customer's id as JSON.
    pub fn id(&self) -> &Value {
        let customer = self.after.as_ref().or(self.before.as_ref());
        customer.map_or(&Value::Null, |customer| &customer["id"])
    }
}

fn differing(
    prefix: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    names: &mut BTreeSet<String>,
) {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let [old, new] = [before, after].map(|fields| fields.get(key).unwrap_or(&Value::Null));
        if old == new {
            continue;
        }
        match (old.as_array(), new.as_array()) {
            (Some(old), Some(new)) if key == "contacts" && old.len() == new.len() => {
                for contacts in old.iter().zip(new) {
                    if let (Value::Object(old), Value::Object(new)) = contacts {
                        differing("contacts.", old, new, names);
                    }
                }
            }
            _ => {
                names.insert(format!("{prefix}{key}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changed_fields_are_named() {
        let fields = |before: Value, after: Value| {
            let object = |value: Value| value.as_object().cloned();
            let (before, after) = (object(before), object(after));
            let seen = DateTime::UNIX_EPOCH;
            let change = Change::new(ChangeKind::Update, seen, NaiveDate::MIN, before, after);
            change.changed_fields().join(" ")
        };
        let before =
            json!({"id": 1, "name": "a", "city": null, "contacts": [{"id": 2, "phone": "5"}]});
        let after =
            json!({"id": 1, "name": "b", "attr1": 1, "contacts": [{"id": 2, "phone": "6"}]});
        assert_eq!(fields(before.clone(), after), "attr1 contacts.phone name");
        let fewer = json!({"id": 1, "name": "a", "contacts": []});
        assert_eq!(fields(before.clone(), fewer), "contacts");
        assert_eq!(fields(before, Value::Null), "");
    }
}
