//! The manifest: what a destination says of itself, as a JSON file or as rows of a table.

use chrono::NaiveDate;
use kapture_model::{AttributeColumn, RowHasher, sanitize};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::SinkError;
use crate::ledger::field_choice::FieldChoice;
use crate::ledger::identity::{Identity, StoredIdentity};
use crate::ledger::tombstones::Tombstones;
use crate::ledger::tracking::Tracking;
use crate::ledger::{Ledger, RangeEnd};

const VERSION: &str = "version";

/// The fields of a manifest that are no text.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const NOT_TEXT: [&str; 2] = ["columns", "history"];

/// What a destination says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the schema of a database, or of the layout of a folder.
    pub(crate) version: usize,
    /// The format of the files of a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    /// Whether text in CSV files that a spreadsheet would run as a formula begins with an
    /// apostrophe.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) spreadsheet_safe: bool,
    /// The character between the cells of CSV files; a comma unless it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) csv_separator: Option<char>,
    /// Whether CSV files begin with a byte order mark.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) csv_bom: bool,
    /// Further columns of customers, each with its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) columns: Vec<AttributeColumn>,
    #[serde(flatten)]
    pub(crate) identity: StoredIdentity,
    #[serde(flatten)]
    pub(crate) fields: FieldChoice,
    /// The first day that the destination is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<NaiveDate>,
    /// The last day that it is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    end: Option<RangeEnd>,
    /// Whether it keeps the history of its customers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) history: bool,
    /// The fields that are no change, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignored_changes: Option<String>,
    /// The customers that it must not hold again.
    #[serde(default, skip_serializing_if = "Tombstones::are_unused")]
    pub(crate) forgotten: Tombstones,
}

/// The end of the range as text: a date, or `today`.
mod as_text {
    use super::*;
    use serde::{Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        end: &Option<RangeEnd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        end.map(|end| end.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RangeEnd>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

// The signature that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where a manifest is kept, for messages: the destination, and the file or table in it.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) destination: &'a str,
    pub(crate) file_or_table: &'a str,
}

impl Origin<'_> {
    fn damaged(self, what: &str) -> SinkError {
        SinkError::Damaged {
            destination: self.destination.to_owned(),
            what: format!("{} {what}", self.file_or_table),
        }
    }
}

impl Manifest {
    /// The manifest of a new destination.
    pub(crate) fn new(version: usize, identity: &Identity) -> Self {
        Self {
            version,
            format: None,
            spreadsheet_safe: false,
            csv_separator: None,
            csv_bom: false,
            columns: Vec::new(),
            identity: StoredIdentity::new(identity),
            fields: identity.fields.clone(),
            start: None,
            end: None,
            history: false,
            ignored_changes: None,
            forgotten: Tombstones::default(),
        }
    }

    /// Decodes the content of a JSON file. `known` is the latest version that this program knows.
    #[cfg(feature = "dataset")]
    pub(crate) fn from_json(
        origin: Origin<'_>,
        json: &[u8],
        known: usize,
    ) -> Result<Self, SinkError> {
        match serde_json::from_slice(json) {
            Ok(fields) => Self::decode(origin, fields, known),
            Err(error) => Err(origin.damaged(&format!("cannot be read: {error}"))),
        }
    }

    /// Decodes the rows of a table, each a name and a value. `known` is the latest version that
    /// this program knows. `None` for a table with nothing but the version: `schema_sql` made it, and
    /// the database holds no customers yet.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn from_rows(
        origin: Origin<'_>,
        rows: Vec<(String, String)>,
        known: usize,
    ) -> Result<Option<Self>, SinkError> {
        if rows.is_empty() {
            return Err(origin.damaged("is empty"));
        }
        let is_unused = rows.iter().all(|(name, _)| name == VERSION);
        let field = |(name, text): (String, String)| {
            let value = match name.as_str() {
                VERSION => text.parse::<usize>().map_or(text.into(), Value::from),
                name if NOT_TEXT.contains(&name) => {
                    serde_json::from_str(&text).unwrap_or(text.into())
                }
                _ => text.into(),
            };
            (name, value)
        };
        let fields = rows.into_iter().map(field).collect();
        match is_unused {
            true => check_version(origin, &fields, known).map(|()| None),
            false => Self::decode(origin, fields, known).map(Some),
        }
    }

    /// The manifest as rows of a table, each a name and a value.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn rows(&self) -> Vec<(String, String)> {
        let fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let row = |(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        };
        fields.into_iter().map(row).collect()
    }

    /// Checks the version before the other fields, which a later version may have changed.
    fn decode(
        origin: Origin<'_>,
        fields: Map<String, Value>,
        known: usize,
    ) -> Result<Self, SinkError> {
        check_version(origin, &fields, known)?;
        serde_json::from_value(Value::Object(fields)).map_err(|error| {
            origin.damaged(&format!("cannot be read: {}", sanitize(&error.to_string())))
        })
    }

    /// Fails unless the schema is the latest one, for a reader that cannot migrate it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn check_latest(&self, destination: &str, known: usize) -> Result<(), SinkError> {
        match self.version < known {
            true => Err(SinkError::SchemaTooOld {
                destination: destination.to_owned(),
                found: self.version,
                known,
            }),
            false => Ok(()),
        }
    }

    /// Extends the range of days to this one; says whether it changed.
    pub(crate) fn extend_range(&mut self, start: NaiveDate, end: RangeEnd) -> bool {
        let before = (self.start, self.end);
        self.start = Some(self.start.map_or(start, |held| held.min(start)));
        self.end = self.end.max(Some(end));
        before != (self.start, self.end)
    }

    /// Remembers changes as asked from now on.
    pub(crate) fn track(&mut self, tracking: &Tracking) {
        self.history |= tracking.history_from.is_some();
        if let Some(ignored) = &tracking.ignored {
            self.ignored_changes = Some(ignored.join(","));
        }
    }

    /// What tells a changed row.
    pub(crate) fn row_hasher(&self) -> RowHasher {
        RowHasher::ignoring(self.ignored_changes.iter().flat_map(|list| list.split(',')))
    }

    /// Hashes the values that can be compared with those of a pull of the fields `asked`.
    pub(crate) fn comparing_hasher(&self, asked: &FieldChoice) -> RowHasher {
        let ignored = self.ignored_changes.iter().flat_map(|list| list.split(','));
        let incomparable = self.fields.incomparable(asked);
        RowHasher::ignoring(ignored.map(str::to_owned).chain(incomparable))
    }

    /// A ledger without days, with the range and the time zone of this manifest.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        if let Some(day) = self.start {
            ledger.set_start(day);
        }
        if let Some(end) = self.end {
            ledger.set_end(end);
        }
        ledger.set_time_zone(&self.identity.time_zone);
        ledger.set_source(&self.identity.tenant, &self.identity.selection);
        ledger.forgotten = self.forgotten.clone();
        ledger
    }
}

/// Fails unless the version is one that this program knows.
fn check_version(
    origin: Origin<'_>,
    fields: &Map<String, Value>,
    known: usize,
) -> Result<(), SinkError> {
    let Some(version) = fields.get(VERSION) else {
        return Err(SinkError::NotKaptureData {
            destination: origin.destination.to_owned(),
            what: format!("{} has no version", origin.file_or_table),
        });
    };
    let text = version.as_str().map_or(version.to_string(), str::to_owned);
    match version.as_u64().map(usize::try_from) {
        Some(Ok(version)) if (1..=known).contains(&version) => Ok(()),
        // Also a number that is too large for this program.
        _ if is_positive(&text) => Err(SinkError::SchemaTooNew {
            destination: origin.destination.to_owned(),
            found: text,
            known,
        }),
        _ => {
            let version = sanitize(&text);
            Err(origin.damaged(&format!("has `{version}` as its version")))
        }
    }
}

/// Whether a text is a whole number above 0.
fn is_positive(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
#[cfg(all(feature = "dataset", feature = "sqlite"))]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    const ORIGIN: Origin<'_> = Origin {
        destination: "a.db",
        file_or_table: "its table kapture_manifest",
    };

    fn manifest() -> Manifest {
        let identity = Identity::new("424242", r#"{"cm_id":7}"#, Tz::Asia__Kolkata);
        let mut manifest = Manifest::new(2, &identity);
        let day = |text: &str| text.parse().unwrap();
        let end = |text: &str| text.parse().unwrap();
        assert!(manifest.extend_range(day("2024-05-02"), end("2024-05-09")));
        assert!(!manifest.extend_range(day("2024-05-03"), end("2024-05-08")));
        assert!(manifest.extend_range(day("2024-05-03"), end("today")));
        assert!(!manifest.extend_range(day("2024-05-03"), end("2024-05-10")));
        assert!(manifest.extend_range(day("2024-05-01"), end("2024-05-01")));
        manifest.columns = vec![AttributeColumn::new("attr3", "loyalty_tier").unwrap()];
        manifest.forgotten.add(&kapture_model::CustomerId::from(17));
        manifest
    }

    #[test]
    fn rows_and_json_decode_to_the_same_manifest() {
        let manifest = manifest();
        let rows = manifest.rows();
        assert!(
            rows.contains(&("tenant".into(), "424242".into())),
            "{rows:?}"
        );
        let decoded = Manifest::from_rows(ORIGIN, rows, 2).unwrap();
        assert_eq!(decoded.as_ref(), Some(&manifest));
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::from_json(ORIGIN, &json, 2).unwrap(), manifest);
    }

    #[test]
    fn version_is_known_or_too_new_or_damaged() {
        let decode = |version: &str| {
            let mut rows = manifest().rows();
            rows.retain(|(name, _)| name != VERSION);
            let version = (VERSION.to_owned(), version.to_owned());
            rows.push(version.clone());
            let unused = Manifest::from_rows(ORIGIN, vec![version], 2);
            (Manifest::from_rows(ORIGIN, rows, 2), unused)
        };
        for known in [1, 2] {
            let (manifest, unused) = decode(&known.to_string());
            assert_eq!(manifest.unwrap().map(|it| it.version), Some(known));
            assert_eq!(unused.unwrap(), None);
        }
        for version in ["3", "99999999999999999999999"] {
            let (manifest, unused) = decode(version);
            for error in [manifest.unwrap_err(), unused.unwrap_err()] {
                assert!(matches!(error, SinkError::SchemaTooNew { .. }), "{error:?}");
            }
        }
        for version in ["0", "000", "", "-1", "two"] {
            let (manifest, unused) = decode(version);
            for error in [manifest.unwrap_err(), unused.unwrap_err()] {
                assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
            }
        }
    }

    #[test]
    fn older_schema_is_refused_by_readers() {
        let manifest = manifest();
        assert!(manifest.check_latest("a.db", 2).is_ok());
        let error = manifest.check_latest("a.db", 3).unwrap_err();
        assert!(
            matches!(
                error,
                SinkError::SchemaTooOld {
                    found: 2,
                    known: 3,
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[test]
    fn missing_field_is_named() {
        let mut rows = manifest().rows();
        rows.retain(|(name, _)| name != "time_zone");
        let error = Manifest::from_rows(ORIGIN, rows, 2).unwrap_err();
        assert!(
            error.to_string().contains("missing field `time_zone`"),
            "{error}"
        );
        let error = Manifest::from_rows(ORIGIN, Vec::new(), 2).unwrap_err();
        assert!(
            error.to_string().contains("kapture_manifest is empty"),
            "{error}"
        );
    }
}
