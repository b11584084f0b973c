//! Fields that differ at every reading, which fill a history: a note names them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt;
use kapture_model::{DayState, Days, Privacy, Receipt};
use kapture_sinks::{Change, ChangeKind, Ledger, SeenBetween, Sink, SinkError};

use super::date_ranges::ranges;
use crate::output::message::Message;

/// With fewer customers, that most of them changed says little.
const MIN_CUSTOMERS: u64 = 10;

/// What changed on the days that were sealed before a run.
#[derive(Default)]
struct SealedDays(BTreeMap<NaiveDate, Changes>);

#[derive(Default)]
struct Changes {
    /// How many customers the day had.
    customers: u64,
    updated: u64,
    fields: BTreeMap<String, u64>,
}

/// Notes the fields that a run of these days saw changed in more than half of the customers of sealed
/// days. `before` is the ledger before the run.
pub(crate) async fn note(sink: &dyn Sink, before: &Ledger, days: &Days, started: DateTime<Utc>) {
    // The changes of a run that read no sealed day again, as of a first sync, say nothing, and may be many.
    if !days.iter().any(|day| sealed(before, day).is_some()) {
        return;
    }
    // Without a history there are no changes to look at. A note is no reason to fail.
    if let Ok(Some(text)) = seen(sink, before, started).await {
        Message::warning(text).print();
    }
}

async fn seen(
    sink: &dyn Sink,
    before: &Ledger,
    started: DateTime<Utc>,
) -> Result<Option<String>, SinkError> {
    let span = SeenBetween {
        after: Some(started),
        until: None,
    };
    let mut days = SealedDays::default();
    let mut changes = sink.changes(span)?;
    while let Some(change) = changes.try_next().await? {
        days.add(before, &change);
    }
    Ok(days.text())
}

/// The receipt of a day that was sealed.
fn sealed(before: &Ledger, day: NaiveDate) -> Option<&Receipt> {
    let receipt = before.get(day);
    receipt.filter(|receipt| receipt.state == DayState::Sealed)
}

impl SealedDays {
    fn add(&mut self, before: &Ledger, change: &Change) {
        let sealed = sealed(before, change.day);
        let Some(receipt) = sealed.filter(|_| change.kind == ChangeKind::Update) else {
            return;
        };
        let day = self.0.entry(change.day).or_default();
        day.customers = receipt.customers;
        day.updated += 1;
        for field in change.changed_fields() {
            *day.fields.entry(field).or_default() += 1;
        }
    }

    fn text(mut self) -> Option<String> {
        self.0.retain(|_, day| day.updated * 2 > day.customers);
        let sum = |count: fn(&Changes) -> u64| self.0.values().map(count).sum::<u64>();
        let (customers, updated) = (sum(|day| day.customers), sum(|day| day.updated));
        if customers < MIN_CUSTOMERS {
            return None;
        }
        let mut fields = BTreeMap::<&str, u64>::new();
        for (field, count) in self.0.values().flat_map(|day| &day.fields) {
            *fields.entry(field).or_default() += count;
        }
        let most = fields
            .into_iter()
            .filter(|(_, count)| count * 2 > customers);
        let most: Vec<_> = most.map(|(field, _)| option_name(field)).collect();
        let days = ranges(&self.0.into_keys().collect());
        let changed = format!(
            "{updated} of {customers} customers had changed on days that were sealed ({days})"
        );
        Some(match most.is_empty() {
            true => changed,
            false => format!(
                "{changed}, most of them in {}. If a field differs at every reading, add --ignore-change {}: else each reading adds a version of every customer",
                most.join(", "),
                most.join(","),
            ),
        })
    }
}

/// The name of a field as `--ignore-change` takes it.
fn option_name(field: &str) -> String {
    let is_unknown = |name: &str| {
        let choice = Privacy::new([name], [], None);
        matches!(choice, Err(kapture_model::PrivacyError::UnknownField(_)))
    };
    match field.strip_prefix("contacts.") {
        _ if !is_unknown(field) => field.to_owned(),
        Some(field) => format!("contacts.extra.{field}"),
        None => format!("extra.{field}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// A ledger with one sealed day of so many customers.
    fn ledger(customers: u64) -> Ledger {
        let mut receipt = Receipt::new(day("2024-05-02"), DateTime::UNIX_EPOCH);
        receipt.customers = customers;
        receipt.state = DayState::Sealed;
        let mut ledger = Ledger::default();
        ledger.insert(receipt);
        ledger
    }

    /// What is said after so many of the customers had changed in one field.
    fn said(customers: u64, updated: u64, field: &str) -> Option<String> {
        let ledger = ledger(customers);
        let mut days = SealedDays::default();
        for id in 0..updated {
            let version = |value| json!({"id": id, field: value}).as_object().cloned();
            let day = day("2024-05-02");
            let (before, after) = (version(1), version(2));
            let change = Change::new(ChangeKind::Update, DateTime::UNIX_EPOCH, day, before, after);
            days.add(&ledger, &change);
        }
        days.text()
    }

    #[test]
    fn a_field_that_most_customers_changed_in_is_named() {
        let text = said(20, 11, "seenAt").expect("a note");
        assert!(
            text.starts_with(
                "11 of 20 customers had changed on days that were sealed (2024-05-02)"
            ),
            "{text}"
        );
        assert!(text.contains("--ignore-change extra.seenAt:"), "{text}");
        let text = said(20, 20, "lastModificationTime").expect("a note");
        assert!(
            text.contains("--ignore-change lastModificationTime:"),
            "{text}"
        );
    }

    #[test]
    fn ordinary_changes_are_not_noted() {
        assert_eq!(said(20, 10, "seenAt"), None);
        assert_eq!(said(9, 9, "seenAt"), None);
    }

    #[test]
    fn days_that_were_open_or_new_do_not_count() {
        let mut days = SealedDays::default();
        for (kind, day) in [
            (ChangeKind::Insert, day("2024-05-02")),
            (ChangeKind::Update, day("2024-05-03")),
        ] {
            let version = || json!({"id": 1}).as_object().cloned();
            let change = Change::new(kind, DateTime::UNIX_EPOCH, day, version(), version());
            days.add(&ledger(20), &change);
        }
        assert!(days.0.is_empty());
    }
}
