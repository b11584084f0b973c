//! Whose customers a place holds, and in which time zone.

use std::fmt;

use chrono_tz::Tz;
use kapture_model::sanitize;
use serde_json::{Map, Value};

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use crate::error::SinkError;

/// Whose customers a place holds: a place never holds those of two sources.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant, by the address of its API. Two tenants may have an account of the same number.
    pub tenant: String,
    /// Which of its customers: [`CustomerQuery::selection`](kapture_model::CustomerQuery::selection).
    pub selection: String,
    /// The zone in which instants (epoch milliseconds) are seen, and so the day that such a
    /// customer belongs to: of days of two zones side by side, neither may have those near midnight.
    pub zone: Tz,
}

impl Identity {
    /// The customers of `selection` at `tenant`, with instants seen in `zone`.
    pub fn new(tenant: impl Into<String>, selection: impl Into<String>, zone: Tz) -> Self {
        Self {
            tenant: tenant.into(),
            selection: selection.into(),
            zone,
        }
    }
}

/// What a place says of the identity of what it holds. What it does not say yet it may be told.
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
#[derive(Clone, Copy)]
pub(crate) struct StoredIdentity<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) selection: Option<&'a str>,
    /// The zone by its name, which this kapture need not know.
    pub(crate) zone: Option<&'a str>,
}

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
impl StoredIdentity<'_> {
    /// Whether the place is the one for the customers of `asked`.
    pub(crate) fn agrees(self, destination: &str, asked: &Identity) -> Result<(), SinkError> {
        let destination = || destination.to_owned();
        if let Some((held, asked)) = differing(self.tenant, &asked.tenant) {
            return Err(SinkError::OtherTenant {
                destination: destination(),
                held,
                asked,
            });
        }
        if let Some((held, asked)) = differing(self.selection, &asked.selection) {
            return Err(SinkError::OtherSelection {
                destination: destination(),
                held,
                asked,
            });
        }
        if let Some((held, asked)) = differing(self.zone, asked.zone.name()) {
            return Err(SinkError::OtherZone {
                destination: destination(),
                held,
                asked,
            });
        }
        Ok(())
    }
}

/// What is held and what is asked for, if these are two.
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
fn differing(held: Option<&str>, asked: &str) -> Option<(String, String)> {
    let held = held.filter(|held| *held != asked)?;
    Some((held.to_owned(), asked.to_owned()))
}

/// Without the values that are filtered by, which may be a person's.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", presentable(&self.selection), self.tenant)
    }
}

/// What is held, and what else was asked for.
pub(crate) fn contrasted(held: &str, asked: &str) -> String {
    let (held, asked) = (presentable(held), presentable(asked));
    if held == asked {
        format!("{held}, with other values than those asked for")
    } else {
        format!("{held}, not of {asked}")
    }
}

/// A selection for messages: the account and what is filtered by, but not by which values, which
/// may be a person's.
fn presentable(selection: &str) -> String {
    let Ok(mut keys) = serde_json::from_str::<Map<String, Value>>(selection) else {
        return sanitize(selection);
    };
    let account = match keys.shift_remove("cm_id") {
        Some(account) => format!("account {}", sanitize(&account.to_string())),
        None => "an account".to_owned(),
    };
    if keys.is_empty() {
        return format!("{account} without filters");
    }
    let keys: Vec<_> = keys.keys().map(String::as_str).collect();
    format!("{account} filtered by {}", sanitize(&keys.join(", ")))
}

#[cfg(test)]
#[cfg(feature = "dataset")]
mod tests {
    use super::*;

    fn told(held: (&str, &str), asked: (&str, &str)) -> String {
        let held = StoredIdentity {
            tenant: Some(held.0),
            selection: Some(held.1),
            zone: Some("UTC"),
        };
        let asked = Identity::new(asked.0, asked.1, Tz::UTC);
        let error = held.agrees("customers.db", &asked);
        error.unwrap_err().to_string()
    }

    #[test]
    fn no_message_holds_what_is_filtered_by() {
        let plain = ("acme.kapturecrm.com", r#"{"cm_id":7}"#);
        let filtered = (plain.0, r#"{"cm_id":7,"email":"asha@example.com"}"#);
        assert_eq!(
            told(plain, filtered),
            "customers.db holds the customers of account 7 without filters, not of account 7 filtered by email"
        );
        let otherwise = (plain.0, r#"{"cm_id":7,"email":"ravi@example.com"}"#);
        assert_eq!(
            told(otherwise, filtered),
            "customers.db holds the customers of account 7 filtered by email, with other values than those asked for"
        );
        let identity = Identity::new(filtered.0, filtered.1, Tz::UTC);
        assert!(!format!("{identity:?}").contains("asha"));
    }

    #[test]
    fn two_tenants_with_accounts_of_one_number_are_two() {
        assert_eq!(
            told(
                ("acme.kapturecrm.com", r#"{"cm_id":7}"#),
                ("globex.kapturecrm.com", r#"{"cm_id":7}"#)
            ),
            "customers.db holds the customers of the tenant at acme.kapturecrm.com, not of the one at globex.kapturecrm.com"
        );
    }

    #[test]
    fn what_is_held_says_its_zone_or_takes_the_one_asked_for() {
        let asked = Identity::new("acme.kapturecrm.com", "account 7", Tz::Asia__Kolkata);
        let agrees = |zone| {
            let held = StoredIdentity {
                tenant: Some(&asked.tenant),
                selection: Some(&asked.selection),
                zone,
            };
            held.agrees("customers.db", &asked)
        };
        assert!(agrees(Some("Asia/Kolkata")).is_ok());
        assert!(agrees(None).is_ok());
        assert_eq!(
            agrees(Some("Mars/Olympus")).unwrap_err().to_string(),
            "customers.db holds days of the time zone Mars/Olympus, not of Asia/Kolkata"
        );
    }
}
