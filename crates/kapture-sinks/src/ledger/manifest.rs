//! What a database says of itself: the rows of `kapture_manifest`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kapture_model::sanitize;

use crate::error::SinkError;
use crate::ledger::Ledger;
use crate::ledger::identity::{Identity, StoredIdentity};

const FROM: &str = "from";
const ZONE: &str = "time_zone";

/// The rows of `kapture_manifest`, by name; none where the tables are still to be made.
#[derive(Debug, Default)]
pub(crate) struct Manifest(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Manifest {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl Manifest {
    /// What the rows of `kapture_manifest` say: there are some, since it is made with them.
    pub(crate) fn of_table(
        destination: &str,
        rows: Vec<(String, String)>,
    ) -> Result<Self, SinkError> {
        match rows.is_empty() {
            true => Err(SinkError::Damaged {
                destination: destination.to_owned(),
                what: "its table kapture_manifest is empty".into(),
            }),
            false => Ok(Self::from_iter(rows)),
        }
    }

    /// The version of the tables, if this kapture knows it: 0 where there are none.
    pub(crate) fn version(&self, destination: &str, known: usize) -> Result<usize, SinkError> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let destination = destination.to_owned();
        let Some(version) = self.0.get("version") else {
            return Err(SinkError::NotKaptureData {
                destination,
                what: "its table kapture_manifest names no version".into(),
            });
        };
        match version.parse() {
            Ok(version) if (1..=known).contains(&version) => Ok(version),
            // A number that is too large for this kapture is one all the same.
            _ if is_positive(version) => Err(SinkError::SchemaTooNew {
                destination,
                found: version.clone(),
                known,
            }),
            _ => Err(SinkError::Damaged {
                destination,
                what: format!(
                    "its table kapture_manifest gives `{}` as its version, which is none",
                    sanitize(version)
                ),
            }),
        }
    }

    /// The same for who only looks, and so can make nothing of tables that lack a step.
    pub(crate) fn is_current(&self, destination: &str, known: usize) -> Result<(), SinkError> {
        match self.version(destination, known)? {
            0 => Err(SinkError::NotFound {
                destination: destination.to_owned(),
            }),
            version if version < known => Err(SinkError::SchemaTooOld {
                destination: destination.to_owned(),
                found: version,
                known,
            }),
            _ => Ok(()),
        }
    }

    /// Whether this is the place for the customers of `identity`. What it does not say yet it may be
    /// told.
    pub(crate) fn agree(&self, destination: &str, identity: &Identity) -> Result<(), SinkError> {
        let said = |name| self.0.get(name).map(String::as_str);
        let held = StoredIdentity {
            tenant: said("tenant"),
            selection: said("selection"),
            zone: said(ZONE),
        };
        held.agrees(destination, identity)
    }

    /// The first day that the place is to hold.
    fn start(&self) -> Option<NaiveDate> {
        self.0.get(FROM)?.parse().ok()
    }

    /// A ledger without days, of which the rest is known.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        if let Some(day) = self.start() {
            ledger.set_start(day);
        }
        if let Some(zone) = self.0.get(ZONE) {
            ledger.set_time_zone(zone);
        }
        ledger
    }

    /// What is to be written so that the days from `day` on are wanted, if anything.
    pub(crate) fn start_row(&self, day: NaiveDate) -> Option<(&'static str, String)> {
        let later = self.start().is_none_or(|held| day < held);
        later.then(|| (FROM, day.to_string()))
    }

    /// What is to be written so that the tables say that they are of `version`, and for `identity`.
    pub(crate) fn missing_rows<'a>(
        &self,
        version: &'a str,
        identity: &'a Identity,
    ) -> Vec<(&'static str, &'a str)> {
        let rows = [
            ("version", version),
            ("tenant", identity.tenant.as_str()),
            ("selection", identity.selection.as_str()),
            (ZONE, identity.zone.name()),
        ];
        let lacks = |row: &(&str, &str)| self.0.get(row.0).is_none_or(|held| held != row.1);
        rows.into_iter().filter(lacks).collect()
    }
}

/// Whether a text is a whole number, and not 0.
fn is_positive(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0')
}

/// Whether all tables are there; `present` are those that are.
pub(crate) fn are_whole(destination: &str, present: &[impl AsRef<str>]) -> Result<(), SinkError> {
    let is_present = |table: &str| present.iter().any(|name| name.as_ref() == table);
    match OURS.iter().find(|table| !is_present(table)) {
        None => Ok(()),
        Some(table) => Err(SinkError::Damaged {
            destination: destination.to_owned(),
            what: format!("its table `{table}` is gone"),
        }),
    }
}

/// The names that must be free for tables to be made.
pub(crate) const OURS: [&str; 4] = [
    "customers",
    "contacts",
    "kapture_days",
    "kapture_shared_customers",
];

/// A place with a table of one of these names, but none that says that kapture made it.
pub(crate) fn taken(destination: &str, table: &str) -> SinkError {
    SinkError::NotKaptureData {
        destination: destination.to_owned(),
        what: format!("it has a table `{table}`, but no kapture_manifest"),
    }
}

/// A table `kapture_manifest` with other columns than ours.
pub(crate) fn others(destination: &str) -> SinkError {
    SinkError::NotKaptureData {
        destination: destination.to_owned(),
        what: "its table kapture_manifest has other columns".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_or_later_or_none() {
        let of = |version: &str| {
            let row = ("version".to_owned(), version.to_owned());
            Manifest::from_iter([row]).version("a.db", 2)
        };
        assert_eq!(of("1").unwrap(), 1);
        assert_eq!(of("2").unwrap(), 2);
        for later in ["3", "99999999999999999999999"] {
            let error = of(later).unwrap_err();
            assert!(matches!(error, SinkError::SchemaTooNew { .. }), "{error:?}");
        }
        for none in ["0", "000", "", "-1", "two"] {
            let error = of(none).unwrap_err();
            assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
        }
    }
}
