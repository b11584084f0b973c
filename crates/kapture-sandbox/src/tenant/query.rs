//! Parses and checks a request body, as strictly as the behaviour demands.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::behaviour::Behaviour;
use crate::reply::refusal::Refusal;
use crate::tenant::filter::Filter;

/// A well-formed request body.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) start: NaiveDate,
    pub(crate) end: NaiveDate,
    /// `None`: absent or blank.
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    pub(crate) filter: Filter,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    Flag,
}

/// Every documented key with the JSON type of the vendor's example, except `attr1` to `attr15`.
const DOCUMENTED: [(&str, Kind); 22] = [
    ("cm_id", Kind::Number),
    ("createStartDate", Kind::Text),
    ("createEndDate", Kind::Text),
    ("isAllCustomerPage", Kind::Flag),
    ("name", Kind::Text),
    ("phone", Kind::Text),
    ("email", Kind::Text),
    ("designationType", Kind::Text),
    ("customer_id", Kind::Text),
    ("customerCode", Kind::Text),
    ("zoneIdStr", Kind::Text),
    ("zone_id", Kind::Number),
    ("assignedToId", Kind::Number),
    ("assignedToIdStr", Kind::Text),
    ("isOrganisation", Kind::Flag),
    ("isIndividual", Kind::Text),
    ("isChannelPartner", Kind::Text),
    ("primarySourceId", Kind::Number),
    ("secondarySourceId", Kind::Number),
    ("tertiarySourceId", Kind::Number),
    ("limit", Kind::Text),
    ("offset", Kind::Text),
];

/// `attr1` to `attr15`.
pub(crate) const ATTRIBUTES: [&str; 15] = [
    "attr1", "attr2", "attr3", "attr4", "attr5", "attr6", "attr7", "attr8", "attr9", "attr10",
    "attr11", "attr12", "attr13", "attr14", "attr15",
];

const MANDATORY: [&str; 3] = ["cm_id", "createStartDate", "createEndDate"];

impl Query {
    pub(crate) fn read(body: &[u8], behaviour: &Behaviour) -> Result<Self, Refusal> {
        let keys: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| Refusal::InvalidJson)?;
        check_presence(&keys, behaviour)?;
        check_types(&keys, behaviour.strict_types)?;

        if keys["cm_id"].as_u64() != Some(behaviour.cm_id) {
            return Err(Refusal::Account);
        }
        let start = date(&keys, "createStartDate")?;
        let end = date(&keys, "createEndDate")?;
        let limit = number(&keys, "limit")?;
        if limit == Some(0) {
            return Err(Refusal::LimitZero);
        }
        let offset = number(&keys, "offset")?.unwrap_or(0);
        if behaviour.person_required
            && ["customer_id", "email", "phone"]
                .iter()
                .all(|key| text(&keys, key).is_none())
        {
            return Err(Refusal::PersonRequired);
        }
        Ok(Self {
            start,
            end,
            limit,
            offset,
            filter: Filter::read(&keys, behaviour.kind_restricts),
        })
    }
}

fn check_presence(keys: &Map<String, Value>, behaviour: &Behaviour) -> Result<(), Refusal> {
    let documented = DOCUMENTED.iter().map(|(key, _)| *key).chain(ATTRIBUTES);
    let missing = if behaviour.every_documented_key {
        documented.into_iter().find(|key| !keys.contains_key(*key))
    } else {
        MANDATORY.into_iter().find(|key| !keys.contains_key(*key))
    };
    missing.map_or(Ok(()), |key| Err(Refusal::Mandatory(key)))
}

fn check_types(keys: &Map<String, Value>, strict: bool) -> Result<(), Refusal> {
    let attributes = ATTRIBUTES.iter().map(|key| (*key, Kind::Text));
    for (key, kind) in DOCUMENTED.into_iter().chain(attributes) {
        let Some(value) = keys.get(key) else { continue };
        let exact = match kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
        };
        // The vendor's table calls cm_id a String, its examples send a number: the examples count.
        let fixed = key == "cm_id" || key.ends_with("Date");
        let scalar = !(value.is_object() || value.is_array());
        let tolerated = scalar && !fixed && !strict;
        if !exact && !tolerated {
            let expected = match kind {
                Kind::Text => "text",
                Kind::Number => "number",
                Kind::Flag => "true or false",
            };
            return Err(Refusal::Type(key, expected));
        }
    }
    Ok(())
}

/// The trimmed text of a scalar; `None` where it is absent, null or blank.
pub(crate) fn text(keys: &Map<String, Value>, key: &str) -> Option<String> {
    let text = match keys.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn number(keys: &Map<String, Value>, key: &'static str) -> Result<Option<u64>, Refusal> {
    text(keys, key)
        .map(|text| text.parse().map_err(|_| Refusal::Number(key)))
        .transpose()
}

fn date(keys: &Map<String, Value>, key: &'static str) -> Result<NaiveDate, Refusal> {
    let text = keys[key].as_str().unwrap_or_default();
    // chrono alone would accept 2024-5-1 and +2024-05-01, too.
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    shaped
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(Refusal::Date(key))
}
