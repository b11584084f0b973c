//! Whose customers a destination holds, and in which time zone their days are.

use std::fmt;

use chrono_tz::Tz;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use kapture_model::Privacy;
use kapture_model::{CustomerQuery, sanitize};
use serde_json::{Map, Value};

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use crate::error::SinkError;
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
use crate::ledger::field_choice::FieldChoice;

/// Whose customers a destination holds. A destination never holds those of two identities.
///
/// ```
/// use kapture_model::CustomerQuery;
/// use kapture_sinks::Identity;
/// use kapture_sinks::chrono_tz::Tz;
///
/// let query = CustomerQuery::new(424242);
/// let identity = Identity::of("acme.kapturecrm.com", &query, Tz::UTC);
/// assert_eq!(identity, Identity::of("https://ACME.kapturecrm.com/", &query, Tz::UTC));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant, by the address of its API: accounts of two tenants may have the same number.
    pub(crate) tenant: String,
    /// Which of its customers: [`CustomerQuery::selection`](kapture_model::CustomerQuery::selection).
    pub(crate) selection: String,
    /// The zone in which instants (epoch milliseconds) become local times, and so the day that a
    /// customer belongs to. Days of two zones beside each other could miss customers near midnight.
    pub(crate) zone: Tz,
    /// Which of their fields.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    pub(crate) fields: FieldChoice,
}

impl Identity {
    /// The customers of `query` at `tenant`, with instants in `zone`: UTC unless the pull has another
    /// one. The command line makes it in the same way.
    ///
    /// `tenant` is the `TenantUrl` of kapture-transport, or the address in any spelling; or a name,
    /// for customers that come from elsewhere.
    pub fn of(tenant: impl fmt::Display, query: &CustomerQuery, zone: Tz) -> Self {
        Self {
            tenant: address(&tenant.to_string()),
            selection: query.selection(),
            zone,
            #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
            fields: FieldChoice::default(),
        }
    }

    /// The same customers without the fields that `privacy` drops, and with hashes of others. The
    /// records that are written have to be [protected](Privacy::protect) by it, as a pull with the
    /// same choice does.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    #[must_use]
    pub fn protected_by(mut self, privacy: &Privacy) -> Self {
        self.fields = FieldChoice::new(privacy);
        self
    }

    /// The identity as a JSON object, for a program that keeps it beside what it has received.
    ///
    /// ```
    /// use kapture_model::CustomerQuery;
    /// use kapture_sinks::Identity;
    /// use kapture_sinks::chrono_tz::Tz;
    ///
    /// let kept = Identity::of("acme.kapturecrm.com", &CustomerQuery::new(7), Tz::UTC).to_json();
    /// let other = Identity::of("globex.kapturecrm.com", &CustomerQuery::new(7), Tz::UTC);
    /// let error = other.check_json("the state", &kept).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the state holds the customers of the tenant at acme.kapturecrm.com, not of the one at globex.kapturecrm.com",
    /// );
    /// ```
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    pub fn to_json(&self) -> Value {
        let kept = KeptIdentity {
            identity: StoredIdentity::new(self),
            fields: self.fields.clone(),
        };
        // Texts alone.
        serde_json::to_value(kept).unwrap_or_default()
    }

    /// Fails unless `kept`, made by [`to_json`](Self::to_json), is this identity. `holder` names who
    /// keeps it, for messages.
    ///
    /// # Errors
    /// Which part differs, or that it is no identity.
    #[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
    pub fn check_json(&self, holder: &str, kept: &Value) -> Result<(), SinkError> {
        let kept: KeptIdentity =
            serde::Deserialize::deserialize(kept).map_err(|error| SinkError::Damaged {
                destination: holder.to_owned(),
                what: format!(
                    "its identity cannot be read: {}",
                    sanitize(&error.to_string())
                ),
            })?;
        kept.identity.check(holder, self)?;
        kept.fields.check(holder, &self.fields)
    }

    #[cfg(all(
        test,
        any(feature = "dataset", feature = "sqlite", feature = "postgres")
    ))]
    pub(crate) fn new(tenant: &str, selection: &str, zone: Tz) -> Self {
        Self {
            tenant: tenant.into(),
            selection: selection.into(),
            zone,
            fields: FieldChoice::default(),
        }
    }
}

/// The address without scheme, default port and slash at the end, its host in small letters.
fn address(text: &str) -> String {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.to_lowercase();
    let port = match scheme.eq_ignore_ascii_case("http") {
        true => ":80",
        false => ":443",
    };
    let host = host.strip_suffix(port).unwrap_or(&host);
    format!("{host}{}", path.trim_end_matches('/'))
}

/// Prints no filter values, which may be personal data.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", redacted(&self.selection), self.tenant)
    }
}

/// The identity that a manifest states.
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredIdentity {
    pub(crate) tenant: String,
    pub(crate) selection: String,
    /// The zone by its name, which this version need not know.
    pub(crate) time_zone: String,
}

/// An identity that is kept outside a destination.
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
#[derive(serde::Serialize, serde::Deserialize)]
struct KeptIdentity {
    #[serde(flatten)]
    identity: StoredIdentity,
    #[serde(flatten)]
    fields: FieldChoice,
}

#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
impl StoredIdentity {
    pub(crate) fn new(identity: &Identity) -> Self {
        Self {
            tenant: identity.tenant.clone(),
            selection: identity.selection.clone(),
            time_zone: identity.zone.name().to_owned(),
        }
    }

    /// The same, to open the destination that states it. A zone that this version does not know
    /// becomes UTC.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            tenant: self.tenant.clone(),
            selection: self.selection.clone(),
            zone: self.time_zone.parse().unwrap_or(Tz::UTC),
            fields: FieldChoice::default(),
        }
    }

    /// Fails unless this is the identity `asked`.
    pub(crate) fn check(&self, destination: &str, asked: &Identity) -> Result<(), SinkError> {
        let destination = || destination.to_owned();
        if self.tenant != asked.tenant {
            return Err(SinkError::OtherTenant {
                destination: destination(),
                held: self.tenant.clone(),
                asked: asked.tenant.clone(),
            });
        }
        if self.selection != asked.selection {
            return Err(SinkError::OtherSelection {
                destination: destination(),
                held: self.selection.clone(),
                asked: asked.selection.clone(),
            });
        }
        if self.time_zone != asked.zone.name() {
            return Err(SinkError::OtherZone {
                destination: destination(),
                held: self.time_zone.clone(),
                asked: asked.zone.name().to_owned(),
            });
        }
        Ok(())
    }
}

/// The selection that is held, compared with the one asked for, for messages.
pub(crate) fn compared(held: &str, asked: &str) -> String {
    let (held, asked) = (redacted(held), redacted(asked));
    if held == asked {
        format!("{held}, with other values than those asked for")
    } else {
        format!("{held}, not of {asked}")
    }
}

/// A selection for messages: the account and the names of the filters, without their values, which
/// may be personal data.
fn redacted(selection: &str) -> String {
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
#[cfg(any(feature = "dataset", feature = "sqlite", feature = "postgres"))]
mod tests {
    use super::*;

    fn message(held: (&str, &str), asked: (&str, &str)) -> String {
        let held = StoredIdentity::new(&Identity::new(held.0, held.1, Tz::UTC));
        let asked = Identity::new(asked.0, asked.1, Tz::UTC);
        held.check("customers.db", &asked).unwrap_err().to_string()
    }

    #[test]
    fn spellings_of_one_address_are_one_identity() {
        let of = |tenant: &str| Identity::of(tenant, &CustomerQuery::new(7), Tz::UTC);
        for (spelling, tenant) in [
            ("acme.kapturecrm.com", "acme.kapturecrm.com"),
            (
                "https://ACME.kapturecrm.com:443/?x#y",
                "acme.kapturecrm.com",
            ),
            (
                "https://acme.kapturecrm.com:8443/Proxy/",
                "acme.kapturecrm.com:8443/Proxy",
            ),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("sandbox", "sandbox"),
        ] {
            assert_eq!(
                of(spelling),
                Identity::new(tenant, r#"{"cm_id":7}"#, Tz::UTC),
                "{spelling}"
            );
        }
    }

    #[test]
    fn messages_and_debug_output_hold_no_filter_values() {
        let plain = ("acme.kapturecrm.com", r#"{"cm_id":7}"#);
        let filtered = (plain.0, r#"{"cm_id":7,"email":"asha@example.com"}"#);
        assert_eq!(
            message(plain, filtered),
            "customers.db holds the customers of account 7 without filters, not of account 7 filtered by email"
        );
        let other_values = (plain.0, r#"{"cm_id":7,"email":"ravi@example.com"}"#);
        assert_eq!(
            message(other_values, filtered),
            "customers.db holds the customers of account 7 filtered by email, with other values than those asked for"
        );
        let identity = Identity::new(filtered.0, filtered.1, Tz::UTC);
        assert!(!format!("{identity:?}").contains("asha"));
    }

    #[test]
    fn same_account_number_at_two_tenants_is_two_identities() {
        assert_eq!(
            message(
                ("acme.kapturecrm.com", r#"{"cm_id":7}"#),
                ("globex.kapturecrm.com", r#"{"cm_id":7}"#)
            ),
            "customers.db holds the customers of the tenant at acme.kapturecrm.com, not of the one at globex.kapturecrm.com"
        );
    }

    #[test]
    fn unknown_time_zone_is_another_zone() {
        let asked = Identity::new("acme.kapturecrm.com", "account 7", Tz::Asia__Kolkata);
        let mut held = StoredIdentity::new(&asked);
        assert!(held.check("customers.db", &asked).is_ok());
        held.time_zone = "Mars/Olympus".into();
        assert_eq!(
            held.check("customers.db", &asked).unwrap_err().to_string(),
            "customers.db holds days of the time zone Mars/Olympus, not of Asia/Kolkata"
        );
    }
}
