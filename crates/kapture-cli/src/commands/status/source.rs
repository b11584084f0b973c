//! Whose customers a destination holds: tenant, account and filters.

use kapture_sinks::Ledger;
use serde_json::{Map, Value, json};

/// Filters whose values are personal data. They are named, and their values are not shown.
const PERSONAL: [&str; 5] = ["name", "phone", "email", "customer_id", "customerCode"];

/// What the manifest says of the customers.
pub(super) struct Source<'a> {
    tenant: &'a str,
    account: Value,
    /// Each with its value, or null where that is personal data.
    filters: Map<String, Value>,
}

impl<'a> Source<'a> {
    /// `None` for a destination that does not say it.
    pub(super) fn of(ledger: &'a Ledger) -> Option<Self> {
        let mut filters: Map<String, Value> = serde_json::from_str(ledger.selection()?).ok()?;
        let account = filters.shift_remove("cm_id").unwrap_or_default();
        for (key, value) in &mut filters {
            if PERSONAL.contains(&key.as_str()) {
                *value = Value::Null;
            }
        }
        Some(Self {
            tenant: ledger.tenant()?,
            account,
            filters,
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({"tenant": self.tenant, "account": self.account, "filters": self.filters})
    }

    /// One line.
    pub(super) fn text(&self) -> String {
        let filter = |(key, value): (&String, &Value)| match value {
            Value::Null => format!("{key} (value not shown)"),
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        };
        let filters: Vec<_> = self.filters.iter().map(filter).collect();
        let filters = match filters.is_empty() {
            true => "without filters".to_owned(),
            false => format!("filtered by {}", filters.join(", ")),
        };
        let text = format!("{}, account {}, {filters}", self.tenant, self.account);
        format!("customers of: {}\n", kapture_model::sanitize(&text))
    }
}

#[cfg(test)]
mod tests {
    use kapture_model::CustomerQuery;

    use super::*;

    #[test]
    fn filters_are_shown_without_personal_data() {
        let mut ledger = Ledger::default();
        assert!(Source::of(&ledger).is_none());
        let query = CustomerQuery::new(7);
        ledger.set_source("acme.kapturecrm.com", query.selection());
        let source = Source::of(&ledger).unwrap();
        let expected = "customers of: acme.kapturecrm.com, account 7, without filters\n";
        assert_eq!(source.text(), expected);
        let query = query.attribute(3, "gold").unwrap().zone_id(2);
        ledger.set_source(
            "acme.kapturecrm.com",
            query.email("asha@example.com").selection(),
        );
        let source = Source::of(&ledger).unwrap();
        assert_eq!(
            source.text(),
            "customers of: acme.kapturecrm.com, account 7, filtered by attr3=gold, email (value not shown), zone_id=2\n"
        );
        assert_eq!(
            source.json(),
            json!({
                "tenant": "acme.kapturecrm.com",
                "account": 7,
                "filters": {"attr3": "gold", "email": null, "zone_id": 2},
            })
        );
    }
}
