//! What a database says of itself: the rows of `kapture_settings`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kapture_model::sanitize;

use crate::error::SinkError;
use crate::ledger::Ledger;
use crate::ledger::identity::{HeldSource, Source};

const FROM: &str = "from";
const ZONE: &str = "time_zone";

/// The rows of `kapture_settings`, by name; none where the tables are still to be made.
#[derive(Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl FromIterator<(String, String)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl Settings {
    /// What the rows of `kapture_settings` say: there are some, since it is made with them.
    pub(crate) fn of_table(place: &str, rows: Vec<(String, String)>) -> Result<Self, SinkError> {
        match rows.is_empty() {
            true => Err(SinkError::Damaged {
                place: place.to_owned(),
                what: "its table kapture_settings is empty".into(),
            }),
            false => Ok(Self::from_iter(rows)),
        }
    }

    /// The version of the tables, if this kapture knows it: 0 where there are none.
    pub(crate) fn version(&self, place: &str, known: usize) -> Result<usize, SinkError> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let place = place.to_owned();
        let Some(version) = self.0.get("version") else {
            return Err(SinkError::Foreign {
                place,
                what: "its table kapture_settings names no version".into(),
            });
        };
        match version.parse() {
            Ok(version) if (1..=known).contains(&version) => Ok(version),
            // A number that is too large for this kapture is one all the same.
            _ if is_positive(version) => Err(SinkError::Later {
                place,
                found: version.clone(),
                known,
            }),
            _ => Err(SinkError::Damaged {
                place,
                what: format!(
                    "its table kapture_settings gives `{}` as its version, which is none",
                    sanitize(version)
                ),
            }),
        }
    }

    /// The same for who only looks, and so can make nothing of tables that lack a step.
    pub(crate) fn is_current(&self, place: &str, known: usize) -> Result<(), SinkError> {
        match self.version(place, known)? {
            0 => Err(SinkError::Absent {
                place: place.to_owned(),
            }),
            version if version < known => Err(SinkError::Earlier {
                place: place.to_owned(),
                found: version,
                known,
            }),
            _ => Ok(()),
        }
    }

    /// Whether this is the place for the customers of `source`. What it does not say yet it may be
    /// told.
    pub(crate) fn agree(&self, place: &str, source: &Source) -> Result<(), SinkError> {
        let said = |name| self.0.get(name).map(String::as_str);
        let held = HeldSource {
            tenant: said("tenant"),
            selection: said("source"),
            zone: said(ZONE),
        };
        held.agrees(place, source)
    }

    /// The first day that the place is to hold.
    fn wanted_from(&self) -> Option<NaiveDate> {
        self.0.get(FROM)?.parse().ok()
    }

    /// A ledger without days, of which the rest is known.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        if let Some(day) = self.wanted_from() {
            ledger.want_from(day);
        }
        if let Some(zone) = self.0.get(ZONE) {
            ledger.cut_in(zone);
        }
        ledger
    }

    /// What is to be written so that the days from `day` on are wanted, if anything.
    pub(crate) fn lacking_from(&self, day: NaiveDate) -> Option<(&'static str, String)> {
        let later = self.wanted_from().is_none_or(|held| day < held);
        later.then(|| (FROM, day.to_string()))
    }

    /// What is to be written so that the tables say that they are of `version`, and for `source`.
    pub(crate) fn lacking<'a>(
        &self,
        version: &'a str,
        source: &'a Source,
    ) -> Vec<(&'static str, &'a str)> {
        let rows = [
            ("version", version),
            ("tenant", source.tenant.as_str()),
            ("source", source.selection.as_str()),
            (ZONE, source.zone.name()),
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
pub(crate) fn are_whole(place: &str, present: &[impl AsRef<str>]) -> Result<(), SinkError> {
    let is_present = |table: &str| present.iter().any(|name| name.as_ref() == table);
    match OURS.iter().find(|table| !is_present(table)) {
        None => Ok(()),
        Some(table) => Err(SinkError::Damaged {
            place: place.to_owned(),
            what: format!("its table `{table}` is gone"),
        }),
    }
}

/// The names that must be free for tables to be made.
pub(crate) const OURS: [&str; 4] = ["customers", "contacts", "kapture_days", "kapture_elsewhere"];

/// A place with a table of one of these names, but none that says that kapture made it.
pub(crate) fn taken(place: &str, table: &str) -> SinkError {
    SinkError::Foreign {
        place: place.to_owned(),
        what: format!("it has a table `{table}`, but no kapture_settings"),
    }
}

/// A table `kapture_settings` with other columns than ours.
pub(crate) fn others(place: &str) -> SinkError {
    SinkError::Foreign {
        place: place.to_owned(),
        what: "its table kapture_settings has other columns".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_or_later_or_none() {
        let of = |version: &str| {
            let row = ("version".to_owned(), version.to_owned());
            Settings::from_iter([row]).version("a.db", 2)
        };
        assert_eq!(of("1").unwrap(), 1);
        assert_eq!(of("2").unwrap(), 2);
        for later in ["3", "99999999999999999999999"] {
            let error = of(later).unwrap_err();
            assert!(matches!(error, SinkError::Later { .. }), "{error:?}");
        }
        for none in ["0", "000", "", "-1", "two"] {
            let error = of(none).unwrap_err();
            assert!(matches!(error, SinkError::Damaged { .. }), "{error:?}");
        }
    }
}
